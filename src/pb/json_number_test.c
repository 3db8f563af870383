#include "pb/json_number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "pb/limits.h"

enum { ROUNDS = 100000 };

#define MUST(expr, ...) ((expr) ? (void)0 : at_test_fail(__FILE__, __LINE__, __VA_ARGS__))

static uint64_t seed = 0x9E3779B97F4A7C15;

static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* How many rounds: AT_JSON_ROUNDS of the environment makes it a long run. */
static uint64_t rounds(void)
{
    const char *text = getenv("AT_JSON_ROUNDS");

    return text == NULL ? ROUNDS : strtoull(text, NULL, 10);
}

static const char *shown(double value)
{
    static char out[AT_JSON_NUMBER_ROOM + 1];

    out[at_json_print_double(value, out)] = '\0';
    return out;
}

static const char *shown_float(float value)
{
    static char out[AT_JSON_NUMBER_ROOM + 1];

    out[at_json_print_float(value, out)] = '\0';
    return out;
}

static double read(const char *text)
{
    return at_json_parse_double(at_bytes_of(text));
}

static float read_float(const char *text)
{
    return at_json_parse_float(at_bytes_of(text));
}

/* Significant digits of a printed number. */
static int digits_of(const char *text)
{
    int n = 0;
    int zeros = 0;

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (*text != '0' || n > 0)) {
            n++;
            zeros = *text == '0' ? zeros + 1 : 0;
        }
    }
    return n - zeros;
}

TEST(doubles_are_laid_out_as_ecmascript_does)
{
    CHECK_STR(shown(0), "0");
    CHECK_STR(shown(-0.0), "-0");
    CHECK_STR(shown(1), "1");
    CHECK_STR(shown(-1.5), "-1.5");
    CHECK_STR(shown(100), "100");
    CHECK_STR(shown(0.1), "0.1");
    CHECK_STR(shown(0.3), "0.3");
    CHECK_STR(shown(9.99), "9.99");
    CHECK_STR(shown(1234.5678), "1234.5678");
    CHECK_STR(shown(0.1 + 0.2), "0.30000000000000004");
    CHECK_STR(shown(1e20), "100000000000000000000");
    CHECK_STR(shown(123456789012345680000.0), "123456789012345680000");
    CHECK_STR(shown(1e21), "1e+21");
    CHECK_STR(shown(1.5e300), "1.5e+300");
    CHECK_STR(shown(0.000001), "0.000001");
    CHECK_STR(shown(1e-7), "1e-7");
    CHECK_STR(shown(-1.25e-7), "-1.25e-7");
    CHECK_STR(shown(5e-324), "5e-324");
    CHECK_STR(shown(DBL_MIN), "2.2250738585072014e-308");
    CHECK_STR(shown(-DBL_MAX), "-1.7976931348623157e+308");
    CHECK_STR(shown(9007199254740993.0), "9007199254740992");
    CHECK_STR(shown(1e23), "1e+23");
    CHECK_STR(shown(9.5367431640625e-7), "9.5367431640625e-7");
}

TEST(floats_take_the_digits_that_a_float_needs)
{
    CHECK_STR(shown_float(0.1F), "0.1");
    CHECK_STR(shown_float(-0.0F), "-0");
    CHECK_STR(shown_float(3.4028235e38F), "3.4028235e+38");
    CHECK_STR(shown_float(1e-45F), "1e-45");
    CHECK_STR(shown_float(1.17549435e-38F), "1.1754944e-38");
    CHECK_STR(shown_float(16777215), "16777215");
    CHECK_STR(shown_float(0.3F), "0.3");
}

TEST(whole_numbers_are_exact)
{
    char out[AT_JSON_NUMBER_ROOM];

    for (int i = 0; i < 64; i++) {
        char expected[32];
        uint64_t v = any() >> i;

        (void)snprintf(expected, sizeof(expected), "%" PRIu64, v);
        CHECK_BYTES(at_bytes_over(out, at_json_print_u64(v, out)), expected);
        (void)snprintf(expected, sizeof(expected), "%" PRId64, (int64_t)v);
        CHECK_BYTES(at_bytes_over(out, at_json_print_i64((int64_t)v, out)), expected);
    }
    CHECK_BYTES(at_bytes_over(out, at_json_print_i64(INT64_MIN, out)), "-9223372036854775808");
    CHECK_BYTES(at_bytes_over(out, at_json_print_u64(UINT64_MAX, out)), "18446744073709551615");
    CHECK_BYTES(at_bytes_over(out, at_json_print_u64(0, out)), "0");
}

/* Is text the shortest that reads back as v? printf knows the nearest of each length. */
static void check_double(double v)
{
    const char *text = shown(v);
    char other[64];
    int digits = digits_of(text);

    MUST(strtod(text, NULL) == v, "%.17g is printed as %s", v, text);
    MUST(read(text) == v, "%s does not read back", text);
    (void)snprintf(other, sizeof(other), "%.*e", digits - 1, v);
    MUST(strtod(other, NULL) != v || strtod(other, NULL) == read(text), "%s", text);
    if (digits > 1) {
        (void)snprintf(other, sizeof(other), "%.*e", digits - 2, v);
        MUST(strtod(other, NULL) != v, "%s could be %s", text, other);
    }
    (void)snprintf(other, sizeof(other), "%.16e", v);
    MUST(read(other) == v, "%s does not read back", other);
}

static void check_float(float v)
{
    const char *text = shown_float(v);
    char other[64];
    int digits = digits_of(text);

    MUST(strtof(text, NULL) == v, "%.9g is printed as %s", (double)v, text);
    MUST(read_float(text) == v, "%s does not read back", text);
    if (digits > 1) {
        (void)snprintf(other, sizeof(other), "%.*e", digits - 2, (double)v);
        MUST(strtof(other, NULL) != v, "%s could be %s", text, other);
    }
}

TEST(any_double_is_printed_shortest_and_reads_back)
{
    for (uint64_t i = 0; i < rounds(); i++) {
        uint64_t bits = any();
        double v;

        if (i % 8 == 0) { /* ends of intervals that are lopsided */
            bits &= 0xFFF0000000000000U;
        }
        memcpy(&v, &bits, sizeof(v));
        if (isfinite(v)) {
            check_double(v);
        }
    }
}

TEST(any_float_is_printed_shortest_and_reads_back)
{
    for (uint64_t i = 0; i < rounds(); i++) {
        uint32_t bits = (uint32_t)any();
        float v;

        if (i % 8 == 0) {
            bits &= 0xFF800000U;
        }
        memcpy(&v, &bits, sizeof(v));
        if (isfinite(v)) {
            check_float(v);
        }
    }
}

/* Any text of a number means to us what it means to the C library. */
static void check_text(const char *text)
{
    double d = strtod(text, NULL);
    float f = strtof(text, NULL);

    MUST(read(text) == d && signbit(read(text)) == signbit(d), "%s is %.17g, not %.17g", text, d,
         read(text));
    MUST(read_float(text) == f && signbit(read_float(text)) == signbit(f), "%s is %.9g, not %.9g",
         text, (double)f, (double)read_float(text));
}

static void random_digits(char *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)('0' + any() % 10);
    }
    out[n] = '\0';
}

TEST(any_number_means_what_the_c_library_says)
{
    char digits[64];
    char text[128];

    for (uint64_t i = 0; i < rounds(); i++) {
        random_digits(digits, 1 + any() % 40);
        (void)snprintf(text, sizeof(text), "%s%c.%se%d", any() % 2 == 0 ? "-" : "",
                       (char)('1' + any() % 9), digits, (int)(any() % 700) - 350);
        check_text(text);
        (void)snprintf(text, sizeof(text), "%" PRIu64 "e%d", any() >> (any() % 64),
                       (int)(any() % 60) - 30);
        check_text(text);
    }
}

/* The exact middle between two neighbours, and one digit above and below of it. */
TEST(ties_go_to_the_even_neighbour)
{
    char text[AT_JSON_NUMBER_MAX * 2 + 2];

    for (uint64_t i = 0; i < rounds() / 10; i++) {
        uint32_t bits = (uint32_t)any() & 0x7FFFFFFF;
        double middle;
        float v;
        size_t len;

        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v)) {
            continue;
        }
        middle = ((double)v + (double)nextafterf(v, INFINITY)) / 2;
        len = (size_t)snprintf(text, sizeof(text), "%.160e", isfinite(middle) ? middle : 0);
        check_text(text);
        text[len - 5]++;
        check_text(text);
    }
    check_text("9007199254740993");
    check_text("9007199254740993.0000000000000000000000000000000000000000000001");
    check_text("9007199254740992.9999999999999999999999999999999999999999999999");
    check_text("2.4703282292062327208e-324");
    check_text("2.47032822920623272088284396434110686182e-324");
    check_text("2.47032822920623272088284396434110686183e-324");
    check_text("1.7976931348623158079372897140530341507993413271003782693617377898044e308");
    check_text("1.7976931348623158079372897140530341507993413271003782693617377898045e308");
    check_text("3.40282356779733661637539395458142568447999e38");
    check_text("3.40282356779733661637539395458142568448e38");
    check_text("1e-400");
    check_text("-1e400");
    check_text("0e99999999999");
    check_text("0.0000000000000000000000000000000000000000000000000000000000000001e64");
}

TEST(the_end_of_a_number_is_where_the_grammar_says)
{
    static const struct {
        const char *text;
        int len; /* −1: no number */
    } rows[] = {
        {"0", 1},       {"-0", 2},  {"01", -1},  {"-", -1},     {"1.", -1},
        {"1.5,", 3},    {"1e", -1}, {"1e+", -1}, {"1E-05]", 5}, {"10 ", 2},
        {"-1.0e9x", 6}, {".5", -1}, {"+1", -1},  {"", -1},      {"12345678901234567890", 20}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint8_t *at = (const uint8_t *)rows[i].text;
        const uint8_t *end = at_json_number_end(at, at + strlen(rows[i].text));

        CHECK_INT(end == NULL ? -1 : end - at, rows[i].len);
    }
}

TEST_MAIN("pb/json_number")
