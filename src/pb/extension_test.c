#include "pb/extension.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"

/* message M { optional int32 id = 1; extensions 100 to max; } */
struct m {
    int32_t id;
    struct atoll_unknown *unknown;
};

/* extend M { optional int32 number = 100 [default = 42]; } */
struct number {
    bool has_number;
    int32_t number;
    struct atoll_unknown *unknown;
};

/* extend M { repeated int32 list = 101; } */
struct list {
    struct {
        int32_t *at;
        size_t count;
    } list;
    struct atoll_unknown *unknown;
};

/* extend M { optional M inner = 102; } */
struct inner {
    struct m *inner;
    struct atoll_unknown *unknown;
};

static const struct atoll_field_name names[] = {{0, 0, 1, 1}};

#define DESC(s, f, t, i)                                                                           \
    {.size = sizeof(struct atoll_message_desc),                                                    \
     .struct_size = sizeof(struct s),                                                              \
     .field_count = 1,                                                                             \
     .unknown_offset = offsetof(struct s, unknown),                                                \
     .fields = (f),                                                                                \
     .types = (t),                                                                                 \
     .initial = (i),                                                                               \
     .names = names,                                                                               \
     .text = "f",                                                                                  \
     .full_name = #s}

static const struct atoll_field_desc m_fields[] = {
    {1 << 3, offsetof(struct m, id), 0, 0, ATOLL_KIND(IMPLICIT, INT32), 0}};
static const struct atoll_message_desc m_desc = DESC(m, m_fields, NULL, NULL);
static const struct atoll_message_desc set_desc = {.size = sizeof(set_desc),
                                                   .struct_size = sizeof(struct m),
                                                   .unknown_offset = offsetof(struct m, unknown),
                                                   .flags = ATOLL_MESSAGE_SET,
                                                   .full_name = "set"};

static const struct number initial = {.number = 42};
static const struct atoll_field_desc number_fields[] = {
    {100 << 3, offsetof(struct number, number), offsetof(struct number, has_number), 0,
     ATOLL_KIND(OPTIONAL, INT32), ATOLL_FIELD_EXTENSION}};
static const struct atoll_message_desc number_desc = DESC(number, number_fields, NULL, &initial);

static const struct atoll_field_desc list_fields[] = {{101 << 3, offsetof(struct list, list), 0, 0,
                                                       ATOLL_KIND(REPEATED, INT32),
                                                       ATOLL_FIELD_EXTENSION}};
static const struct atoll_message_desc list_desc = DESC(list, list_fields, NULL, NULL);

static const union atoll_type_ref inner_types[] = {{.message = &m_desc}};
static const struct atoll_field_desc inner_fields[] = {{102 << 3 | 2, offsetof(struct inner, inner),
                                                        0, 0, ATOLL_KIND(IMPLICIT, MESSAGE),
                                                        ATOLL_FIELD_EXTENSION}};
static const struct atoll_message_desc inner_desc = DESC(inner, inner_fields, inner_types, NULL);

static const struct atoll_extension_desc number = {sizeof(number), 0, &m_desc, &number_desc};
static const struct atoll_extension_desc list = {sizeof(list), 0, &m_desc, &list_desc};
static const struct atoll_extension_desc inner = {sizeof(inner), 0, &m_desc, &inner_desc};
static const struct atoll_extension_desc of_set = {sizeof(of_set), 0, &set_desc, &inner_desc};

static struct at_arena arena;

static struct m decoded(const struct atoll_message_desc *desc, struct at_bytes in)
{
    struct m m;

    at_arena_init(&arena, 1024, 1 << 20);
    CHECK_INT(at_pb_decode(desc, in, &arena, &m, NULL), 0);
    return m;
}

static bool encodes_to(const struct atoll_message_desc *desc, const struct m *m,
                       struct at_bytes expected)
{
    struct at_bytes out = {0};

    CHECK_INT(at_pb_encode_in_arena(desc, m, &arena, &out), 0);
    return at_bytes_equal(out, expected);
}

TEST(an_extension_is_read_from_the_unknown_fields)
{
    struct m m = decoded(&m_desc, AT_LIT("\xA0\x06\x07\x08\x05\xC0\x3E\x01"));
    struct number n;

    CHECK(at_pb_extension_has(&number, &m) && !at_pb_extension_has(&list, &m));
    CHECK_INT(at_pb_extension_get(&number, &m, &arena, &n, NULL), 0);
    CHECK(n.has_number && n.number == 7 && n.unknown == NULL);
    at_arena_deinit(&arena);
}

TEST(an_extension_that_is_not_there_has_its_default)
{
    struct m m = decoded(&m_desc, AT_LIT("\x08\x05"));
    struct number n;

    CHECK(!at_pb_extension_has(&number, &m));
    CHECK_INT(at_pb_extension_get(&number, &m, &arena, &n, NULL), 0);
    CHECK(!n.has_number && n.number == 42);
    at_arena_deinit(&arena);
}

TEST(pieces_of_an_extension_are_read_as_one)
{
    /* 102: {1: 1}, 101: 1, 102: {5: 9}, 101: packed [2, 3], 102: {1: 2} */
    struct m m = decoded(&m_desc, AT_LIT("\xB2\x06\x02\x08\x01\xA8\x06\x01\xB2\x06\x02\x28\x09"
                                         "\xAA\x06\x02\x02\x03\xB2\x06\x02\x08\x02"));
    struct inner i;
    struct list l;

    CHECK_INT(at_pb_extension_get(&inner, &m, &arena, &i, NULL), 0);
    CHECK(i.inner != NULL && i.inner->id == 2 && i.inner->unknown != NULL);
    CHECK_INT(at_pb_extension_get(&list, &m, &arena, &l, NULL), 0);
    CHECK(l.list.count == 3 && l.list.at[2] == 3);
    at_arena_deinit(&arena);
}

TEST(an_extension_is_set_in_place_of_what_was_there)
{
    struct m m = decoded(&m_desc, AT_LIT("\xA0\x06\x07\x08\x05\xC0\x3E\x01\xA0\x06\x08"));
    struct number n = {.has_number = true, .number = 9};

    CHECK_INT(at_pb_extension_set(&number, &m, &arena, &n), 0);
    CHECK(encodes_to(&m_desc, &m, AT_LIT("\x08\x05\xC0\x3E\x01\xA0\x06\x09")));
    n.has_number = false;
    CHECK_INT(at_pb_extension_set(&number, &m, &arena, &n), 0);
    CHECK(encodes_to(&m_desc, &m, AT_LIT("\x08\x05\xC0\x3E\x01")));
    at_arena_deinit(&arena);
}

TEST(a_message_without_unknown_fields_takes_an_extension)
{
    struct m m = {.id = 1};
    struct m of = {.id = 300};
    struct inner i = {.inner = &of};
    struct inner back;

    at_arena_init(&arena, 1024, 1 << 20);
    CHECK_INT(at_pb_extension_set(&inner, &m, &arena, &i), 0);
    of.id = 0; /* the holder may go */
    CHECK_INT(at_pb_extension_get(&inner, &m, &arena, &back, NULL), 0);
    CHECK_INT(back.inner->id, 300);
    CHECK_INT(at_pb_extension_clear(&inner, &m, &arena), 0);
    CHECK(m.unknown == NULL);
    at_arena_deinit(&arena);
}

TEST(clearing_leaves_the_others_in_their_order)
{
    struct m m = decoded(&m_desc, AT_LIT("\xC0\x3E\x01\xA0\x06\x07\xC0\x3E\x02\xA8\x06\x01"));

    CHECK_INT(at_pb_extension_clear(&number, &m, &arena), 0);
    CHECK(encodes_to(&m_desc, &m, AT_LIT("\xC0\x3E\x01\xC0\x3E\x02\xA8\x06\x01")));
    CHECK_INT(at_pb_extension_clear(&list, &m, &arena), 0);
    CHECK(encodes_to(&m_desc, &m, AT_LIT("\xC0\x3E\x01\xC0\x3E\x02")));
    at_arena_deinit(&arena);
}

TEST(an_extension_of_a_message_set_stands_in_an_item)
{
    /* item { type_id: 102 message: {1: 5} }, item { type_id: 3 } */
    struct m m = decoded(&set_desc, AT_LIT("\x0B\x10\x66\x1A\x02\x08\x05\x0C\x0B\x10\x03\x0C"));
    struct m of = {.id = 6};
    struct inner i;

    CHECK(at_pb_extension_has(&of_set, &m));
    CHECK_INT(at_pb_extension_get(&of_set, &m, &arena, &i, NULL), 0);
    CHECK(i.inner != NULL && i.inner->id == 5);
    i.inner = &of;
    CHECK_INT(at_pb_extension_set(&of_set, &m, &arena, &i), 0);
    CHECK(encodes_to(&set_desc, &m, AT_LIT("\x0B\x10\x03\x0C\x0B\x10\x66\x1A\x02\x08\x06\x0C")));
    CHECK_INT(at_pb_extension_clear(&of_set, &m, &arena), 0);
    CHECK(encodes_to(&set_desc, &m, AT_LIT("\x0B\x10\x03\x0C")));
    at_arena_deinit(&arena);
}

TEST(an_item_whose_message_comes_first_or_not_at_all_is_understood)
{
    struct m m = decoded(&set_desc, AT_LIT("\x0B\x1A\x02\x08\x05\x10\x66\x0C"));
    struct inner i;

    CHECK_INT(at_pb_extension_get(&of_set, &m, &arena, &i, NULL), 0);
    CHECK(i.inner != NULL && i.inner->id == 5);
    at_arena_deinit(&arena);
    m = decoded(&set_desc, AT_LIT("\x0B\x10\x66\x0C"));
    CHECK_INT(at_pb_extension_get(&of_set, &m, &arena, &i, NULL), 0);
    CHECK(i.inner != NULL && i.inner->id == 0);
    at_arena_deinit(&arena);
}

TEST(a_damaged_extension_is_refused)
{
    struct m m = decoded(&m_desc, AT_LIT("\xB2\x06\x02\x08\x80"));
    struct at_pb_fault fault = {0};
    struct inner i;

    CHECK_INT(at_pb_extension_get(&inner, &m, &arena, &i, &fault), AT_PB_TRUNCATED);
    CHECK(fault.what[0] != '\0');
    at_arena_deinit(&arena);
}

TEST(what_a_program_put_there_that_is_no_field_is_left_alone)
{
    struct atoll_unknown odd = {.next = &odd, .bytes = {"\xFF", 1}};
    struct m m = {.unknown = &odd};

    at_arena_init(&arena, 1024, 1 << 20);
    CHECK(!at_pb_extension_has(&number, &m));
    CHECK_INT(at_pb_extension_set(&number, &m, &arena, &(struct number){true, 1, NULL}), 0);
    CHECK(encodes_to(&m_desc, &m, AT_LIT("\xFF\xA0\x06\x01")));
    at_arena_deinit(&arena);
}

TEST(without_memory_the_message_is_unchanged)
{
    struct m m = decoded(&m_desc, AT_LIT("\xA0\x06\x07\xC0\x3E\x01"));
    struct atoll_unknown *before = m.unknown;
    struct at_arena none;

    at_arena_init(&none, 64, 0);
    CHECK_INT(at_pb_extension_clear(&number, &m, &none), -ENOMEM);
    CHECK_INT(at_pb_extension_set(&number, &m, &none, &(struct number){true, 1, NULL}), -ENOMEM);
    CHECK(m.unknown == before && encodes_to(&m_desc, &m, AT_LIT("\xA0\x06\x07\xC0\x3E\x01")));
    at_arena_deinit(&arena);
}

TEST_MAIN("pb/extension")
