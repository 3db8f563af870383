/*
 * What generated code offers beside its structs, as a user's program sees it, without a
 * system.
 */
#include <stdint.h>
#include <string.h>

#include <atoll/codec.h>

#include "at_test.h"
#include "everything.atoll.h"
#include "plain.atoll.h"

static bool is(struct atoll_str s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

TEST(a_list_grows_element_by_element)
{
    struct atoll_memory *memory = atoll_memory_new(0);
    struct test_v1_Everything m;

    test_v1_Everything_init(&m);
    for (int32_t i = 0; i < 1000; i++) {
        struct test_v1_Everything_Item *item = test_v1_Everything_add_items(memory, &m);

        CHECK(item != NULL && item->item_id == 0 && item->note.len == 0);
        item->item_id = i;
        CHECK(test_v1_Everything_add_int32s(memory, &m, -i)); /* by turns */
    }
    CHECK(m.items.count == 1000 && m.int32s.count == 1000);
    for (int32_t i = 0; i < 1000; i++) {
        CHECK(m.items.at[i].item_id == i && m.int32s.at[i] == -i);
    }
    atoll_memory_free(memory);
}

TEST(what_a_list_left_in_memory_that_was_reset_says_nothing_about_another)
{
    struct atoll_memory *memory = atoll_memory_new(0);
    struct test_v1_Everything m;
    int32_t *before;
    int32_t *own;
    int32_t *next;

    test_v1_Everything_init(&m);
    CHECK(test_v1_Everything_add_int32s(memory, &m, 1));
    before = m.int32s.at;
    atoll_memory_reset(memory);
    (void)atoll_memory_alloc(memory, 16); /* not written: what stood there is still there */
    own = atoll_memory_alloc(memory, 4 * sizeof(*own));
    next = atoll_memory_alloc(memory, sizeof(*next));
    CHECK(own == before);
    memset(own, 0, 4 * sizeof(*own));
    *next = 7;
    test_v1_Everything_init(&m);
    m.int32s.at = own;
    m.int32s.count = 4;
    CHECK(test_v1_Everything_add_int32s(memory, &m, 5));
    CHECK(m.int32s.at != own && m.int32s.at[4] == 5);
    CHECK_INT(*next, 7);
    atoll_memory_free(memory);
}

TEST(a_list_from_elsewhere_is_copied_and_left_alone)
{
    struct atoll_memory *memory = atoll_memory_new(0);
    int32_t numbers[] = {1, 2, 3, 4};
    int32_t *own = atoll_memory_alloc(memory, 2 * sizeof(*own));
    struct test_v1_Everything m = {.int32s = {numbers, 3}, .loose_int32s = {own, 2}};
    struct atoll_str wire;
    struct test_v1_Everything back;

    own[0] = 8;
    own[1] = 9;
    CHECK(test_v1_Everything_add_int32s(memory, &m, 5));
    CHECK(m.int32s.at != numbers && m.int32s.count == 4 && m.int32s.at[3] == 5);
    CHECK_INT(numbers[3], 4);
    CHECK(test_v1_Everything_add_loose_int32s(memory, &m, 10));
    CHECK(m.loose_int32s.at != own && m.loose_int32s.at[0] == 8 && m.loose_int32s.at[2] == 10);
    CHECK_INT(atoll_encode(memory, &test_v1_Everything_desc, &m, &wire), ATOLL_OK);
    CHECK_INT(atoll_decode(memory, &test_v1_Everything_desc, wire, &back), ATOLL_OK);
    CHECK(test_v1_Everything_add_int32s(memory, &back, 6));
    CHECK(back.int32s.count == 5 && back.int32s.at[2] == 3 && back.int32s.at[4] == 6);
    atoll_memory_free(memory);
}

TEST(a_list_that_finds_no_memory_stays_as_it_was)
{
    struct atoll_memory *memory = atoll_memory_new(4096);
    struct test_v1_Everything m;
    size_t count = 0;

    test_v1_Everything_init(&m);
    while (test_v1_Everything_add_doubles(memory, &m, (double)count)) {
        count++;
    }
    CHECK(count >= 8 && count < 4096 / sizeof(double));
    CHECK(m.doubles.count == count && m.doubles.at[count - 1] == (double)(count - 1));
    CHECK_STR(atoll_memory_reason(memory), "no memory for one more element");
    while (test_v1_Everything_new_nested(memory, &m) != NULL) {
    }
    CHECK_STR(atoll_memory_reason(memory), "no memory for the message");
    CHECK(atoll_append(memory, &m.items, SIZE_MAX / 4) == NULL && m.items.count == 0);
    atoll_memory_free(memory);
}

TEST(a_list_survives_every_allocation_that_fails)
{
    WITH_EACH_ALLOCATION_FAILING({
        struct atoll_memory *memory = atoll_memory_new(0);

        if (memory != NULL) {
            struct test_v1_Everything m = {0};
            int32_t done = 0;

            while (done < 3000 && test_v1_Everything_add_int32s(memory, &m, done)) {
                done++;
            }
            CHECK(m.int32s.count == (size_t)done);
            CHECK(done == 0 || m.int32s.at[done - 1] == done - 1);
        }
        atoll_memory_free(memory);
    });
}

TEST(setters_and_makers_take_care_of_presence)
{
    struct atoll_memory *memory = atoll_memory_new(0);
    struct test_v1_Everything m;
    struct test_v1_Everything_Item *item;

    test_v1_Everything_init(&m);
    test_v1_Everything_set_maybe_int32(&m, 0);
    CHECK(m.has_maybe_int32 && m.maybe_int32 == 0);
    test_v1_Everything_set_text(&m, ATOLL_STR("t"));
    CHECK(m.payload_case == test_v1_Everything_text_number && is(m.payload.text, "t"));
    item = test_v1_Everything_new_item(memory, &m);
    CHECK(m.payload_case == test_v1_Everything_item_number && m.payload.item == item);
    test_v1_Everything_set_other_item(&m, item);
    CHECK_INT(m.payload_case, test_v1_Everything_other_item_number);
    test_v1_Everything_add_counts(memory, &m)->value = 3;
    CHECK(m.counts.count == 1 && m.counts.at[0].value == 3);
    atoll_memory_free(memory);
}

TEST(extensions_are_read_and_written_by_functions_of_their_own)
{
    struct atoll_memory *memory = atoll_memory_new(0);
    int32_t marks[] = {1, 2};
    struct Item item = {0};
    struct Item other = {.has_Plain = true, .Plain = PLAIN};
    struct Item back;
    struct note note;
    struct marks got;
    struct item__of of;
    struct atoll_str wire;

    CHECK(!note_has(&item));
    CHECK_INT(note_get(memory, &item, &note), ATOLL_OK);
    CHECK(!note.has_value && note.value.len == 0);
    CHECK_INT(note_set(memory, &item, ATOLL_STR("first")), ATOLL_OK);
    CHECK_INT(note_set(memory, &item, ATOLL_STR("second")), ATOLL_OK);
    CHECK_INT(marks_set(memory, &item, marks, 2), ATOLL_OK);
    CHECK_INT(item__of_set(memory, &item, &other), ATOLL_OK);
    CHECK_INT(atoll_encode(memory, &Item_desc, &item, &wire), ATOLL_OK);
    CHECK_INT(atoll_decode(memory, &Item_desc, wire, &back), ATOLL_OK);
    CHECK(note_has(&back) && marks_has(&back) && item__of_has(&back));
    CHECK_INT(note_get(memory, &back, &note), ATOLL_OK);
    CHECK(note.has_value && is(note.value, "second"));
    CHECK_INT(marks_get(memory, &back, &got), ATOLL_OK);
    CHECK(got.value.count == 2 && got.value.at[1] == 2);
    CHECK_INT(item__of_get(memory, &back, &of), ATOLL_OK);
    CHECK(of.value != NULL && of.value->has_Plain && of.value->Plain == PLAIN);
    CHECK_INT(marks_clear(memory, &back), ATOLL_OK);
    CHECK(!marks_has(&back) && note_has(&back) && item__of_has(&back));
    atoll_memory_free(memory);
}

TEST_MAIN("libatoll/list")
