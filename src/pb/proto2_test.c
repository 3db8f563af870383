/* What only proto2 has: required fields, groups, closed enums; over tables made by hand. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/limits.h"
#include "pb/required.h"

struct part { /* message Part { required int32 id = 1; optional string note = 2; } */
    struct atoll_unknown *unknown;
    struct atoll_str note;
    int32_t id;
    bool has_id;
    bool has_note;
};

struct entry { /* map<int32, Color> */
    struct atoll_unknown *unknown;
    int32_t key;
    int32_t value;
};

struct whole {
    struct atoll_unknown *unknown;
    struct part *part;  /* 1 */
    struct part *group; /* 2, a group */
    struct {
        struct part *at;
        size_t count;
    } groups; /* 3 */
    struct {
        int32_t *at;
        size_t count;
    } colors; /* 5, packed */
    struct {
        struct entry *at;
        size_t count;
    } named; /* 6, a map */
    struct {
        struct part *at;
        size_t count;
    } parts;       /* 7 */
    int32_t color; /* 4 */
    bool has_color;
};

static const struct atoll_enum_value values[] = {{1, "RED"}, {3, "BLUE"}};
static const struct atoll_enum_desc color_desc = {sizeof(color_desc), "t.Color", values, 2};

#define TYPED(number, wire, struct_name, member, presence_at, kind_of, flags_of, type_at)          \
    {(number) << 3 | (wire),                                                                       \
     offsetof(struct struct_name, member),                                                         \
     presence_at,                                                                                  \
     type_at,                                                                                      \
     kind_of,                                                                                      \
     flags_of}

static const char part_text[] = "id\0note";
static const struct atoll_field_name part_names[] = {{0, 0, 2, 2}, {3, 3, 4, 4}};
static const struct atoll_field_desc part_fields[] = {
    TYPED(1, 0, part, id, offsetof(struct part, has_id), ATOLL_KIND(OPTIONAL, INT32),
          ATOLL_FIELD_REQUIRED, 0),
    TYPED(2, 2, part, note, offsetof(struct part, has_note), ATOLL_KIND(OPTIONAL, STRING),
          ATOLL_FIELD_ANY_BYTES, 0),
};
static const struct atoll_message_desc part_desc = {.size = sizeof(part_desc),
                                                    .struct_size = sizeof(struct part),
                                                    .field_count = 2,
                                                    .dense_count = 2,
                                                    .flags = ATOLL_MESSAGE_HAS_REQUIRED,
                                                    .fields = part_fields,
                                                    .names = part_names,
                                                    .text = part_text,
                                                    .full_name = "t.Part"};

static const union atoll_type_ref entry_types[] = {{.enumeration = &color_desc}};
static const struct atoll_field_desc entry_fields[] = {
    TYPED(1, 0, entry, key, 0, ATOLL_KIND(IMPLICIT, INT32), 0, 0),
    TYPED(2, 0, entry, value, 0, ATOLL_KIND(IMPLICIT, ENUM), ATOLL_FIELD_CLOSED, 0),
};
static const struct entry entry_initial = {.value = 1};
static const struct atoll_message_desc entry_desc = {.size = sizeof(entry_desc),
                                                     .struct_size = sizeof(struct entry),
                                                     .field_count = 2,
                                                     .dense_count = 2,
                                                     .flags = ATOLL_MESSAGE_MAP_ENTRY,
                                                     .fields = entry_fields,
                                                     .types = entry_types,
                                                     .initial = &entry_initial,
                                                     .full_name = "t.Entry"};

static const char whole_text[] = "part\0group\0groups\0color\0colors\0named\0parts";
static const struct atoll_field_name whole_names[] = {
    {0, 0, 4, 4},   {5, 5, 5, 5},   {11, 11, 6, 6}, {18, 18, 5, 5},
    {24, 24, 6, 6}, {31, 31, 5, 5}, {37, 37, 5, 5}};
static const union atoll_type_ref whole_types[] = {
    {.message = &part_desc}, {.enumeration = &color_desc}, {.message = &entry_desc}};
static const struct atoll_field_desc whole_fields[] = {
    TYPED(1, 2, whole, part, 0, ATOLL_KIND(IMPLICIT, MESSAGE), 0, 0),
    TYPED(2, 3, whole, group, 0, ATOLL_KIND(IMPLICIT, GROUP), 0, 0),
    TYPED(3, 3, whole, groups, 0, ATOLL_KIND(REPEATED, GROUP), 0, 0),
    TYPED(4, 0, whole, color, offsetof(struct whole, has_color), ATOLL_KIND(OPTIONAL, ENUM),
          ATOLL_FIELD_CLOSED, 1),
    TYPED(5, 2, whole, colors, 0, ATOLL_KIND(PACKED, ENUM), ATOLL_FIELD_CLOSED, 1),
    TYPED(6, 2, whole, named, 0, ATOLL_KIND(MAP, MESSAGE), 0, 2),
    TYPED(7, 2, whole, parts, 0, ATOLL_KIND(REPEATED, MESSAGE), 0, 0),
};
static const struct atoll_message_desc whole_desc = {.size = sizeof(whole_desc),
                                                     .struct_size = sizeof(struct whole),
                                                     .field_count = 7,
                                                     .dense_count = 7,
                                                     .flags = ATOLL_MESSAGE_HAS_MAPS,
                                                     .fields = whole_fields,
                                                     .types = whole_types,
                                                     .names = whole_names,
                                                     .text = whole_text,
                                                     .full_name = "t.Whole"};

static struct at_arena arena;
static struct at_pb_fault fault;
static struct whole got;

static int decode(const char *at, size_t len)
{
    at_arena_deinit(&arena);
    at_arena_init(&arena, 1024, 1 << 20);
    memset(&fault, 0, sizeof(fault));
    return at_pb_decode(&whole_desc, at_bytes_over(at, len), &arena, &got, &fault);
}

#define DECODE(literal) decode(literal, sizeof(literal) - 1)

/* What is encoded of `got`. */
static struct at_bytes encode(void)
{
    struct at_bytes b = {0};

    CHECK_INT(at_pb_encode_in_arena(&whole_desc, &got, &arena, &b), 0);
    return b;
}

#define COMES_BACK(literal)                                                                        \
    do {                                                                                           \
        CHECK_INT(DECODE(literal), 0);                                                             \
        CHECK(at_bytes_equal(encode(), AT_LIT(literal)));                                          \
    } while (0)

TEST(a_group_stands_between_its_tags)
{
    COMES_BACK("\x13\x08\x05\x14");
    CHECK(got.group != NULL && got.group->id == 5);
    COMES_BACK("\x1B\x08\x01\x1C\x1B\x08\x02\x12\x01x\x1C");
    CHECK(got.groups.count == 2 && got.groups.at[1].id == 2 && got.groups.at[1].note.len == 1);
    at_arena_deinit(&arena);
}

TEST(a_group_must_end_with_its_own_number_and_before_the_message_does)
{
    CHECK_INT(DECODE("\x13\x08\x05"), AT_PB_TRUNCATED);
    CHECK_INT(DECODE("\x13\x08\x05\x1C"), AT_PB_BAD_GROUP);
    CHECK_INT(DECODE("\x13\x08\x05\x0C\x14"), AT_PB_BAD_GROUP);
    CHECK_INT(DECODE("\x14"), AT_PB_BAD_GROUP);
    CHECK_INT(DECODE("\x13\x08\x05\x14\x14"), AT_PB_BAD_GROUP);
    CHECK_STR(fault.field, "group");
    /* A message within a group ends by its length, the group does not end within that. */
    CHECK_INT(DECODE("\x0A\x03\x08\x05\x14"), AT_PB_BAD_GROUP);
    at_arena_deinit(&arena);
}

TEST(each_shorter_prefix_of_a_group_is_refused)
{
    static const char in[] = "\x13\x08\x80\x01\x12\x03xyz\x14";

    CHECK_INT(decode(in, sizeof(in) - 1), 0);
    for (size_t i = 1; i < sizeof(in) - 1; i++) {
        CHECK_INT(decode(in, i), AT_PB_TRUNCATED);
    }
    at_arena_deinit(&arena);
}

TEST(a_group_in_two_pieces_is_one_message)
{
    CHECK_INT(DECODE("\x13\x12\x01x\x14\x13\x08\x05\x14"), 0);
    CHECK(got.group->id == 5 && got.group->note.len == 1);
    at_arena_deinit(&arena);
}

TEST(a_required_field_that_is_absent_is_named)
{
    CHECK_INT(DECODE("\x0A\x03\x12\x01x"), AT_PB_MISSING);
    CHECK_STR(fault.field, "part.id");
    CHECK_STR(fault.what, "field part.id is required and absent");
    CHECK_INT(DECODE("\x3A\x02\x08\x01\x3A\x00"), AT_PB_MISSING);
    CHECK_STR(fault.field, "parts[1].id");
    CHECK_INT(DECODE("\x13\x14"), AT_PB_MISSING);
    CHECK_STR(fault.field, "group.id");
    CHECK_INT(DECODE("\x0A\x02\x08\x00"), 0); /* zero is there */
    at_arena_deinit(&arena);
}

TEST(what_is_required_may_come_in_a_later_piece)
{
    CHECK_INT(DECODE("\x0A\x03\x12\x01x\x0A\x02\x08\x07"), 0);
    CHECK(got.part->id == 7 && got.part->has_note);
    at_arena_deinit(&arena);
}

TEST(a_message_without_a_required_field_is_not_encoded)
{
    struct part part = {.has_note = true};
    struct whole m = {.part = &part};
    char room[64];
    struct at_bytes b;
    size_t size;

    CHECK_INT(at_pb_encode(&whole_desc, &m, room, sizeof(room), &b), AT_PB_MISSING);
    CHECK_INT(at_pb_size(&whole_desc, &m, &size), AT_PB_MISSING);
    CHECK_INT(at_pb_check_required(&whole_desc, &m, &fault), AT_PB_MISSING);
    CHECK_STR(fault.field, "part.id");
    at_pb_explain_encode(&whole_desc, &m, AT_PB_MISSING, &fault);
    CHECK_STR(fault.what, "field part.id is required and absent");
    part.has_id = true;
    CHECK_INT(at_pb_encode(&whole_desc, &m, room, sizeof(room), &b), 0);
}

TEST(a_number_that_a_closed_enum_does_not_name_is_an_unknown_field)
{
    COMES_BACK("\x20\x03");
    CHECK(got.has_color && got.color == 3);
    COMES_BACK("\x20\x02");
    CHECK(!got.has_color && got.unknown != NULL);
    CHECK_INT(DECODE("\x20\x03\x20\x02"), 0);
    CHECK(got.has_color && got.color == 3); /* as it was before */
    CHECK(at_bytes_equal(encode(), AT_LIT("\x20\x03\x20\x02")));
    at_arena_deinit(&arena);
}

TEST(of_packed_closed_enums_each_element_is_judged)
{
    CHECK_INT(DECODE("\x2A\x04\x01\x02\x03\x7F"), 0);
    CHECK(got.colors.count == 2 && got.colors.at[0] == 1 && got.colors.at[1] == 3);
    CHECK(at_bytes_equal(encode(), AT_LIT("\x2A\x02\x01\x03\x28\x02\x28\x7F")));
    CHECK_INT(DECODE("\x28\x02\x28\x01"), 0); /* and when they come one by one */
    CHECK(got.colors.count == 1 && got.colors.at[0] == 1);
    CHECK(at_bytes_equal(encode(), AT_LIT("\x2A\x01\x01\x28\x02")));
    at_arena_deinit(&arena);
}

TEST(an_entry_whose_value_has_no_name_is_unknown_as_a_whole)
{
    CHECK_INT(DECODE("\x32\x04\x08\x07\x10\x02\x32\x04\x08\x08\x10\x03"), 0);
    CHECK(got.named.count == 1 && got.named.at[0].key == 8 && got.named.at[0].value == 3);
    CHECK(at_bytes_equal(encode(), AT_LIT("\x32\x04\x08\x08\x10\x03\x32\x04\x08\x07\x10\x02")));
    at_arena_deinit(&arena);
}

TEST(a_value_without_a_name_makes_the_entry_unknown_wherever_it_stands)
{
    COMES_BACK("\x32\x08\x10\x02\x08\x07\x18\x01\x20\x01"); /* before key and other fields */
    CHECK(got.named.count == 0 && got.unknown != NULL);
    COMES_BACK("\x32\x06\x18\x01\x10\x02\x08\x07"); /* behind another unknown field */
    CHECK(got.named.count == 0 && got.unknown != NULL);
    COMES_BACK("\x32\x06\x10\x02\x10\x03\x08\x07"); /* before one that has a name */
    CHECK(got.named.count == 0 && got.unknown != NULL);
    COMES_BACK("\x32\x04\x08\x07\x10\x03");
    CHECK(got.named.count == 1 && got.unknown == NULL);
    at_arena_deinit(&arena);
}

TEST(an_entry_begins_with_its_defaults_and_goes_out_whole)
{
    CHECK_INT(DECODE("\x32\x00"), 0);
    CHECK(got.named.count == 1 && got.named.at[0].key == 0 && got.named.at[0].value == 1);
    CHECK(at_bytes_equal(encode(), AT_LIT("\x32\x04\x08\x00\x10\x01")));
    at_arena_deinit(&arena);
}

TEST(of_equal_keys_the_last_entry_stays)
{
    CHECK_INT(DECODE("\x32\x04\x08\x07\x10\x01\x32\x04\x08\x07\x10\x03"), 0);
    CHECK(got.named.count == 1 && got.named.at[0].value == 3);
    at_arena_deinit(&arena);
}

TEST(groups_and_what_is_unknown_in_them_share_the_hundred_levels)
{
    char in[2 + 2 * AT_PB_DEPTH_MAX];
    size_t levels = AT_PB_DEPTH_MAX - 1;

    /* Field 2 as a group, and within it unknown groups of number 8. */
    for (size_t n = levels; n <= levels + 1; n++) {
        in[0] = 0x13;
        memset(in + 1, 0x43, n - 1);
        memset(in + n, 0x44, n - 1);
        in[2 * n - 1] = 0x14;
        CHECK_INT(decode(in, 2 * n), n == levels ? AT_PB_MISSING : AT_PB_TOO_DEEP);
    }
    at_arena_deinit(&arena);
}

TEST_MAIN("pb/proto2")
