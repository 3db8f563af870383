#include "traffic/books.h"

#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "traffic/tally.h"

enum { REST_NS = 100000000, REST_MS = 100, BUSY_MS = 2000 };

/*
 * Each query gives one line of text for each thing that is wrong. States are those of
 * order/store.c (4, 5: the order stands), stock/store.c (1: held) and payment/store.c (1: charged).
 */
static const struct {
    const char *rule;
    const char *sql;
} rules[] = {
    {"nothing is oversold",
     "SELECT 'item ' || item_id || ': ' || available || ' available' FROM stock.items"
     " WHERE available < 0 OR available > initial"},
    {"what is available and what is held is what there was",
     "SELECT 'item ' || i.item_id || ': ' || i.initial || ' at first, ' || i.available ||"
     " ' available, ' || coalesce(h.held, 0) || ' held' FROM stock.items i LEFT JOIN"
     " (SELECT l.item_id, sum(l.quantity) AS held FROM stock.lines l JOIN stock.reservations r"
     "  ON r.id = l.reservation WHERE r.state = 1 GROUP BY l.item_id) h ON h.item_id = i.item_id"
     " WHERE i.initial <> i.available + coalesce(h.held, 0)"},
    {"every order was charged once, what it says, to its user",
     "SELECT 'order ' || c.id || ' of ' || c.user || ' total ' || c.total || ', charged ' ||"
     " coalesce(p.amount, 'nothing') FROM orders.checkouts c LEFT JOIN payment.charges p"
     " ON p.scope = 'order' AND p.key = c.id AND p.state = 1 AND p.user = c.user"
     " WHERE c.state IN (4, 5) AND c.total > 0 AND p.amount IS NOT c.total"},
    {"every charge of a checkout belongs to an order or was returned",
     "SELECT 'charge ' || p.id || ' of ' || p.user || ': ' || p.amount FROM payment.charges p"
     " WHERE p.scope = 'order' AND p.state = 1 AND NOT EXISTS"
     " (SELECT 1 FROM orders.checkouts c WHERE c.id = p.key AND c.user = p.user AND c.total > 0"
     " AND c.state IN (4, 5))"},
    {"every order holds what it sold",
     "SELECT 'order ' || c.id || ' item ' || l.item_id || ': ' || l.quantity FROM"
     " orders.checkouts c JOIN orders.lines l ON l.checkout = c.number"
     " WHERE c.state IN (4, 5) AND NOT EXISTS (SELECT 1 FROM stock.reservations r JOIN stock.lines"
     " s ON s.reservation = r.id WHERE r.id = c.id AND r.state = 1 AND s.item_id = l.item_id"
     " AND s.quantity = l.quantity)"},
    {"every reservation of a checkout belongs to an order or was put back",
     "SELECT 'reservation ' || r.id || ' of ' || r.user FROM stock.reservations r"
     " WHERE r.state = 1 AND r.may_put_back = 0 AND NOT EXISTS"
     " (SELECT 1 FROM orders.checkouts c WHERE c.id = r.id AND c.state IN (4, 5))"},
    {"every order's total is that of its lines less the promotions",
     "SELECT 'order ' || c.id || ': ' || c.total FROM orders.checkouts c WHERE c.state IN (4, 5)"
     " AND c.total <> (SELECT sum(l.price * l.quantity - l.discount) FROM orders.lines l"
     " WHERE l.checkout = c.number)"},
    {"every order left its cart",
     "SELECT 'order ' || c.id FROM orders.checkouts c WHERE c.state = 5"
     " AND NOT EXISTS (SELECT 1 FROM cart.checkouts k WHERE k.id = c.id)"},
    {"no checkout is stuck",
     "SELECT 'checkout ' || c.id || ' in state ' || c.state FROM orders.checkouts c"
     " WHERE c.state NOT IN (5, 8)"},
};

static int attach(sqlite3 *db, const char *directory, const char *service, const char *as)
{
    char sql[4352];
    int n = snprintf(sql, sizeof(sql), "ATTACH 'file:%s/%s/%s.db?mode=ro' AS %s", directory,
                     service, service, as);

    if (n < 0 || (size_t)n >= sizeof(sql)) {
        return -ENAMETOOLONG;
    }
    if (strpbrk(directory, "'?#%") != NULL) {
        (void)fprintf(stderr,
                      "shop-traffic: %s: a folder with ' ? # or %% in its name cannot be"
                      " named in a file: URI\n",
                      directory);
        return -EINVAL;
    }
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "shop-traffic: %s/%s/%s.db: %s\n", directory, service, service,
                      sqlite3_errmsg(db));
        return -EIO;
    }
    return 0;
}

static int open_all(const char *directory, sqlite3 **ret)
{
    static const char *const names[][2] = {
        {"stock", "stock"}, {"payment", "payment"}, {"order", "orders"}, {"cart", "cart"}};
    sqlite3 *db = NULL;
    int r = 0;

    if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, NULL) !=
        SQLITE_OK) {
        (void)sqlite3_close(db);
        return -ENOMEM;
    }
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    for (size_t i = 0; r == 0 && i < 4; i++) {
        r = attach(db, directory, names[i][0], names[i][1]);
    }
    if (r != 0) {
        (void)sqlite3_close(db);
        return r;
    }
    *ret = db;
    return 0;
}

static void wait_for_quiet(sqlite3 *db, unsigned wait_ms)
{
    const struct timespec rest = {.tv_nsec = REST_NS};

    for (unsigned waited = 0; waited < wait_ms; waited += REST_MS) {
        sqlite3_stmt *s = NULL;
        int found;

        (void)sqlite3_prepare_v2(
            db, "SELECT 1 FROM orders.checkouts WHERE state NOT IN (5, 8) LIMIT 1", -1, &s, NULL);
        found = sqlite3_step(s);
        (void)sqlite3_finalize(s);
        if (found != SQLITE_ROW) {
            return;
        }
        (void)nanosleep(&rest, NULL);
    }
}

static void check_rule(sqlite3 *db, const char *rule, const char *sql, struct tally *t)
{
    sqlite3_stmt *s = NULL;
    int code;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        tally_wrong(t, "%s: cannot be checked: %s", rule, sqlite3_errmsg(db));
        return;
    }
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(s, 0);

        tally_wrong(t, "%s: not %s", rule, text == NULL ? "NULL" : (const char *)text);
    }
    if (code != SQLITE_DONE) {
        tally_wrong(t, "%s: cannot be checked: %s", rule, sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(s);
}

int books_check(const char *directory, unsigned wait_ms, struct tally *t)
{
    sqlite3 *db;
    int r = open_all(directory, &db);

    if (r != 0) {
        return r;
    }
    wait_for_quiet(db, wait_ms);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        check_rule(db, rules[i].rule, rules[i].sql, t);
    }
    (void)sqlite3_close(db);
    return 0;
}
