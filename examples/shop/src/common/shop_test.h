/* A database in a directory of its own that is gone after the test. */
#ifndef SHOP_COMMON_SHOP_TEST_H
#define SHOP_COMMON_SHOP_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/db.h"

struct shop_test {
    struct shop_db db;
    char directory[32];
};

static inline void shop_test_begin(struct shop_test *t)
{
    (void)snprintf(t->directory, sizeof(t->directory), "/tmp/shop-test-XXXXXX");
    if (mkdtemp(t->directory) == NULL) {
        abort();
    }
}

static inline void shop_test_end(struct shop_test *t)
{
    static const char *const names[] = {"stock.db", "payment.db", "order.db", "cart.db"};
    static const char *const tails[] = {"", "-wal", "-shm", ".locks"};
    char path[96];

    shop_db_close(&t->db);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            (void)snprintf(path, sizeof(path), "%s/%s%s", t->directory, names[i], tails[j]);
            (void)unlink(path);
        }
    }
    (void)rmdir(t->directory);
}

#endif
