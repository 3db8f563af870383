#include "pb/json_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "pb/json_number.h"

#define YEAR_ONE (-62135596800)        /* 0001-01-01T00:00:00Z */
#define YEAR_TEN_THOUSAND 253402300800 /* the second after the last */
#define DURATION_MAX 315576000000      /* seconds, either way */

enum {
    DAY = 86400,
    NANOS_MAX = 999999999,
    DAYS_TO_1970 = 719468, /* from 0000-03-01 */
    ERA_DAYS = 146097,     /* 400 years */
};

static bool take_char(struct at_bytes *rest, char c)
{
    if (rest->len == 0 || rest->at[0] != (uint8_t)c) {
        return false;
    }
    *rest = at_bytes_after(*rest, 1);
    return true;
}

static bool take_digit(struct at_bytes *rest, int *ret)
{
    if (rest->len == 0 || rest->at[0] < '0' || rest->at[0] > '9') {
        return false;
    }
    *ret = rest->at[0] - '0';
    *rest = at_bytes_after(*rest, 1);
    return true;
}

/* Exactly n digits, of a number from low to high. */
static bool take_number(struct at_bytes *rest, int n, int low, int high, int *ret)
{
    int digit;

    *ret = 0;
    for (int i = 0; i < n; i++) {
        if (!take_digit(rest, &digit)) {
            return false;
        }
        *ret = *ret * 10 + digit;
    }
    return *ret >= low && *ret <= high;
}

/* ".5" as nanoseconds; nothing: 0. One to nine digits. */
static bool take_fraction(struct at_bytes *rest, int32_t *ret)
{
    int digits = 0;
    int digit;

    *ret = 0;
    if (!take_char(rest, '.')) {
        return true;
    }
    while (take_digit(rest, &digit)) {
        if (++digits > 9) {
            return false;
        }
        *ret = *ret * 10 + digit;
    }
    for (int i = digits; i < 9; i++) {
        *ret *= 10;
    }
    return digits > 0;
}

static int days_of_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01; years begin in March, so that the leap day is their last. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t m = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - DAYS_TO_1970;
}

/* "Z", "+08:00"; as seconds to take off. */
static bool take_offset(struct at_bytes *rest, int64_t *ret)
{
    bool west;
    int hours;
    int minutes;

    *ret = 0;
    if (take_char(rest, 'Z')) {
        return true;
    }
    west = take_char(rest, '-');
    if ((!west && !take_char(rest, '+')) || !take_number(rest, 2, 0, 23, &hours) ||
        !take_char(rest, ':') || !take_number(rest, 2, 0, 59, &minutes)) {
        return false;
    }
    *ret = hours * 3600 + minutes * 60;
    *ret = west ? -*ret : *ret;
    return true;
}

bool at_json_parse_timestamp(struct at_bytes text, struct at_json_time *ret)
{
    struct at_bytes rest = text;
    int64_t offset;
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;

    if (!take_number(&rest, 4, 1, 9999, &year) || !take_char(&rest, '-') ||
        !take_number(&rest, 2, 1, 12, &month) || !take_char(&rest, '-') ||
        !take_number(&rest, 2, 1, days_of_month(year, month), &day) || !take_char(&rest, 'T') ||
        !take_number(&rest, 2, 0, 23, &hour) || !take_char(&rest, ':') ||
        !take_number(&rest, 2, 0, 59, &minute) || !take_char(&rest, ':') ||
        !take_number(&rest, 2, 0, 59, &second) || !take_fraction(&rest, &ret->nanos) ||
        !take_offset(&rest, &offset) || rest.len > 0) {
        return false;
    }
    ret->seconds = days_since_1970(year, month, day) * DAY + hour * (int64_t)3600 +
                   minute * (int64_t)60 + second - offset;
    return ret->seconds >= YEAR_ONE && ret->seconds < YEAR_TEN_THOUSAND;
}

bool at_json_parse_duration(struct at_bytes text, struct at_json_time *ret)
{
    struct at_bytes rest = text;
    bool negative = take_char(&rest, '-');
    int digits = 0;
    int digit;

    ret->seconds = 0;
    while (take_digit(&rest, &digit)) {
        ret->seconds = ret->seconds * 10 + digit;
        if (++digits > 12 || ret->seconds > DURATION_MAX) {
            return false;
        }
    }
    if (digits == 0 || !take_fraction(&rest, &ret->nanos) || !take_char(&rest, 's') ||
        rest.len > 0) {
        return false;
    }
    ret->seconds = negative ? -ret->seconds : ret->seconds;
    ret->nanos = negative ? -ret->nanos : ret->nanos;
    return true;
}

/* n digits with zeros in front. */
static char *put_number(char *out, int n, int64_t v)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return out + n;
}

static char *put_fraction(char *out, int32_t nanos)
{
    if (nanos == 0) {
        return out;
    }
    *out++ = '.';
    if (nanos % 1000000 == 0) {
        return put_number(out, 3, nanos / 1000000);
    }
    return nanos % 1000 == 0 ? put_number(out, 6, nanos / 1000) : put_number(out, 9, nanos);
}

static char *put_date(char *out, int64_t days)
{
    int64_t shifted = days + DAYS_TO_1970;
    int64_t era = shifted / ERA_DAYS;
    int64_t in_era = shifted % ERA_DAYS;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / (ERA_DAYS - 1)) / 365;
    int64_t in_year = in_era - (year * 365 + year / 4 - year / 100);
    int64_t month = (in_year * 5 + 2) / 153; /* 0: March */

    out = put_number(out, 4, era * 400 + year + (month >= 10));
    *out++ = '-';
    out = put_number(out, 2, month < 10 ? month + 3 : month - 9);
    *out++ = '-';
    return put_number(out, 2, in_year - (month * 153 + 2) / 5 + 1);
}

size_t at_json_print_timestamp(struct at_json_time t, char out[AT_JSON_TIME_ROOM])
{
    int64_t since; /* 0001-01-01 */
    int64_t second;
    char *p;

    if (t.seconds < YEAR_ONE || t.seconds >= YEAR_TEN_THOUSAND || t.nanos < 0 ||
        t.nanos > NANOS_MAX) {
        return 0;
    }
    since = t.seconds - YEAR_ONE;
    second = since % DAY;
    p = put_date(out, since / DAY + YEAR_ONE / DAY);
    *p++ = 'T';
    p = put_number(p, 2, second / 3600);
    *p++ = ':';
    p = put_number(p, 2, second / 60 % 60);
    *p++ = ':';
    p = put_number(p, 2, second % 60);
    p = put_fraction(p, t.nanos);
    *p++ = 'Z';
    return (size_t)(p - out);
}

size_t at_json_print_duration(struct at_json_time t, char out[AT_JSON_TIME_ROOM])
{
    char *p = out;

    if (t.seconds < -DURATION_MAX || t.seconds > DURATION_MAX || t.nanos < -NANOS_MAX ||
        t.nanos > NANOS_MAX || (t.seconds > 0 && t.nanos < 0) || (t.seconds < 0 && t.nanos > 0)) {
        return 0;
    }
    if (t.seconds < 0 || t.nanos < 0) {
        *p++ = '-';
    }
    p += at_json_print_i64(t.seconds < 0 ? -t.seconds : t.seconds, p);
    p = put_fraction(p, t.nanos < 0 ? -t.nanos : t.nanos);
    *p++ = 's';
    return (size_t)(p - out);
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

size_t at_json_mask_to_snake(struct at_bytes path, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < path.len; i++) {
        uint8_t c = path.at[i];

        if (is_upper(c)) {
            out[len++] = '_';
            out[len++] = (char)(c | 0x20);
        } else if (is_lower(c) || is_digit(c) || c == '.') {
            out[len++] = (char)c;
        } else {
            return SIZE_MAX;
        }
    }
    return len == 0 ? SIZE_MAX : len;
}

size_t at_json_mask_to_camel(struct at_bytes path, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < path.len; i++) {
        uint8_t c = path.at[i];

        if (c == '_') {
            c = ++i < path.len ? path.at[i] : 0;
            if (!is_lower(c)) {
                return SIZE_MAX;
            }
            c &= 0xDF;
        } else if (!is_lower(c) && !is_digit(c) && c != '.') {
            return SIZE_MAX;
        }
        out[len++] = (char)c;
    }
    return len == 0 ? SIZE_MAX : len;
}
