/*
 * SQLite for a service of the shop: one file in the state directory, shared by all replicas.
 *
 * Replicas are separate processes on one file, so each change is a BEGIN IMMEDIATE transaction: it
 * takes the write lock before it reads. Between shop_db_begin() and its end the handle is locked
 * for other threads; never call another service in there.
 *
 * Statements are written straight down: binding to a failed statement does nothing and the step
 * reports it, after one line on stderr that says what SQLite said.
 */
#ifndef SHOP_COMMON_DB_H
#define SHOP_COMMON_DB_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHOP_DB_STATEMENTS_MAX = 48 };

struct shop_db {
    sqlite3 *handle;
    pthread_mutex_t lock;
    struct {
        const char *sql; /* compared by address: string literals only */
        sqlite3_stmt *statement;
    } cache[SHOP_DB_STATEMENTS_MAX];
};

/*
 * Opens (and creates) `file` in `directory`; NULL: $STATE_DIRECTORY, else ".". `schema` may be run
 * again on an existing file. durable: each commit is on disk before it returns (money, stock);
 * otherwise it survives the death of the process but maybe not of the machine. 0 or -EIO.
 */
int shop_db_open(struct shop_db *db, const char *directory, const char *file, const char *schema,
                 bool durable);
void shop_db_close(struct shop_db *db);

/* A transaction that writes. 0: begun, and ended by exactly one of the other two. -EIO, -EBUSY. */
int shop_db_begin(struct shop_db *db);
int shop_db_commit(struct shop_db *db);
void shop_db_rollback(struct shop_db *db);
/* A transaction that only reads, all from one moment; ended by shop_db_rollback(). */
int shop_db_begin_read(struct shop_db *db);

/* Ready to be bound and stepped; NULL when SQLite refuses it. Inside a transaction only. */
sqlite3_stmt *shop_db_statement(struct shop_db *db, const char *sql);
void shop_bind_int(sqlite3_stmt *s, int at, int64_t value);
/*
 * Not copied: it has to live until the statement was run. (A copy could fail for lack of memory, and
 * an UPDATE whose id is NULL changes nothing and looks like success.) NULL binds NULL.
 */
void shop_bind_text(sqlite3_stmt *s, int at, const char *value);
/* 1: a row is there. 0: no more. -EIO. */
int shop_db_step(struct shop_db *db, sqlite3_stmt *s);
/* Steps a statement without rows to its end. 0 or -EIO. */
int shop_db_run(struct shop_db *db, sqlite3_stmt *s);
/* The column as text, cut to fit; "" for NULL. */
void shop_column_text(sqlite3_stmt *s, int column, char *ret, size_t size);

#endif
