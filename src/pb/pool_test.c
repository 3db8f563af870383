#include "pb/pool.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "everything.atoll.h"
#include "pb/codec.h"
#include "pb/json_message.h"

static struct at_diag diag;

static struct at_bytes contract(void)
{
    const struct atoll_service_desc *desc = &test_v1_EverythingService_desc;

    return at_bytes_over(desc->contract, desc->contract_len);
}

static struct at_pool *pool_of(struct at_bytes set)
{
    struct at_pool *pool = at_pool_new();

    CHECK(pool != NULL);
    CHECK_INT(at_pool_add(pool, set, &diag), 0);
    return pool;
}

TEST(a_table_made_at_run_time_says_what_the_generated_one_says)
{
    struct at_pool *pool = pool_of(contract());
    const struct atoll_message_desc *made =
        at_pool_message(pool, at_bytes_of("test.v1.Everything"));
    const struct atoll_message_desc *generated = &test_v1_Everything_desc;

    CHECK(made != NULL);
    CHECK_INT((int)made->field_count, (int)generated->field_count);
    CHECK_INT((int)made->dense_count, (int)generated->dense_count);
    CHECK_INT((int)made->flags, (int)generated->flags);
    for (size_t i = 0; i < made->field_count; i++) {
        const struct atoll_field_desc *a = at_pb_field(made, i);
        const struct atoll_field_desc *b = at_pb_field(generated, i);

        CHECK(at_bytes_equal(at_pb_name(made, a), at_pb_name(generated, b)));
        CHECK(at_bytes_equal(at_pb_json_name(made, a), at_pb_json_name(generated, b)));
        CHECK_STR((const char *)at_pb_name(made, a).at, (const char *)at_pb_name(generated, b).at);
        CHECK(a->tag == b->tag && a->kind == b->kind && a->flags == b->flags && a->of == b->of);
    }
    at_pool_free(pool);
}

TEST(the_same_bytes_mean_the_same_through_both_tables)
{
    struct at_pool *pool = pool_of(contract());
    const struct atoll_message_desc *made =
        at_pool_message(pool, at_bytes_of("test.v1.Everything"));
    const char *json =
        "{\"anInt64\":\"-1\",\"text\":\"t\",\"items\":[{\"itemId\":1},{}],\"maybeBool\":"
        "false,\"counts\":{\"a\":1},\"colors\":[\"COLOR_RED\",9],\"nested\":{\"aBool\":true}}";
    struct test_v1_Everything generated;
    struct at_arena arena;
    struct at_bytes a;
    struct at_bytes b;
    void *dynamic;

    at_arena_init(&arena, 1024, 1 << 20);
    dynamic = at_arena_zalloc(&arena, 1, made->struct_size);
    CHECK_INT(at_json_to_message(made, at_bytes_of(json), 0, &arena, dynamic, NULL), 0);
    CHECK_INT(at_json_to_message(&test_v1_Everything_desc, at_bytes_of(json), 0, &arena, &generated,
                                 NULL),
              0);
    CHECK_INT(at_pb_encode_in_arena(made, dynamic, &arena, &a), 0);
    CHECK_INT(at_pb_encode_in_arena(&test_v1_Everything_desc, &generated, &arena, &b), 0);
    CHECK(at_bytes_equal(a, b));
    CHECK_INT(at_pb_decode(made, b, &arena, dynamic, NULL), 0);
    CHECK_INT(at_pb_encode_in_arena(made, dynamic, &arena, &a), 0);
    CHECK(at_bytes_equal(a, b));
    at_arena_deinit(&arena);
    at_pool_free(pool);
}

TEST(services_come_with_methods_idempotency_and_http_rules)
{
    struct at_pool *pool = pool_of(contract());
    const struct at_pool_service *s = at_pool_service_at(pool, 0);
    const struct at_pool_method *echo;

    CHECK(s != NULL && at_pool_service_at(pool, 1) == NULL);
    CHECK_STR(s->full_name, "test.v1.EverythingService");
    CHECK_STR(s->file, "everything.proto");
    CHECK_INT((int)s->method_count, 5);
    echo = &s->methods[0];
    CHECK_STR(echo->full_name, "test.v1.EverythingService/Echo");
    CHECK(echo->service == s && echo->idempotency == ATOLL_NO_SIDE_EFFECTS);
    CHECK(s->methods[1].idempotency == ATOLL_IDEMPOTENCY_UNKNOWN);
    CHECK(s->methods[4].idempotency == ATOLL_IDEMPOTENT);
    CHECK(s->methods[2].server_streams && !s->methods[2].client_streams);
    CHECK_INT((int)echo->http_count, 3);
    CHECK_STR(echo->http[0].verb, "POST");
    CHECK_STR(echo->http[0].path, "/echo");
    CHECK_STR(echo->http[0].body, "*");
    CHECK_STR(echo->http[1].verb, "GET");
    CHECK_STR(echo->http[1].path, "/echo/{an_int32}");
    CHECK_STR(echo->http[2].verb, "REPORT");
    CHECK_STR(echo->http[2].body, "nested");
    CHECK_STR(echo->http[2].response_body, "nested");
    at_pool_free(pool);
}

TEST(methods_are_found_by_full_and_by_short_names)
{
    struct at_pool *pool = pool_of(contract());
    const struct at_pool_method *m[2];

    CHECK(at_pool_find_method(pool, at_bytes_of("test.v1.EverythingService/Echo")) != NULL);
    CHECK(at_pool_find_method(pool, at_bytes_of("/test.v1.EverythingService/Echo")) != NULL);
    CHECK(at_pool_find_method(pool, at_bytes_of("test.v1.EverythingService.Echo")) != NULL);
    CHECK(at_pool_find_method(pool, at_bytes_of("EverythingService/Echo")) == NULL);
    CHECK(at_pool_find_method(pool, at_bytes_of("")) == NULL);
    CHECK_INT((int)at_pool_resolve(pool, at_bytes_of("everything.echo"), m, 2), 1);
    CHECK_STR(m[0]->name, "Echo");
    CHECK_INT((int)at_pool_resolve(pool, at_bytes_of("GetItem"), m, 2), 1);
    CHECK_INT((int)at_pool_resolve(pool, at_bytes_of("test.EverythingService.GetItem"), m, 2), 1);
    CHECK_INT((int)at_pool_resolve(pool, at_bytes_of("v1.test.GetItem"), m, 2), 0);
    CHECK_INT((int)at_pool_resolve(pool, at_bytes_of("stock.GetItem"), m, 2), 0);
    CHECK_INT((int)at_pool_resolve(pool, at_bytes_of("."), m, 2), 0);
    at_pool_free(pool);
}

TEST(a_set_that_comes_twice_is_taken_once)
{
    struct at_pool *pool = pool_of(contract());

    CHECK_INT(at_pool_add(pool, contract(), &diag), 0);
    CHECK(at_pool_service_at(pool, 1) == NULL);
    at_pool_free(pool);
}

/* A set of one file: the bytes must be below 128. */
#define SET(literal) at_bytes_over("\n" literal, sizeof(literal))

static void refused(struct at_bytes set, const char *what)
{
    struct at_pool *pool = at_pool_new();

    CHECK_INT(at_pool_add(pool, set, &diag), -EBADMSG);
    CHECK_STR(diag.what, what);
    at_pool_free(pool);
}

TEST(sets_that_contradict_themselves_are_refused_with_the_place)
{
    refused(at_bytes_of(""), "the contract is no FileDescriptorSet: it has no files");
    refused(
        at_bytes_of("\x7F"
                    "ELF"),
        "the contract is no FileDescriptorSet: the message google.protobuf.FileDescriptorSet has "
        "no valid field tag, at byte 0");
    refused(SET("\x08\x0A\x01"
                "f\"\x03\x0A\x01"
                "-"),
            "in a file of the contract a name is no identifier");
    refused(SET("\x0D\x0A\x01"
                "f\"\x03\x0A\x01"
                "M\"\x03\x0A\x01"
                "M"),
            "the contract declares M twice, in two ways");
    /* message M { a field "f" with number 0 } */
    refused(SET("\x0D\x0A\x01"
                "f\"\x08\x0A\x01"
                "M\x12\x03\x0A\x01"
                "f"),
            "field f of M has an impossible number, type or label");
    /* a field of message type ".X", which does not exist */
    refused(SET("\x17\x0A\x01"
                "f\"\x12\x0A\x01"
                "M\x12\x0D\x0A\x01"
                "f\x18\x01 \x01(\x0B"
                "2\x02.X"),
            "the type of M.f is not part of the contract");
    /* two fields with number 1 */
    refused(SET("\x1E\x0A\x01"
                "f\"\x19\x0A\x01"
                "M\x12\x09\x0A\x01"
                "f\x18\x01 \x01(\x05"
                "\x12\x09\x0A\x01"
                "g\x18\x01 \x01(\x05"),
            "M has two fields with number 1");
    /* the same file name with other content */
    refused(at_bytes_over("\n\x03\x0A\x01"
                          "f\n\x08\x0A\x01"
                          "f\"\x03\x0A\x01"
                          "M",
                          15),
            "the contract has two different files named f");
}

TEST(a_damaged_set_is_refused_or_read_but_never_trusted)
{
    struct at_bytes good = contract();
    uint8_t *copy = malloc(good.len);

    CHECK(copy != NULL);
    for (size_t i = 0; i < good.len; i += 3) {
        struct at_pool *pool = at_pool_new();
        int r;

        memcpy(copy, good.at, good.len);
        copy[i] ^= (uint8_t)(1 + i % 255);
        r = at_pool_add(pool, at_bytes_over(copy, good.len), &diag);
        CHECK(r == 0 || r == -EBADMSG || r == -ENOMEM);
        at_pool_free(pool);
    }
    for (size_t i = 0; i < good.len; i += 7) {
        struct at_pool *pool = at_pool_new();
        int r = at_pool_add(pool, at_bytes_over(copy, i), &diag);

        CHECK(r == 0 || r == -EBADMSG);
        at_pool_free(pool);
    }
    free(copy);
}

TEST(when_the_nth_allocation_fails_so_does_the_call)
{
    WITH_EACH_ALLOCATION_FAILING({
        struct at_pool *pool = at_pool_new();

        if (pool != NULL) {
            int r = at_pool_add(pool, contract(), &diag);

            CHECK(r == 0 || r == -ENOMEM);
        }
        at_pool_free(pool);
    });
}

TEST_MAIN("pb/pool")
