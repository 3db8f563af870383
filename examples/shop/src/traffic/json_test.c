#include "traffic/json.h"

#include <stdint.h>
#include <string.h>

#include "at_test.h"

TEST(members_are_found_behind_all_kinds_of_values)
{
    const char *text = "{\"a\":{\"n\":1,\"x\":[1,{\"n\":2}]},\"b\":\"}\\\"]\",\"c\":[],\"d\":null,"
                       "\"n\":-7, \"t\" : true ,\"s\":\"he said \\\"no\\\"\"}";
    int64_t n = 0;
    bool t = false;
    char s[32];

    CHECK(json_int(text, "n", &n));
    CHECK_INT(n, -7);
    CHECK(json_bool(text, "t", &t) && t);
    CHECK(json_text(text, "s", s, sizeof(s)));
    CHECK_STR(s, "he said \"no\"");
    CHECK(json_member(text, "none") == NULL);
    CHECK(json_int(json_member(text, "a"), "n", &n));
    CHECK_INT(n, 1);
}

TEST(arrays_are_walked_and_empty_ones_have_no_first)
{
    const char *text = "{\"items\":[{\"q\":1},{\"q\":2} , {\"q\":3}],\"none\":[]}";
    int64_t sum = 0;
    int64_t q = 0;

    for (const char *e = json_first(json_member(text, "items")); e != NULL; e = json_next(e)) {
        CHECK(json_int(e, "q", &q));
        sum += q;
    }
    CHECK_INT(sum, 6);
    CHECK(json_first(json_member(text, "none")) == NULL);
    CHECK(json_first(json_member(text, "absent")) == NULL);
}

TEST(another_type_is_not_taken_for_a_number)
{
    int64_t n;
    bool b;
    char s[8];

    CHECK(!json_int("{\"n\":\"1\"}", "n", &n));
    CHECK(!json_int("{\"n\":1.5}", "n", &n));
    CHECK(!json_int("{\"n\":99999999999999999999}", "n", &n));
    CHECK(!json_bool("{\"n\":1}", "n", &b));
    CHECK(!json_text("{\"n\":1}", "n", s, sizeof(s)));
}

TEST(every_shorter_text_gives_nothing_and_reads_no_further)
{
    const char *whole = "{\"a\":[{\"q\":1},\"x\\\"\"],\"n\":12}";
    char text[64];
    int64_t n;

    for (size_t len = 0; len + 1 < strlen(whole); len++) {
        memcpy(text, whole, len);
        text[len] = '\0';
        CHECK(!json_int(text, "n", &n) || len + 1 >= strlen(whole) - 1);
        CHECK(json_first(json_member(text, "a")) == NULL || len > 5);
    }
}

TEST_MAIN("shop/traffic-json")
