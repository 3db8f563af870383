#include "order/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/db.h"

#define COLUMNS "number, id, user, state, total, created_ms, payment_id, status, reason, touched_ms"
enum { COLUMN_TOUCHED = 9 };
#define UNFINISHED "state NOT IN (5, 8)"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS checkouts ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL,"
    " key TEXT, state INTEGER NOT NULL,"
    " total INTEGER NOT NULL CHECK (total BETWEEN 0 AND 2147483647),"
    " created_ms INTEGER NOT NULL, touched_ms INTEGER NOT NULL, payment_id TEXT NOT NULL,"
    " status INTEGER NOT NULL, reason TEXT NOT NULL, UNIQUE (user, key));"
    "CREATE INDEX IF NOT EXISTS unfinished ON checkouts (user) WHERE " UNFINISHED ";"
    "CREATE TABLE IF NOT EXISTS lines ("
    " id INTEGER PRIMARY KEY, checkout INTEGER NOT NULL, item_id INTEGER NOT NULL,"
    " quantity INTEGER NOT NULL, price INTEGER NOT NULL, discount INTEGER NOT NULL,"
    " promotion TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS lines_of ON lines (checkout);";

int order_open(struct order_book *book, const char *directory)
{
    int fd;
    int r;

    if (directory == NULL) {
        directory = getenv("STATE_DIRECTORY");
    }
    (void)snprintf(book->locks, sizeof(book->locks), "%s/order.db.locks",
                   directory == NULL ? "." : directory);
    fd = open(book->locks, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        r = -errno;
        (void)fprintf(stderr, "level=error doing=\"open %s\" result=\"%s\"\n", book->locks,
                      strerror(-r));
        return r;
    }
    (void)close(fd);
    return shop_db_open(&book->db, directory, "order.db", schema, true);
}

void order_close(struct order_book *book)
{
    shop_db_close(&book->db);
}

static void read_head(sqlite3_stmt *s, struct order *ret)
{
    ret->number = sqlite3_column_int64(s, 0);
    shop_column_text(s, 1, ret->id, sizeof(ret->id));
    shop_column_text(s, 2, ret->user, sizeof(ret->user));
    ret->state = sqlite3_column_int(s, 3);
    ret->total = sqlite3_column_int(s, 4);
    ret->created_ms = sqlite3_column_int64(s, 5);
    shop_column_text(s, 6, ret->payment_id, sizeof(ret->payment_id));
    ret->status = sqlite3_column_int(s, 7);
    shop_column_text(s, 8, ret->reason, sizeof(ret->reason));
    ret->count = 0;
}

static int read_lines(struct shop_db *db, struct order *o)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "SELECT item_id, quantity, price, discount, promotion FROM lines"
                              " WHERE checkout = ?1 ORDER BY id LIMIT 200");
    int r;

    shop_bind_int(s, 1, o->number);
    while ((r = shop_db_step(db, s)) > 0 && o->count < ORDER_LINES_MAX) {
        struct order_line *line = &o->lines[o->count++];

        line->item_id = sqlite3_column_int(s, 0);
        line->quantity = sqlite3_column_int(s, 1);
        line->price = sqlite3_column_int(s, 2);
        line->discount = sqlite3_column_int(s, 3);
        shop_column_text(s, 4, line->promotion, sizeof(line->promotion));
    }
    return r < 0 ? r : 0;
}

/* ORDER_KNOWN with all of it, 0 when there is none, -EIO. */
static int read_one(struct shop_db *db, sqlite3_stmt *s, struct order *ret)
{
    int r = shop_db_step(db, s);

    if (r <= 0) {
        return r;
    }
    read_head(s, ret);
    r = read_lines(db, ret);
    return r != 0 ? r : ORDER_KNOWN;
}

static int forget_key(struct shop_db *db, int64_t number)
{
    sqlite3_stmt *s = shop_db_statement(db, "UPDATE checkouts SET key = NULL WHERE number = ?1");

    shop_bind_int(s, 1, number);
    return shop_db_run(db, s);
}

static bool is_final(int state)
{
    return state == ORDER_DONE || state == ORDER_FAILED;
}

static int find_key(struct shop_db *db, const struct order_key *key, int64_t now_ms,
                    struct order *ret)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "SELECT " COLUMNS " FROM checkouts WHERE user = ?1 AND key = ?2");
    int r;

    shop_bind_text(s, 1, key->user);
    shop_bind_text(s, 2, key->key);
    r = read_one(db, s, ret);
    if (r != ORDER_KNOWN || !key->stand_in || !is_final(ret->state)) {
        return r;
    }
    if (now_ms - sqlite3_column_int64(s, COLUMN_TOUCHED) <= ORDER_STAND_IN_LIFE_MS) {
        return r;
    }
    return forget_key(db, ret->number);
}

static int find_unfinished(struct shop_db *db, const char *user)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "SELECT 1 FROM checkouts WHERE user = ?1 AND " UNFINISHED " LIMIT 1");
    int r;

    shop_bind_text(s, 1, user);
    r = shop_db_step(db, s);
    return r > 0 ? ORDER_BUSY : r;
}

static int add(struct shop_db *db, const struct order_key *key, const char *id, int64_t now_ms,
               struct order *ret)
{
    sqlite3_stmt *s = shop_db_statement(
        db, "INSERT INTO checkouts (id, user, key, state, total, created_ms, touched_ms,"
            " payment_id, status, reason) VALUES (?1, ?2, ?3, 1, 0, ?4, ?4, '', 0, '')");
    int r;

    shop_bind_text(s, 1, id);
    shop_bind_text(s, 2, key->user);
    shop_bind_text(s, 3, key->key);
    shop_bind_int(s, 4, now_ms);
    r = shop_db_run(db, s);
    if (r != 0) {
        return r;
    }
    ret->number = sqlite3_last_insert_rowid(db->handle);
    ret->state = ORDER_STARTED;
    ret->created_ms = now_ms;
    ret->total = 0;
    ret->status = 0;
    ret->count = 0;
    ret->payment_id[0] = '\0';
    ret->reason[0] = '\0';
    (void)snprintf(ret->id, sizeof(ret->id), "%s", id);
    (void)snprintf(ret->user, sizeof(ret->user), "%s", key->user);
    return ORDER_OK;
}

int order_begin(struct order_book *book, const struct order_key *key, const char *fresh_id,
                int64_t now_ms, struct order *ret)
{
    struct shop_db *db = &book->db;
    int result = shop_db_begin(db);
    int r;

    if (result != 0) {
        return result;
    }
    result = find_key(db, key, now_ms, ret);
    if (result == 0) {
        result = find_unfinished(db, key->user);
    }
    if (result == 0) {
        result = add(db, key, fresh_id, now_ms, ret);
    }
    if (result != 0) {
        shop_db_rollback(db);
        return result;
    }
    r = shop_db_commit(db);
    return r != 0 ? r : ORDER_OK;
}

int order_reload(struct order_book *book, int64_t number, struct order *ret)
{
    sqlite3_stmt *s;
    int r = shop_db_begin_read(&book->db);

    if (r != 0) {
        return r;
    }
    s = shop_db_statement(&book->db, "SELECT " COLUMNS " FROM checkouts WHERE number = ?1");
    shop_bind_int(s, 1, number);
    r = read_one(&book->db, s, ret);
    shop_db_rollback(&book->db);
    if (r < 0) {
        return r;
    }
    return r == ORDER_KNOWN ? ORDER_OK : ORDER_UNKNOWN;
}

int order_get(struct order_book *book, const char *id, struct order *ret)
{
    sqlite3_stmt *s;
    int r = shop_db_begin_read(&book->db);

    if (r != 0) {
        return r;
    }
    s = shop_db_statement(&book->db, "SELECT " COLUMNS " FROM checkouts WHERE id = ?1"
                                     " AND state IN (4, 5)");
    shop_bind_text(s, 1, id);
    r = read_one(&book->db, s, ret);
    shop_db_rollback(&book->db);
    if (r < 0) {
        return r;
    }
    return r == ORDER_KNOWN ? ORDER_OK : ORDER_UNKNOWN;
}

static int save_lines(struct shop_db *db, const struct order *o)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < o->count; i++) {
        sqlite3_stmt *s = shop_db_statement(
            db, "INSERT INTO lines (checkout, item_id, quantity, price, discount, promotion)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

        shop_bind_int(s, 1, o->number);
        shop_bind_int(s, 2, o->lines[i].item_id);
        shop_bind_int(s, 3, o->lines[i].quantity);
        shop_bind_int(s, 4, o->lines[i].price);
        shop_bind_int(s, 5, o->lines[i].discount);
        shop_bind_text(s, 6, o->lines[i].promotion);
        r = shop_db_run(db, s);
    }
    return r;
}

static int save_head(struct shop_db *db, const struct order *o, int64_t now_ms)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "UPDATE checkouts SET state = ?2, total = ?3, payment_id = ?4,"
                              " status = ?5, reason = ?6, touched_ms = ?7 WHERE number = ?1");

    shop_bind_int(s, 1, o->number);
    shop_bind_int(s, 2, o->state);
    shop_bind_int(s, 3, o->total);
    shop_bind_text(s, 4, o->payment_id);
    shop_bind_int(s, 5, o->status);
    shop_bind_text(s, 6, o->reason);
    shop_bind_int(s, 7, now_ms);
    return shop_db_run(db, s);
}

int order_save(struct order_book *book, const struct order *o, bool with_lines, bool may_retry,
               int64_t now_ms)
{
    struct shop_db *db = &book->db;
    int r = shop_db_begin(db);

    if (r != 0) {
        return r;
    }
    r = save_head(db, o, now_ms);
    if (r == 0 && with_lines) {
        r = save_lines(db, o);
    }
    if (r == 0 && may_retry && o->state == ORDER_FAILED) {
        r = forget_key(db, o->number);
    }
    if (r != 0) {
        shop_db_rollback(db);
        return r;
    }
    return shop_db_commit(db);
}

int order_orphans(struct order_book *book, int64_t now_ms, int64_t quiet_ms, int64_t *ret,
                  size_t room, size_t *ret_count)
{
    sqlite3_stmt *s;
    int r = shop_db_begin_read(&book->db);

    *ret_count = 0;
    if (r != 0) {
        return r;
    }
    /*
     * A clock that was set back must not keep a checkout waiting for ever. Money that is owed
     * (state 6) goes before all that waits not much longer, never before everything: refunds that
     * cannot be made now would keep the goods of all others.
     */
    s = shop_db_statement(&book->db, "SELECT number FROM checkouts WHERE " UNFINISHED
                                     " AND (touched_ms <= ?1 - ?2 OR touched_ms > ?1) ORDER BY"
                                     " CASE WHEN touched_ms > ?1 THEN 0 ELSE touched_ms END"
                                     " - CASE state WHEN 6 THEN ?3 ELSE 0 END, number");
    shop_bind_int(s, 1, now_ms);
    shop_bind_int(s, 2, quiet_ms);
    shop_bind_int(s, 3, ORDER_MONEY_FIRST_MS);
    while (*ret_count < room && (r = shop_db_step(&book->db, s)) > 0) {
        ret[(*ret_count)++] = sqlite3_column_int64(s, 0);
    }
    shop_db_rollback(&book->db);
    return r < 0 ? r : 0;
}

int order_touch(struct order_book *book, int64_t number, int64_t now_ms)
{
    struct shop_db *db = &book->db;
    sqlite3_stmt *s;
    int r = shop_db_begin(db);

    if (r != 0) {
        return r;
    }
    s = shop_db_statement(db, "UPDATE checkouts SET touched_ms = ?2 WHERE number = ?1"
                              " AND " UNFINISHED);
    shop_bind_int(s, 1, number);
    shop_bind_int(s, 2, now_ms);
    r = shop_db_run(db, s);
    if (r != 0) {
        shop_db_rollback(db);
        return r;
    }
    return shop_db_commit(db);
}

int order_lock(const struct order_book *book, int64_t number, int *ret_fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = number, .l_len = 1};
    int fd = open(book->locks, O_RDWR | O_CLOEXEC);
    int r;

    if (fd < 0) {
        return -errno;
    }
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        r = errno == EACCES ? -EAGAIN : -errno;
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}
