#include "common/db.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer than a neighbour's commit takes, shorter than a caller's patience. */
enum { BUSY_TIMEOUT_MS = 4000 };

static int complain(struct shop_db *db, const char *doing)
{
    int code = sqlite3_extended_errcode(db->handle);

    (void)fprintf(stderr, "level=error doing=\"%s\" sqlite=\"%s\" code=%d\n", doing,
                  sqlite3_errmsg(db->handle), code);
    return (code & 0xff) == SQLITE_BUSY ? -EBUSY : -EIO;
}

static int exec(struct shop_db *db, const char *sql)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : complain(db, sql);
}

int shop_db_open(struct shop_db *db, const char *directory, const char *file, const char *schema,
                 bool durable)
{
    char path[4096];
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    int r;

    *db = (struct shop_db){.lock = PTHREAD_MUTEX_INITIALIZER};
    if (directory == NULL) {
        directory = getenv("STATE_DIRECTORY");
    }
    (void)snprintf(path, sizeof(path), "%s/%s", directory == NULL ? "." : directory, file);
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        r = complain(db, path);
        shop_db_close(db);
        return r;
    }
    (void)sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    r = exec(db, "PRAGMA journal_mode=WAL");
    if (r == 0) {
        r = exec(db, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    }
    if (r == 0) {
        r = exec(db, "BEGIN IMMEDIATE");
    }
    if (r == 0) {
        r = exec(db, schema);
        r = exec(db, r == 0 ? "COMMIT" : "ROLLBACK") != 0 ? -EIO : r;
    }
    if (r != 0) {
        (void)fprintf(stderr, "level=error doing=\"open %s\" result=\"cannot serve without it\"\n",
                      path);
        shop_db_close(db);
    }
    return r;
}

void shop_db_close(struct shop_db *db)
{
    for (size_t i = 0; i < SHOP_DB_STATEMENTS_MAX; i++) {
        (void)sqlite3_finalize(db->cache[i].statement);
        db->cache[i].statement = NULL;
        db->cache[i].sql = NULL;
    }
    (void)sqlite3_close(db->handle);
    db->handle = NULL;
}

static int begin(struct shop_db *db, const char *sql)
{
    int r = 0;

    (void)pthread_mutex_lock(&db->lock);
    if (!sqlite3_get_autocommit(db->handle)) {
        r = exec(db, "ROLLBACK"); /* one that could not be rolled back then, for lack of memory */
    }
    if (r == 0) {
        r = exec(db, sql);
    }
    if (r != 0) {
        (void)pthread_mutex_unlock(&db->lock);
    }
    return r;
}

int shop_db_begin(struct shop_db *db)
{
    return begin(db, "BEGIN IMMEDIATE");
}

int shop_db_begin_read(struct shop_db *db)
{
    return begin(db, "BEGIN");
}

/* A statement that stopped on a row would keep the transaction open. */
static void reset_all(struct shop_db *db)
{
    for (size_t i = 0; i < SHOP_DB_STATEMENTS_MAX && db->cache[i].sql != NULL; i++) {
        (void)sqlite3_reset(db->cache[i].statement);
    }
}

int shop_db_commit(struct shop_db *db)
{
    int r;

    reset_all(db);
    r = exec(db, "COMMIT");
    if (r != 0) {
        (void)exec(db, "ROLLBACK");
    }
    (void)pthread_mutex_unlock(&db->lock);
    return r;
}

void shop_db_rollback(struct shop_db *db)
{
    reset_all(db);
    /* After some errors (disk full) SQLite has rolled back by itself. */
    if (!sqlite3_get_autocommit(db->handle)) {
        (void)exec(db, "ROLLBACK");
    }
    (void)pthread_mutex_unlock(&db->lock);
}

sqlite3_stmt *shop_db_statement(struct shop_db *db, const char *sql)
{
    for (size_t i = 0; i < SHOP_DB_STATEMENTS_MAX; i++) {
        if (db->cache[i].sql == sql) {
            (void)sqlite3_reset(db->cache[i].statement);
            (void)sqlite3_clear_bindings(db->cache[i].statement);
            return db->cache[i].statement;
        }
        if (db->cache[i].sql == NULL) {
            if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                   &db->cache[i].statement, NULL) != SQLITE_OK) {
                (void)complain(db, sql);
                return NULL;
            }
            db->cache[i].sql = sql;
            return db->cache[i].statement;
        }
    }
    (void)fprintf(stderr, "level=error doing=\"%s\" result=\"too many statements\"\n", sql);
    return NULL;
}

void shop_bind_int(sqlite3_stmt *s, int at, int64_t value)
{
    if (s != NULL) {
        (void)sqlite3_bind_int64(s, at, value);
    }
}

void shop_bind_text(sqlite3_stmt *s, int at, const char *value)
{
    if (s != NULL && value != NULL) {
        (void)sqlite3_bind_text(s, at, value, -1, SQLITE_STATIC);
    }
}

int shop_db_step(struct shop_db *db, sqlite3_stmt *s)
{
    int code;

    if (s == NULL) {
        return -EIO;
    }
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        return 1;
    }
    return code == SQLITE_DONE ? 0 : complain(db, sqlite3_sql(s));
}

int shop_db_run(struct shop_db *db, sqlite3_stmt *s)
{
    int r;

    do {
        r = shop_db_step(db, s);
    } while (r > 0);
    return r;
}

void shop_column_text(sqlite3_stmt *s, int column, char *ret, size_t size)
{
    const unsigned char *text = sqlite3_column_text(s, column);

    (void)snprintf(ret, size, "%s", text == NULL ? "" : (const char *)text);
}
