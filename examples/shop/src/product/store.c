#include "product/store.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/catalogue.h"
#include "common/db.h"

#define COLUMNS "item_id, name, category, price, percent, buy, free"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS goods ("
    " item_id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL,"
    " price INTEGER NOT NULL, percent INTEGER NOT NULL, buy INTEGER NOT NULL,"
    " free INTEGER NOT NULL, listed INTEGER NOT NULL);";

static int load_one(struct shop_db *db, const struct shop_goods *g)
{
    sqlite3_stmt *s = shop_db_statement(db, "INSERT OR REPLACE INTO goods (" COLUMNS ", listed)"
                                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)");

    shop_bind_int(s, 1, g->item_id);
    shop_bind_text(s, 2, g->name);
    shop_bind_text(s, 3, g->category);
    shop_bind_int(s, 4, g->price);
    shop_bind_int(s, 5, g->percent);
    shop_bind_int(s, 6, g->buy);
    shop_bind_int(s, 7, g->free);
    return shop_db_run(db, s);
}

int product_open(struct shop_db *db, const char *directory, const struct shop_catalogue *catalogue)
{
    int r = shop_db_open(db, directory, "product.db", schema, false);

    if (r != 0) {
        return r;
    }
    r = shop_db_begin(db);
    if (r != 0) {
        shop_db_close(db);
        return r;
    }
    /* One transaction: another replica that serves meanwhile never sees a shop without goods. */
    r = shop_db_run(db, shop_db_statement(db, "UPDATE goods SET listed = 0"));
    for (size_t i = 0; r == 0 && i < catalogue->count; i++) {
        r = load_one(db, &catalogue->goods[i]);
    }
    if (r == 0) {
        return shop_db_commit(db);
    }
    shop_db_rollback(db);
    shop_db_close(db);
    return r;
}

static void read_row(sqlite3_stmt *s, struct shop_goods *ret)
{
    *ret = (struct shop_goods){
        .item_id = sqlite3_column_int(s, 0),
        .price = sqlite3_column_int(s, 3),
        .percent = sqlite3_column_int(s, 4),
        .buy = sqlite3_column_int(s, 5),
        .free = sqlite3_column_int(s, 6),
    };
    shop_column_text(s, 1, ret->name, sizeof(ret->name));
    shop_column_text(s, 2, ret->category, sizeof(ret->category));
}

/* Within a transaction. */
static int look_up(struct shop_db *db, int32_t item_id, struct shop_goods *ret)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "SELECT " COLUMNS " FROM goods WHERE item_id = ?1 AND listed = 1");
    int r;

    shop_bind_int(s, 1, item_id);
    r = shop_db_step(db, s);
    if (r <= 0) {
        return r < 0 ? r : PRODUCT_UNKNOWN_ITEM;
    }
    read_row(s, ret);
    return PRODUCT_OK;
}

int product_get(struct shop_db *db, int32_t item_id, struct shop_goods *ret)
{
    int r = shop_db_begin_read(db);

    if (r == 0) {
        r = look_up(db, item_id, ret);
        shop_db_rollback(db);
    }
    return r;
}

#define MATCHES                                                                                    \
    " listed = 1 AND (?1 = '' OR instr(lower(name), lower(?1)) > 0"                                \
    " OR instr(lower(category), lower(?1)) > 0)"

static int count_matches(struct shop_db *db, const char *query, int32_t *ret_total)
{
    sqlite3_stmt *s = shop_db_statement(db, "SELECT count(*) FROM goods WHERE" MATCHES);
    int r;

    shop_bind_text(s, 1, query);
    r = shop_db_step(db, s);
    if (r > 0) {
        *ret_total = sqlite3_column_int(s, 0);
        r = 0;
    }
    return r;
}

int product_list(struct shop_db *db, const char *query, int32_t after, struct shop_goods *ret,
                 size_t room, size_t *ret_count, int32_t *ret_total)
{
    sqlite3_stmt *s;
    int r = shop_db_begin_read(db);

    *ret_count = 0;
    if (r != 0) {
        return r;
    }
    r = count_matches(db, query, ret_total);
    s = shop_db_statement(db, "SELECT " COLUMNS " FROM goods WHERE" MATCHES
                              " AND item_id > ?2 ORDER BY item_id LIMIT ?3");
    shop_bind_text(s, 1, query);
    shop_bind_int(s, 2, after);
    shop_bind_int(s, 3, (int64_t)room);
    while (r == 0 && *ret_count < room && (r = shop_db_step(db, s)) > 0) {
        read_row(s, &ret[(*ret_count)++]);
        r = 0;
    }
    shop_db_rollback(db);
    return r;
}

void product_promotion_name(const struct shop_goods *g, char ret[SHOP_NAME_SIZE])
{
    ret[0] = '\0';
    if (g->percent > 0) {
        (void)snprintf(ret, SHOP_NAME_SIZE, "%d%% off", g->percent);
    } else if (g->free > 0) {
        (void)snprintf(ret, SHOP_NAME_SIZE, "%d for %d", g->buy, g->buy - g->free);
    }
}

static int quote_line(struct shop_db *db, struct product_line *line, int64_t *total)
{
    struct shop_goods g;
    int64_t discount;
    int r = look_up(db, line->item_id, &g);

    if (r != 0) {
        return r;
    }
    /* Both factors are below 2^31, and so is the sum of what passed before. */
    discount = shop_discount(&g, line->quantity);
    *total += (int64_t)g.price * line->quantity - discount;
    if (*total > INT32_MAX || discount > INT32_MAX) {
        return PRODUCT_TOO_DEAR;
    }
    line->price = g.price;
    line->discount = (int32_t)discount;
    (void)snprintf(line->name, sizeof(line->name), "%s", g.name);
    product_promotion_name(&g, line->promotion);
    return PRODUCT_OK;
}

int product_quote(struct shop_db *db, struct product_line *lines, size_t count, int32_t *ret_total,
                  const struct product_line **ret_wrong)
{
    int64_t total = 0;
    int r = shop_db_begin_read(db);

    *ret_wrong = NULL;
    if (r != 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = quote_line(db, &lines[i], &total);
        *ret_wrong = r > 0 ? &lines[i] : NULL;
    }
    shop_db_rollback(db);
    if (r == 0) {
        *ret_total = (int32_t)total;
    }
    return r;
}
