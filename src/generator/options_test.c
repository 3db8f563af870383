/* Options of a contract arrive in generated tables and in those made at run time. */
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "options.atoll.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/pool.h"

static struct at_pool *pool_of_contract(void)
{
    const struct atoll_service_desc *s = &test_options_v1_Vault_desc;
    struct at_pool *pool = at_pool_new();
    struct at_diag diag = {0};

    CHECK(pool != NULL);
    CHECK_INT(at_pool_add(pool, at_bytes_over(s->contract, s->contract_len), &diag), 0);
    return pool;
}

TEST(a_timeout_and_a_limit_reach_the_generated_table)
{
    const struct atoll_method_desc *m = test_options_v1_Vault_desc.methods;

    CHECK(m[0].timeout_ns == UINT64_C(90000000000));
    CHECK_INT((int)m[0].max_request_bytes, 4096);
    CHECK_INT((int)m[0].idempotency, ATOLL_IDEMPOTENT);
    CHECK(m[1].timeout_ns == 250000000 && m[1].max_request_bytes == 0);
    CHECK_INT((int)m[1].flags, ATOLL_METHOD_DEPRECATED | ATOLL_METHOD_POOLED);
    CHECK(m[2].timeout_ns == 0 && m[2].max_request_bytes == 0 && m[2].flags == 0);
}

TEST(a_timeout_and_a_limit_reach_the_pool)
{
    struct at_pool *pool = pool_of_contract();
    const struct at_pool_service *s =
        at_pool_find_service(pool, at_bytes_of("test.options.v1.Vault"));

    CHECK(s != NULL && s->method_count == 3);
    CHECK(s->methods[0].timeout_ns == UINT64_C(90000000000));
    CHECK_INT((int)s->methods[0].max_request_bytes, 4096);
    CHECK(s->methods[1].timeout_ns == 250000000 && s->methods[1].deprecated);
    CHECK(s->methods[2].timeout_ns == 0 && s->methods[2].max_request_bytes == 0);
    at_pool_free(pool);
}

static void check_masked(const struct atoll_message_desc *desc, const char *expected)
{
    struct at_json_writer j;
    struct at_arena arena;
    struct at_text text;
    void *card;

    at_arena_init(&arena, 1024, 1 << 20);
    card = at_arena_zalloc(&arena, 1, desc->struct_size);
    CHECK(card != NULL);
    CHECK_INT(at_json_to_message(
                  desc, at_bytes_of("{\"holder\":\"Ann\",\"number\":\"4111\",\"pins\":[1]}"), 0,
                  &arena, card, NULL),
              0);
    at_text_init(&text);
    at_json_writer_init(&j, &text, 0);
    CHECK_INT(at_json_from_message(desc, card, AT_JSON_MASK_SENSITIVE, &j), 0);
    CHECK_STR(at_text_str(&text), expected);
    at_text_deinit(&text);
    at_arena_deinit(&arena);
}

TEST(what_is_sensitive_is_masked_whoever_made_the_table)
{
    static const char expected[] = "{\"holder\":\"Ann\",\"number\":\"***\",\"pins\":\"***\"}";
    struct at_pool *pool = pool_of_contract();

    check_masked(&test_options_v1_Card_desc, expected);
    check_masked(at_pool_message(pool, at_bytes_of("test.options.v1.Card")), expected);
    at_pool_free(pool);
}

/* The set with "250ms" made into something else of the same length. */
TEST(a_timeout_that_is_none_is_refused_by_the_pool)
{
    static uint8_t set[65536];
    const struct atoll_service_desc *s = &test_options_v1_Vault_desc;
    struct at_pool *pool = at_pool_new();
    struct at_diag diag = {0};
    uint8_t *found;

    CHECK(s->contract_len < sizeof(set));
    memcpy(set, s->contract, s->contract_len);
    found = memmem(set, s->contract_len, "250ms", 5);
    CHECK(found != NULL);
    memcpy(found, "25 ms", 5);
    CHECK(at_pool_add(pool, at_bytes_over(set, s->contract_len), &diag) < 0);
    CHECK_STR(diag.what, "(atoll.method).timeout of test.options.v1.Vault/Peek is \"25 ms\", which "
                         "is no duration");
    at_pool_free(pool);
}

TEST_MAIN("generator/options")
