#include "roles/gateway/trace.h"

#include <string.h>

#include "at_test.h"

static struct at_trace_source source = {{1, 2}};

static struct at_trace begin(const char *parent)
{
    struct at_trace t;

    at_trace_begin(&source, at_bytes_of(parent), &t);
    return t;
}

static bool takes(const char *parent)
{
    static const uint8_t id[16] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                                   0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
    struct at_trace t = begin(parent);

    return memcmp(t.trace_id, id, sizeof(id)) == 0;
}

TEST(a_trace_is_continued)
{
    struct at_trace t = begin("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
    char text[AT_TRACE_PARENT_TEXT];

    at_trace_parent_text(&t, text);
    CHECK(memcmp(text, "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36) == 0);
    CHECK(memcmp(text + 36, "00f067aa0ba902b7", 16) != 0); /* the span is ours */
    CHECK(memcmp(text + 52, "-00", 3) == 0);
    CHECK(takes("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-new"));
}

TEST(a_malformed_parent_begins_a_new_trace)
{
    CHECK(!takes("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-new"));
    CHECK(!takes("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
    CHECK(!takes("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    CHECK(!takes("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
    CHECK(!takes("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"));
    CHECK(!takes("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-011"));
    CHECK(!takes(""));
}

TEST(new_traces_differ_and_are_sampled)
{
    struct at_trace a = begin(NULL);
    struct at_trace b = begin("00-00000000000000000000000000000000-00f067aa0ba902b7-00");

    CHECK(memcmp(a.trace_id, b.trace_id, 16) != 0);
    CHECK(a.span_id != 0 && a.span_id != b.span_id);
    CHECK_INT(b.flags, 1);
}

TEST(request_ids_are_bounded_visible_text)
{
    char longest[130];

    CHECK(at_trace_is_request_id(AT_LIT("a-B.7/x")));
    CHECK(!at_trace_is_request_id(AT_LIT("")));
    CHECK(!at_trace_is_request_id(AT_LIT("a b")));
    CHECK(!at_trace_is_request_id(AT_LIT("a\"b")));
    CHECK(!at_trace_is_request_id(AT_LIT("a\x80")));
    memset(longest, 'a', sizeof(longest));
    CHECK(at_trace_is_request_id(at_bytes_over(longest, 128)));
    CHECK(!at_trace_is_request_id(at_bytes_over(longest, 129)));
}

TEST_MAIN("roles/gateway/trace")
