#include "cart/store.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/db.h"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS carts (user TEXT PRIMARY KEY, revision INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS lines ("
    " id INTEGER PRIMARY KEY, user TEXT NOT NULL, item_id INTEGER NOT NULL,"
    " quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 2147483647), UNIQUE (user, item_id));"
    "CREATE TABLE IF NOT EXISTS additions ("
    " user TEXT NOT NULL, key TEXT NOT NULL, item_id INTEGER NOT NULL, quantity INTEGER NOT NULL,"
    " PRIMARY KEY (user, key)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS checkouts (id TEXT PRIMARY KEY) WITHOUT ROWID;";

int cart_open(struct shop_db *db, const char *directory)
{
    return shop_db_open(db, directory, "cart.db", schema, false);
}

static int end(struct shop_db *db, int result)
{
    int r;

    if (result != CART_OK) {
        shop_db_rollback(db);
        return result;
    }
    r = shop_db_commit(db);
    return r != 0 ? r : CART_OK;
}

/* Within a transaction, as all below. */
static int read_revision(struct shop_db *db, const char *user, int64_t *ret)
{
    sqlite3_stmt *s = shop_db_statement(db, "SELECT revision FROM carts WHERE user = ?1");
    int r;

    shop_bind_text(s, 1, user);
    r = shop_db_step(db, s);
    *ret = r > 0 ? sqlite3_column_int64(s, 0) : 0;
    return r < 0 ? r : 0;
}

static int read_lines(struct shop_db *db, const char *user, struct cart *ret)
{
    sqlite3_stmt *s = shop_db_statement(
        db, "SELECT item_id, quantity FROM lines WHERE user = ?1 ORDER BY id LIMIT ?2");
    int r;

    shop_bind_text(s, 1, user);
    shop_bind_int(s, 2, CART_LINES_MAX);
    while ((r = shop_db_step(db, s)) > 0 && ret->count < CART_LINES_MAX) {
        ret->lines[ret->count++] = (struct cart_line){.item_id = sqlite3_column_int(s, 0),
                                                      .quantity = sqlite3_column_int(s, 1)};
    }
    return r < 0 ? r : 0;
}

int cart_read(struct shop_db *db, const char *user, struct cart *ret)
{
    int r = shop_db_begin_read(db);

    ret->count = 0;
    if (r != 0) {
        return r;
    }
    r = read_revision(db, user, &ret->revision);
    if (r == 0) {
        r = read_lines(db, user, ret);
    }
    shop_db_rollback(db);
    return r;
}

static int raise_revision(struct shop_db *db, const char *user)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "INSERT INTO carts (user, revision) VALUES (?1, 1)"
                              " ON CONFLICT (user) DO UPDATE SET revision = revision + 1");

    shop_bind_text(s, 1, user);
    return shop_db_run(db, s);
}

static int is_known(struct shop_db *db, const struct cart_addition *a)
{
    sqlite3_stmt *s;
    int r;

    if (a->key == NULL) {
        return CART_OK;
    }
    s = shop_db_statement(db,
                          "SELECT item_id, quantity FROM additions WHERE user = ?1 AND key = ?2");
    shop_bind_text(s, 1, a->user);
    shop_bind_text(s, 2, a->key);
    r = shop_db_step(db, s);
    if (r <= 0) {
        return r < 0 ? r : CART_OK;
    }
    return sqlite3_column_int(s, 0) == a->line.item_id &&
                   sqlite3_column_int(s, 1) == a->line.quantity
               ? CART_REPEAT
               : CART_KEY_TAKEN;
}

int cart_known(struct shop_db *db, const struct cart_addition *a)
{
    int r = shop_db_begin_read(db);

    if (r == 0) {
        r = is_known(db, a);
        shop_db_rollback(db);
    }
    return r;
}

static int has_room(struct shop_db *db, const struct cart_addition *a)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "SELECT count(*) FROM lines WHERE user = ?1 AND item_id <> ?2");
    int r;

    shop_bind_text(s, 1, a->user);
    shop_bind_int(s, 2, a->line.item_id);
    r = shop_db_step(db, s);
    if (r <= 0) {
        return r;
    }
    return sqlite3_column_int(s, 0) < CART_LINES_MAX ? CART_OK : CART_FULL;
}

static int remember(struct shop_db *db, const struct cart_addition *a)
{
    sqlite3_stmt *s = shop_db_statement(
        db, "INSERT INTO additions (user, key, item_id, quantity) VALUES (?1, ?2, ?3, ?4)");

    shop_bind_text(s, 1, a->user);
    shop_bind_text(s, 2, a->key);
    shop_bind_int(s, 3, a->line.item_id);
    shop_bind_int(s, 4, a->line.quantity);
    return shop_db_run(db, s);
}

static int add(struct shop_db *db, const struct cart_addition *a)
{
    sqlite3_stmt *s;
    int64_t revision;
    int r = is_known(db, a);

    if (r == 0) {
        r = read_revision(db, a->user, &revision);
    }
    if (r == 0 && revision != a->revision) {
        r = CART_CHANGED;
    }
    if (r == 0) {
        r = has_room(db, a);
    }
    if (r != 0) {
        return r;
    }
    s = shop_db_statement(
        db, "INSERT INTO lines (user, item_id, quantity) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (user, item_id) DO UPDATE SET quantity = quantity + excluded.quantity");
    shop_bind_text(s, 1, a->user);
    shop_bind_int(s, 2, a->line.item_id);
    shop_bind_int(s, 3, a->line.quantity);
    r = shop_db_run(db, s);
    if (r == 0 && a->key != NULL) {
        r = remember(db, a);
    }
    return r != 0 ? r : raise_revision(db, a->user);
}

int cart_add(struct shop_db *db, const struct cart_addition *a)
{
    int r = shop_db_begin(db);

    return r != 0 ? r : end(db, add(db, a));
}

static int drop(struct shop_db *db, const char *user, int32_t item_id)
{
    sqlite3_stmt *s = shop_db_statement(db, "DELETE FROM lines WHERE user = ?1 AND item_id = ?2");
    int r;

    shop_bind_text(s, 1, user);
    shop_bind_int(s, 2, item_id);
    r = shop_db_run(db, s);
    if (r != 0) {
        return r;
    }
    return sqlite3_changes(db->handle) == 0 ? CART_NONE : raise_revision(db, user);
}

int cart_remove(struct shop_db *db, const char *user, int32_t item_id)
{
    int r = shop_db_begin(db);

    return r != 0 ? r : end(db, drop(db, user, item_id));
}

/* What the user added after the checkout began stays. */
static int take_line(struct shop_db *db, const char *user, const struct cart_line *line)
{
    sqlite3_stmt *s = shop_db_statement(
        db, "DELETE FROM lines WHERE user = ?1 AND item_id = ?2 AND quantity <= ?3");
    int r;

    shop_bind_text(s, 1, user);
    shop_bind_int(s, 2, line->item_id);
    shop_bind_int(s, 3, line->quantity);
    r = shop_db_run(db, s);
    if (r != 0) {
        return r;
    }
    s = shop_db_statement(
        db, "UPDATE lines SET quantity = quantity - ?3 WHERE user = ?1 AND item_id = ?2");
    shop_bind_text(s, 1, user);
    shop_bind_int(s, 2, line->item_id);
    shop_bind_int(s, 3, line->quantity);
    return shop_db_run(db, s);
}

static int take_out(struct shop_db *db, const char *checkout_id, const char *user,
                    const struct cart_line *lines, size_t count)
{
    sqlite3_stmt *s = shop_db_statement(db, "INSERT OR IGNORE INTO checkouts (id) VALUES (?1)");
    int r;

    shop_bind_text(s, 1, checkout_id);
    r = shop_db_run(db, s);
    if (r != 0 || sqlite3_changes(db->handle) == 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = take_line(db, user, &lines[i]);
    }
    return r != 0 ? r : raise_revision(db, user);
}

int cart_take_out(struct shop_db *db, const char *checkout_id, const char *user,
                  const struct cart_line *lines, size_t count)
{
    int r = shop_db_begin(db);

    return r != 0 ? r : end(db, take_out(db, checkout_id, user, lines, count));
}
