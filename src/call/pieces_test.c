/* The small pure parts: metadata, the heap of deadlines, tables of methods. */
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "call/deadlines.h"
#include "call/metadata.h"
#include "call/methods.h"
#include "control/message.h"

TEST(metadata_comes_out_as_it_went_in)
{
    uint8_t room[64];
    struct at_writer w = at_writer_over(room, sizeof(room));
    struct at_bytes rest;
    struct at_bytes key;
    struct at_bytes value;

    at_metadata_add(&w, AT_LIT("colour"), AT_LIT("green"));
    at_metadata_add(&w, AT_METADATA_CALLER, AT_LIT("alice"));
    at_metadata_add(&w, AT_LIT("empty"), AT_LIT(""));
    CHECK(!w.failed);
    rest = at_writer_bytes(&w);
    CHECK(at_metadata_next(&rest, &key, &value));
    CHECK_BYTES(key, "colour");
    CHECK_BYTES(value, "green");
    CHECK(at_metadata_get(at_writer_bytes(&w), AT_LIT("empty"), &value) && value.len == 0);
    CHECK(at_metadata_get(at_writer_bytes(&w), AT_METADATA_CALLER, &value));
    CHECK_BYTES(value, "alice");
    CHECK(!at_metadata_get(at_writer_bytes(&w), AT_LIT("other"), &value));
}

TEST(every_shorter_piece_of_a_pair_is_no_pair)
{
    uint8_t room[64];
    struct at_writer w = at_writer_over(room, sizeof(room));

    at_metadata_add(&w, AT_LIT("colour"), AT_LIT("green"));
    for (size_t len = 0; len < w.len; len++) {
        struct at_bytes rest = at_bytes_over(room, len);
        struct at_bytes key;
        struct at_bytes value;

        CHECK(!at_metadata_next(&rest, &key, &value));
        CHECK_INT(rest.len, len);
    }
}

TEST(a_pair_without_key_or_over_the_limits_is_not_written)
{
    static uint8_t room[70000];
    static const uint8_t big[65536];
    struct at_writer w = at_writer_over(room, sizeof(room));

    at_metadata_add(&w, AT_LIT(""), AT_LIT("x"));
    CHECK(w.failed);
    w = at_writer_over(room, sizeof(room));
    at_metadata_add(&w, at_bytes_over(big, 256), AT_LIT("x"));
    CHECK(w.failed);
    w = at_writer_over(room, sizeof(room));
    at_metadata_add(&w, AT_LIT("k"), at_bytes_over(big, sizeof(big)));
    CHECK(w.failed);
}

TEST(only_lower_case_keys_are_keys)
{
    CHECK(at_metadata_is_key(AT_LIT("x-request-id")));
    CHECK(at_metadata_is_key(AT_LIT("a.b_c9")));
    CHECK(!at_metadata_is_key(AT_LIT("")));
    CHECK(!at_metadata_is_key(AT_LIT("Upper")));
    CHECK(!at_metadata_is_key(AT_METADATA_CALLER));
    CHECK(!at_metadata_is_key(AT_LIT("a b")));
}

TEST(deadlines_come_in_order_whatever_was_added_and_removed)
{
    enum { N = 500 };
    static struct at_deadline d[N];
    struct at_deadlines h;
    uint64_t last = 0;
    size_t seen = 0;
    struct at_deadline *first;

    at_deadlines_init(&h);
    for (size_t i = 0; i < N; i++) {
        d[i].at_ns = (i * 7919) % 1009;
        CHECK_INT(at_deadlines_add(&h, &d[i]), 0);
    }
    for (size_t i = 0; i < N; i += 3) {
        at_deadlines_remove(&h, &d[i]);
        at_deadlines_remove(&h, &d[i]); /* once more changes nothing */
        seen++;
    }
    while ((first = at_deadlines_first(&h)) != NULL) {
        CHECK(first->at_ns >= last);
        last = first->at_ns;
        at_deadlines_remove(&h, first);
        seen++;
    }
    CHECK_INT(seen, N);
    at_deadlines_deinit(&h);
}

static void add_some(void)
{
    struct at_deadline d[40];
    struct at_deadlines h;

    memset(d, 0, sizeof(d));
    at_deadlines_init(&h);
    for (int i = 0; i < 40; i++) {
        d[i].at_ns = (uint64_t)(i * 7 % 40);
        (void)at_deadlines_add(&h, &d[i]);
    }
    for (int i = 0; i < 40; i++) {
        at_deadlines_remove(&h, &d[i]);
    }
    CHECK(at_deadlines_first(&h) == NULL);
    at_deadlines_deinit(&h);
}

TEST(a_heap_that_cannot_grow_refuses_and_stays_whole)
{
    WITH_EACH_ALLOCATION_FAILING(add_some());
}

TEST(deadlines_that_come_in_order_take_no_memory)
{
    static struct at_deadline d[1000];
    struct at_deadline far = {.at_ns = UINT64_MAX};
    struct at_deadlines h;

    at_deadlines_init(&h);
    CHECK_INT(at_deadlines_add(&h, &far), 0);
    for (uint64_t i = 0; i < 1000; i++) {
        d[i].at_ns = 1000 + i / 3;
        CHECK_INT(at_deadlines_add(&h, &d[i]), 0);
    }
    CHECK(h.heap == NULL);
    CHECK(at_deadlines_first(&h) == &d[0]);
    at_deadlines_deinit(&h);
}

TEST(a_method_is_known_by_its_name_and_not_by_where_the_name_lies)
{
    static const char lines[] = "a.S/One\na.S/Two\nb.S/One\n";
    struct at_methods m;
    char place[8];

    at_methods_init(&m);
    CHECK_INT(at_methods_read(&m, at_bytes_of(lines)), 0);
    for (int i = 0; i < 2; i++) {
        memcpy(place, "One", 3);
        CHECK_INT(at_methods_number(&m, AT_LIT("a.S"), at_bytes_over(place, 3)), 0);
        CHECK_INT(at_methods_number(&m, AT_LIT("b.S"), at_bytes_over(place, 3)), 2);
        memcpy(place, "Two", 3);
        CHECK_INT(at_methods_number(&m, AT_LIT("a.S"), at_bytes_over(place, 3)), 1);
        CHECK_INT(at_methods_number(&m, AT_LIT("b.S"), at_bytes_over(place, 3)), -1);
        CHECK_INT(at_methods_number(&m, AT_LIT("a.S/Tw"), AT_LIT("o")), -1);
        CHECK_INT(at_methods_number(&m, AT_LIT("a.S"), (struct at_bytes){0}), -1);
    }
    at_methods_deinit(&m);
}

TEST(a_table_of_methods_with_an_empty_name_is_refused)
{
    struct at_methods m;

    at_methods_init(&m);
    CHECK_INT(at_methods_read(&m, AT_LIT("a.S/One\n\na.S/Two\n")), AT_MESSAGE_MALFORMED);
    at_methods_deinit(&m);
}

static void read_methods(void)
{
    struct at_methods m;

    at_methods_init(&m);
    (void)at_methods_read(&m, AT_LIT("a.S/One\na.S/Two\n"));
    (void)at_methods_number(&m, AT_LIT("a.S"), AT_LIT("Two"));
    at_methods_deinit(&m);
}

TEST(a_table_of_methods_needs_memory_and_gives_it_back)
{
    WITH_EACH_ALLOCATION_FAILING(read_methods());
}

TEST_MAIN("call/pieces")
