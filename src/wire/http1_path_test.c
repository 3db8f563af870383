#include "wire/http1_path.h"

#include <string.h>

#include "at_test.h"

static char room[256];
static struct at_bytes path;
static struct at_bytes query;

static int read_target(const char *target)
{
    return at_http1_path(at_bytes_of(target), room, strlen(target), &path, &query);
}

#define CHECK_PATH(target, expected)                                                               \
    do {                                                                                           \
        CHECK_INT(read_target(target), AT_HTTP1_PATH_OK);                                          \
        CHECK_BYTES(path, expected);                                                               \
    } while (0)

TEST(a_plain_path_stays_as_it_is)
{
    CHECK_PATH("/", "/");
    CHECK_PATH("/cart", "/cart");
    CHECK_PATH("/cart/", "/cart/");
    CHECK_PATH("/v1/items/42:check", "/v1/items/42:check");
    CHECK_PATH("/admin;x", "/admin;x");
}

TEST(the_query_is_split_off)
{
    CHECK_PATH("/stock?itemId=1&q=%2F", "/stock");
    CHECK_BYTES(query, "itemId=1&q=%2F");
    CHECK_PATH("/stock?", "/stock");
    CHECK_INT(query.len, 0);
    CHECK_PATH("/a?b?c", "/a");
    CHECK_BYTES(query, "b?c");
}

TEST(dot_segments_and_doubled_slashes_are_resolved)
{
    CHECK_PATH("/a/../b", "/b");
    CHECK_PATH("/a/./b", "/a/b");
    CHECK_PATH("//admin", "/admin");
    CHECK_PATH("/a//b///c", "/a/b/c");
    CHECK_PATH("/a/..", "/");
    CHECK_PATH("/a/b/..", "/a/");
    CHECK_PATH("/a/.", "/a/");
    CHECK_PATH("/...", "/...");
}

TEST(encoded_dots_are_dots)
{
    CHECK_PATH("/a/%2e%2e/b", "/b");
    CHECK_PATH("/a/.%2E/b", "/b");
    CHECK_PATH("/%2e/b", "/b");
    CHECK_INT(read_target("/%2e%2e/etc"), AT_HTTP1_PATH_ABOVE_ROOT);
    CHECK_INT(read_target("/a/../../etc"), AT_HTTP1_PATH_ABOVE_ROOT);
}

TEST(decoding_happens_once)
{
    CHECK_PATH("/%252e%252e/x", "/%2e%2e/x");
    CHECK_PATH("/a%20b+c", "/a b+c");
    CHECK_PATH("/caf%C3%A9", "/caf\xc3\xa9");
}

TEST(what_could_be_read_in_two_ways_is_refused)
{
    CHECK_INT(read_target("/a%2Fb"), AT_HTTP1_PATH_ENCODED_SLASH);
    CHECK_INT(read_target("/%2e%2e%2fadmin"), AT_HTTP1_PATH_ENCODED_SLASH);
    CHECK_INT(read_target("/a%00"), AT_HTTP1_PATH_CONTROL);
    CHECK_INT(read_target("/a%0d%0aX"), AT_HTTP1_PATH_CONTROL);
    CHECK_INT(read_target("/%c0%ae%c0%ae/x"), AT_HTTP1_PATH_NOT_UTF8);
    CHECK_INT(read_target("/%e0%80%af"), AT_HTTP1_PATH_NOT_UTF8);
    CHECK_INT(read_target("/%ff"), AT_HTTP1_PATH_NOT_UTF8);
    CHECK_INT(read_target("/a%2"), AT_HTTP1_PATH_BAD_PERCENT);
    CHECK_INT(read_target("/a%zz"), AT_HTTP1_PATH_BAD_PERCENT);
    CHECK_INT(read_target("/a%"), AT_HTTP1_PATH_BAD_PERCENT);
}

TEST(absolute_form_is_reduced_to_its_path)
{
    CHECK_PATH("http://shop:8080/cart?x=1", "/cart");
    CHECK_BYTES(query, "x=1");
    CHECK_PATH("HTTPS://shop", "/");
    CHECK_INT(read_target("http:///cart"), AT_HTTP1_PATH_BAD_FORM);
    CHECK_INT(read_target("ftp://h/x"), AT_HTTP1_PATH_BAD_FORM);
    CHECK_INT(read_target("shop:443"), AT_HTTP1_PATH_BAD_FORM);
    CHECK_INT(read_target("*"), AT_HTTP1_PATH_BAD_FORM);
}

TEST(a_room_that_is_too_small_is_told)
{
    CHECK_INT(at_http1_path(AT_LIT("/abc"), room, 3, &path, &query), AT_HTTP1_PATH_TOO_LONG);
}

TEST(query_fields_are_decoded_one_by_one)
{
    struct at_http1_query q = {AT_LIT("a=1&&b=x+y%2B%26&c&=d&e=f=g"), room, sizeof(room)};
    static const char *const expected[][2] = {
        {"a", "1"}, {"b", "x y+&"}, {"c", ""}, {"", "d"}, {"e", "f=g"}};
    struct at_bytes key;
    struct at_bytes value;
    bool more;

    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(at_http1_query_next(&q, &more, &key, &value), AT_HTTP1_PATH_OK);
        CHECK(more);
        CHECK_BYTES(key, expected[i][0]);
        CHECK_BYTES(value, expected[i][1]);
    }
    CHECK_INT(at_http1_query_next(&q, &more, &key, &value), AT_HTTP1_PATH_OK);
    CHECK(!more);
}

TEST(query_fields_with_nul_or_overlong_utf8_are_refused)
{
    struct at_http1_query nul = {AT_LIT("a=%00"), room, sizeof(room)};
    struct at_http1_query overlong = {AT_LIT("a=%c0%80"), room, sizeof(room)};
    struct at_bytes key;
    struct at_bytes value;
    bool more;

    CHECK_INT(at_http1_query_next(&nul, &more, &key, &value), AT_HTTP1_PATH_CONTROL);
    CHECK_INT(at_http1_query_next(&overlong, &more, &key, &value), AT_HTTP1_PATH_NOT_UTF8);
}

TEST_MAIN("wire/http1_path")
