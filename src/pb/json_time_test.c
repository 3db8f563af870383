#include "pb/json_time.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "at_test.h"
#include "base/bytes.h"

#define FIRST (-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST 253402300799    /* 9999-12-31T23:59:59Z */

enum { DAY = 86400 };

static const char *shown(int64_t seconds, int32_t nanos)
{
    static char out[AT_JSON_TIME_ROOM + 1];

    out[at_json_print_timestamp((struct at_json_time){seconds, nanos}, out)] = '\0';
    return out;
}

static struct at_json_time parsed(const char *text)
{
    struct at_json_time t = {0};

    CHECK(at_json_parse_timestamp(at_bytes_of(text), &t));
    return t;
}

/* The C library's calendar, which knows years below 1000 without their zeros. */
static void check_calendar(int64_t seconds)
{
    char expected[64];
    struct tm tm;
    time_t t = seconds;

    CHECK(gmtime_r(&t, &tm) != NULL);
    (void)snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    CHECK_STR(shown(seconds, 0), expected);
}

TEST(every_day_of_ten_thousand_years_is_the_calendars_and_comes_back)
{
    for (int64_t day = FIRST; day <= LAST; day += DAY) {
        int64_t second = day + (day / DAY * 7919 % DAY + DAY) % DAY;

        check_calendar(second);
        CHECK_INT(parsed(shown(second, 0)).seconds, second);
    }
    check_calendar(FIRST);
    check_calendar(LAST);
}

TEST(fractions_take_as_many_digits_as_they_need_in_threes)
{
    CHECK_STR(shown(0, 0), "1970-01-01T00:00:00Z");
    CHECK_STR(shown(0, 100000000), "1970-01-01T00:00:00.100Z");
    CHECK_STR(shown(0, 1000), "1970-01-01T00:00:00.000001Z");
    CHECK_STR(shown(-1, 999999999), "1969-12-31T23:59:59.999999999Z");
    for (int32_t nanos = 1; nanos <= 100000000; nanos *= 10) {
        CHECK_INT(parsed(shown(5, nanos)).nanos, nanos);
    }
}

TEST(what_is_out_of_range_has_no_text)
{
    char out[AT_JSON_TIME_ROOM];

    CHECK_INT(at_json_print_timestamp((struct at_json_time){FIRST - 1, 0}, out), 0);
    CHECK_INT(at_json_print_timestamp((struct at_json_time){LAST + 1, 0}, out), 0);
    CHECK_INT(at_json_print_timestamp((struct at_json_time){INT64_MIN, 0}, out), 0);
    CHECK_INT(at_json_print_timestamp((struct at_json_time){INT64_MAX, 0}, out), 0);
    CHECK_INT(at_json_print_timestamp((struct at_json_time){0, -1}, out), 0);
    CHECK_INT(at_json_print_timestamp((struct at_json_time){0, 1000000000}, out), 0);
    CHECK_INT(at_json_print_duration((struct at_json_time){INT64_MIN, 0}, out), 0);
    CHECK_INT(at_json_print_duration((struct at_json_time){INT64_MAX, 0}, out), 0);
    CHECK_INT(at_json_print_duration((struct at_json_time){0, INT32_MIN}, out), 0);
    CHECK_INT(at_json_print_duration((struct at_json_time){1, -1}, out), 0);
    CHECK_INT(at_json_print_duration((struct at_json_time){-1, 1}, out), 0);
}

TEST(each_shorter_prefix_of_a_time_is_refused)
{
    const char *time = "2026-02-28T23:59:59.123456789+05:30";
    const char *span = "-12.5s";
    struct at_json_time t;

    CHECK(at_json_parse_timestamp(at_bytes_of(time), &t));
    for (size_t i = 0; i < strlen(time); i++) {
        CHECK(!at_json_parse_timestamp(at_bytes_over(time, i), &t));
    }
    CHECK(at_json_parse_duration(at_bytes_of(span), &t));
    CHECK(t.seconds == -12 && t.nanos == -500000000);
    for (size_t i = 0; i < strlen(span); i++) {
        CHECK(!at_json_parse_duration(at_bytes_over(span, i), &t));
    }
}

TEST(paths_of_a_mask_come_back_or_are_refused)
{
    static const char *const good[][2] = {
        {"foo", "foo"}, {"fooBar.bazQux", "foo_bar.baz_qux"}, {"X", "_x"}, {"a1B2", "a1_b2"}};
    static const char *const bad[] = {"",   "fooBar", "foo__bar", "foo_",
                                      "_1", "a b",    "a,b",      "\xC3\xA4"};
    char out[64];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct at_bytes camel = at_bytes_of(good[i][0]);
        struct at_bytes snake = at_bytes_of(good[i][1]);

        CHECK_BYTES(at_bytes_over(out, at_json_mask_to_snake(camel, out)), good[i][1]);
        CHECK_BYTES(at_bytes_over(out, at_json_mask_to_camel(snake, out)), good[i][0]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(at_json_mask_to_camel(at_bytes_of(bad[i]), out) == SIZE_MAX);
    }
    CHECK(at_json_mask_to_snake(at_bytes_of("foo_bar"), out) == SIZE_MAX);
    CHECK(at_json_mask_to_snake(at_bytes_of(""), out) == SIZE_MAX);
}

TEST_MAIN("pb/json_time")
