#include "payment/store.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>

#include "common/db.h"

enum { CHARGED = 1, REFUSED = 2, REFUNDED = 3, NEVER = 4 };

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS charges ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, key TEXT NOT NULL,"
    " user TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 2147483647),"
    " state INTEGER NOT NULL, reason TEXT NOT NULL, UNIQUE (scope, user, key));";

struct known {
    int64_t id;
    int state; /* 0: the key is not known */
    int32_t amount;
    char reason[PAYMENT_REASON_SIZE];
};

int payment_open(struct shop_db *db, const char *directory)
{
    return shop_db_open(db, directory, "payment.db", schema, true);
}

static int look_up(struct shop_db *db, const struct payment_charge *c, struct known *ret)
{
    sqlite3_stmt *s = shop_db_statement(db, "SELECT id, state, amount, reason FROM charges"
                                            " WHERE scope = ?1 AND user = ?2 AND key = ?3");
    int r;

    *ret = (struct known){0};
    shop_bind_text(s, 1, c->scope);
    shop_bind_text(s, 2, c->user);
    shop_bind_text(s, 3, c->key);
    r = shop_db_step(db, s);
    if (r <= 0) {
        return r;
    }
    ret->id = sqlite3_column_int64(s, 0);
    ret->state = sqlite3_column_int(s, 1);
    ret->amount = sqlite3_column_int(s, 2);
    shop_column_text(s, 3, ret->reason, sizeof(ret->reason));
    return 0;
}

static int add(struct shop_db *db, const struct payment_charge *c, int state, const char *reason)
{
    sqlite3_stmt *s =
        shop_db_statement(db, "INSERT INTO charges (scope, key, user, amount, state, reason)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

    shop_bind_text(s, 1, c->scope);
    shop_bind_text(s, 2, c->key);
    shop_bind_text(s, 3, c->user);
    shop_bind_int(s, 4, c->amount);
    shop_bind_int(s, 5, state);
    shop_bind_text(s, 6, reason);
    return shop_db_run(db, s);
}

static int repeat(const struct known *k, const struct payment_charge *c,
                  char ret_reason[PAYMENT_REASON_SIZE])
{
    if (k->state == NEVER) {
        return PAYMENT_RETURNED;
    }
    if (k->amount != c->amount) {
        return PAYMENT_KEY_TAKEN;
    }
    if (k->state == REFUSED) {
        (void)snprintf(ret_reason, PAYMENT_REASON_SIZE, "%s", k->reason);
        return PAYMENT_REFUSED;
    }
    return k->state == CHARGED ? PAYMENT_OK : PAYMENT_RETURNED;
}

/*
 * The bank is asked inside the transaction, which its stand-in allows: it answers at once. A bank
 * at the end of a wire would be asked between two transactions, with this key as its key.
 */
static int charge(struct shop_db *db, const struct payment_charge *c, payment_bank *bank,
                  void *bank_user, char ret_reason[PAYMENT_REASON_SIZE])
{
    int result = bank(bank_user, c, ret_reason);
    int r;

    if (result == PAYMENT_BANK_DOWN) {
        return result;
    }
    r = add(db, c, result == PAYMENT_OK ? CHARGED : REFUSED, ret_reason);
    return r != 0 ? r : result;
}

int payment_charge(struct shop_db *db, const struct payment_charge *c, payment_bank *bank,
                   void *bank_user, char ret_id[PAYMENT_ID_SIZE],
                   char ret_reason[PAYMENT_REASON_SIZE])
{
    struct known k;
    int result = shop_db_begin(db);
    int r;

    ret_id[0] = '\0';
    ret_reason[0] = '\0';
    if (result != 0) {
        return result;
    }
    result = look_up(db, c, &k);
    if (result == 0) {
        result =
            k.state != 0 ? repeat(&k, c, ret_reason) : charge(db, c, bank, bank_user, ret_reason);
    }
    if (result < 0 || k.state != 0) {
        shop_db_rollback(db);
    } else {
        k.id = sqlite3_last_insert_rowid(db->handle);
        r = shop_db_commit(db);
        result = r != 0 ? r : result;
    }
    (void)snprintf(ret_id, PAYMENT_ID_SIZE, "p-%lld", (long long)k.id);
    return result;
}

static int refund(struct shop_db *db, const struct payment_charge *c, int32_t *ret_amount)
{
    struct known k;
    sqlite3_stmt *s;
    int r = look_up(db, c, &k);

    *ret_amount = 0;
    if (r != 0) {
        return r;
    }
    if (k.state == 0) {
        return add(db, c, NEVER, "returned before it was charged");
    }
    if (k.state == REFUNDED || k.state == CHARGED) {
        *ret_amount = k.amount;
    }
    if (k.state != CHARGED) {
        return 0;
    }
    s = shop_db_statement(db, "UPDATE charges SET state = 3 WHERE id = ?1");
    shop_bind_int(s, 1, k.id);
    return shop_db_run(db, s);
}

int payment_refund(struct shop_db *db, const struct payment_charge *c, int32_t *ret_amount)
{
    int r = shop_db_begin(db);

    if (r != 0) {
        return r;
    }
    r = refund(db, c, ret_amount);
    if (r != 0) {
        shop_db_rollback(db);
        return r;
    }
    return shop_db_commit(db);
}
