#include "stock/store.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/catalogue.h"
#include "common/db.h"

enum { HELD = 1, RELEASED = 2 };

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS items ("
    " item_id INTEGER PRIMARY KEY, initial INTEGER NOT NULL,"
    " available INTEGER NOT NULL CHECK (available BETWEEN 0 AND 2147483647),"
    " price INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS reservations ("
    " id TEXT NOT NULL UNIQUE, user TEXT NOT NULL, state INTEGER NOT NULL,"
    " may_put_back INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS lines ("
    " reservation TEXT NOT NULL, item_id INTEGER NOT NULL, quantity INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS lines_of ON lines (reservation);"
    "CREATE INDEX IF NOT EXISTS held_by ON reservations (user, state, may_put_back);";

static int load(struct shop_db *db, const struct shop_catalogue *catalogue)
{
    int r = shop_db_begin(db);

    if (r != 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < catalogue->count; i++) {
        const struct shop_goods *g = &catalogue->goods[i];
        sqlite3_stmt *s = shop_db_statement(
            db, "INSERT INTO items (item_id, initial, available, price) VALUES (?1, ?2, ?2, ?3)"
                " ON CONFLICT (item_id) DO UPDATE SET price = excluded.price"
                " WHERE price <> excluded.price");

        shop_bind_int(s, 1, g->item_id);
        shop_bind_int(s, 2, g->stock);
        shop_bind_int(s, 3, g->price);
        r = shop_db_run(db, s);
    }
    if (r != 0) {
        shop_db_rollback(db);
        return r;
    }
    return shop_db_commit(db);
}

int stock_open(struct shop_db *db, const char *directory, const struct shop_catalogue *catalogue)
{
    int r = shop_db_open(db, directory, "stock.db", schema, true);

    if (r == 0) {
        r = load(db, catalogue);
        if (r != 0) {
            shop_db_close(db);
        }
    }
    return r;
}

/* Within a transaction. */
static int look_up(struct shop_db *db, int32_t item_id, int32_t *ret_available, int32_t *ret_price)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "SELECT available, price FROM items WHERE item_id = ?1");
    int r;

    shop_bind_int(s, 1, item_id);
    r = shop_db_step(db, s);
    if (r <= 0) {
        return r < 0 ? r : STOCK_UNKNOWN_ITEM;
    }
    *ret_available = sqlite3_column_int(s, 0);
    *ret_price = sqlite3_column_int(s, 1);
    return STOCK_OK;
}

int stock_get(struct shop_db *db, int32_t item_id, int32_t *ret_available, int32_t *ret_price)
{
    int r = shop_db_begin_read(db);

    if (r == 0) {
        r = look_up(db, item_id, ret_available, ret_price);
        shop_db_rollback(db);
    }
    return r;
}

static int change(struct shop_db *db, int32_t item_id, int32_t by)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "UPDATE items SET available = available + ?2 WHERE item_id = ?1");

    shop_bind_int(s, 1, item_id);
    shop_bind_int(s, 2, by);
    return shop_db_run(db, s);
}

static int take_line(struct shop_db *db, const char *reservation, struct stock_line *line)
{
    sqlite3_stmt *s;
    int32_t available;
    int32_t price;
    int r = look_up(db, line->item_id, &available, &price);

    if (r != 0) {
        return r;
    }
    line->left = available;
    if (available < line->quantity) {
        return STOCK_SHORT;
    }
    r = change(db, line->item_id, -line->quantity);
    if (r != 0) {
        return r;
    }
    line->left = available - line->quantity;
    line->now_low = available >= STOCK_LOW && line->left < STOCK_LOW;
    s = shop_db_statement(db,
                          "INSERT INTO lines (reservation, item_id, quantity) VALUES (?1, ?2, ?3)");
    shop_bind_text(s, 1, reservation);
    shop_bind_int(s, 2, line->item_id);
    shop_bind_int(s, 3, line->quantity);
    return shop_db_run(db, s);
}

/* 0: not known; HELD, RELEASED; -EIO. */
static int state_of(struct shop_db *db, const char *id)
{
    sqlite3_stmt *s = shop_db_statement(db, "SELECT state FROM reservations WHERE id = ?1");
    int r;

    shop_bind_text(s, 1, id);
    r = shop_db_step(db, s);
    return r > 0 ? sqlite3_column_int(s, 0) : r;
}

static int add_reservation(struct shop_db *db, const struct stock_reservation *r, int state)
{
    sqlite3_stmt *s = shop_db_statement(
        db, "INSERT INTO reservations (id, user, state, may_put_back) VALUES (?1, ?2, ?3, ?4)");

    shop_bind_text(s, 1, r->id);
    shop_bind_text(s, 2, r->user);
    shop_bind_int(s, 3, state);
    shop_bind_int(s, 4, r->may_put_back);
    return shop_db_run(db, s);
}

/* STOCK_OK: that reservation holds just these lines. */
static int compare_lines(struct shop_db *db, const struct stock_reservation *r)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "SELECT item_id, quantity FROM lines WHERE reservation = ?1"
                              " ORDER BY rowid");
    size_t at = 0;
    int result;

    shop_bind_text(s, 1, r->id);
    while ((result = shop_db_step(db, s)) > 0) {
        if (at == r->count || sqlite3_column_int(s, 0) != r->lines[at].item_id ||
            sqlite3_column_int(s, 1) != r->lines[at].quantity) {
            return STOCK_KEY_TAKEN;
        }
        at++;
    }
    if (result < 0) {
        return result;
    }
    return at == r->count ? STOCK_OK : STOCK_KEY_TAKEN;
}

/* A repeat: only says what is left by now. */
static int look_up_lines(struct shop_db *db, const struct stock_reservation *r,
                         const struct stock_line **ret_wrong)
{
    int32_t price;
    int result = compare_lines(db, r);

    for (size_t i = 0; result == STOCK_OK && i < r->count; i++) {
        result = look_up(db, r->lines[i].item_id, &r->lines[i].left, &price);
        *ret_wrong = result > 0 ? &r->lines[i] : NULL;
    }
    return result;
}

static int reserve(struct shop_db *db, const struct stock_reservation *r,
                   const struct stock_line **ret_wrong)
{
    int result = state_of(db, r->id);

    if (result < 0) {
        return result;
    }
    if (result != 0) {
        return result == RELEASED ? STOCK_RELEASED : look_up_lines(db, r, ret_wrong);
    }
    result = add_reservation(db, r, HELD);
    for (size_t i = 0; result == 0 && i < r->count; i++) {
        result = take_line(db, r->id, &r->lines[i]);
        *ret_wrong = result > 0 ? &r->lines[i] : NULL;
    }
    return result;
}

static int end(struct shop_db *db, int result)
{
    int r;

    if (result != STOCK_OK) {
        shop_db_rollback(db);
        return result;
    }
    r = shop_db_commit(db);
    return r != 0 ? r : STOCK_OK;
}

int stock_reserve(struct shop_db *db, const struct stock_reservation *r,
                  const struct stock_line **ret_wrong)
{
    int result = shop_db_begin(db);

    *ret_wrong = NULL;
    for (size_t i = 0; i < r->count; i++) {
        r->lines[i].left = 0;
        r->lines[i].now_low = false;
    }
    return result != 0 ? result : end(db, reserve(db, r, ret_wrong));
}

static int give_back(struct shop_db *db, const char *id)
{
    sqlite3_stmt *s = shop_db_statement(
        db, "UPDATE items SET available = available + (SELECT sum(quantity) FROM lines"
            " WHERE reservation = ?1 AND lines.item_id = items.item_id)"
            " WHERE item_id IN (SELECT item_id FROM lines WHERE reservation = ?1)");
    int r;

    shop_bind_text(s, 1, id);
    r = shop_db_run(db, s);
    if (r != 0) {
        return r;
    }
    s = shop_db_statement(db, "UPDATE reservations SET state = 2 WHERE id = ?1");
    shop_bind_text(s, 1, id);
    return shop_db_run(db, s);
}

static int release(struct shop_db *db, const char *id)
{
    int state = state_of(db, id);

    if (state < 0 || state == RELEASED) {
        return state < 0 ? state : STOCK_OK;
    }
    if (state == HELD) {
        return give_back(db, id);
    }
    return add_reservation(db, &(struct stock_reservation){.id = id, .user = ""}, RELEASED);
}

int stock_release(struct shop_db *db, const char *id)
{
    int result = shop_db_begin(db);

    return result != 0 ? result : end(db, release(db, id));
}

static int put_back(struct shop_db *db, const char *user, int32_t item_id, int32_t *ret_quantity,
                    int32_t *ret_available)
{
    char id[256];
    int32_t price;
    sqlite3_stmt *s;
    int r = look_up(db, item_id, ret_available, &price);

    if (r != 0) {
        return r;
    }
    s = shop_db_statement(
        db, "SELECT r.id, l.quantity FROM reservations r JOIN lines l ON l.reservation = r.id"
            " WHERE r.user = ?1 AND r.state = 1 AND r.may_put_back = 1 AND l.item_id = ?2"
            " ORDER BY r.rowid DESC LIMIT 1");
    shop_bind_text(s, 1, user);
    shop_bind_int(s, 2, item_id);
    r = shop_db_step(db, s);
    if (r <= 0) {
        return r < 0 ? r : STOCK_NONE;
    }
    shop_column_text(s, 0, id, sizeof(id));
    *ret_quantity = sqlite3_column_int(s, 1);
    r = give_back(db, id);
    return r != 0 ? r : look_up(db, item_id, ret_available, &price);
}

int stock_put_back(struct shop_db *db, const char *user, int32_t item_id, int32_t *ret_quantity,
                   int32_t *ret_available)
{
    int result = shop_db_begin(db);

    return result != 0 ? result : end(db, put_back(db, user, item_id, ret_quantity, ret_available));
}
