#include "cli/logline.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"

/* Exactly n digits at the front of *b. */
static bool take_number(struct at_bytes *b, size_t n, int *ret)
{
    int value = 0;

    if (b->len < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (b->at[i] < '0' || b->at[i] > '9') {
            return false;
        }
        value = value * 10 + (b->at[i] - '0');
    }
    *b = at_bytes_after(*b, n);
    *ret = value;
    return true;
}

static bool take_char(struct at_bytes *b, char c)
{
    if (b->len == 0 || b->at[0] != (uint8_t)c) {
        return false;
    }
    *b = at_bytes_after(*b, 1);
    return true;
}

static bool take_date(struct at_bytes *b, struct tm *tm)
{
    if (!take_number(b, 4, &tm->tm_year) || !take_char(b, '-') || !take_number(b, 2, &tm->tm_mon) ||
        !take_char(b, '-') || !take_number(b, 2, &tm->tm_mday)) {
        return false;
    }
    bool good = tm->tm_year >= 1970 && tm->tm_year <= 2500 && tm->tm_mon >= 1 && tm->tm_mon <= 12 &&
                tm->tm_mday >= 1 && tm->tm_mday <= 31;

    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return good;
}

static bool take_clock(struct at_bytes *b, struct tm *tm)
{
    return take_number(b, 2, &tm->tm_hour) && take_char(b, ':') && take_number(b, 2, &tm->tm_min) &&
           take_char(b, ':') && take_number(b, 2, &tm->tm_sec) && tm->tm_hour <= 23 &&
           tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* ".123456": nanoseconds, more than nine digits are cut. */
static bool take_fraction(struct at_bytes *b, uint64_t *ret_ns)
{
    uint64_t unit = AT_SECOND_NS;
    size_t digits = 0;

    *ret_ns = 0;
    if (!take_char(b, '.')) {
        return true;
    }
    while (b->len > 0 && b->at[0] >= '0' && b->at[0] <= '9') {
        unit /= 10;
        *ret_ns += unit * (uint64_t)(b->at[0] - '0');
        *b = at_bytes_after(*b, 1);
        digits++;
    }
    return digits > 0;
}

/* "Z", "+01:00", or nothing, which is UTC too. */
static bool take_zone(struct at_bytes *b, int64_t *ret_offset_s)
{
    int hours;
    int minutes;
    int sign;

    *ret_offset_s = 0;
    if (b->len == 0 || take_char(b, 'Z')) {
        return true;
    }
    sign = take_char(b, '+') ? 1 : take_char(b, '-') ? -1 : 0;
    if (sign == 0 || !take_number(b, 2, &hours) || !take_char(b, ':') ||
        !take_number(b, 2, &minutes)) {
        return false;
    }
    *ret_offset_s = sign * ((int64_t)hours * 3600 + (int64_t)minutes * 60);
    return true;
}

bool at_logline_parse_time(struct at_bytes text, uint64_t *ret_wall_ns)
{
    struct tm tm = {.tm_isdst = 0};
    uint64_t fraction = 0;
    int64_t offset = 0;

    if (!take_date(&text, &tm)) {
        return false;
    }
    if (text.len > 0) {
        bool parted = take_char(&text, 'T') || take_char(&text, ' ');
        if (!parted || !take_clock(&text, &tm) || !take_fraction(&text, &fraction) ||
            !take_zone(&text, &offset) || text.len > 0) {
            return false;
        }
    }
    int64_t seconds = (int64_t)timegm(&tm) - offset;

    if (seconds < 0) {
        return false;
    }
    *ret_wall_ns = (uint64_t)seconds * AT_SECOND_NS + fraction;
    return true;
}

bool at_logline_parse_when(struct at_bytes text, uint64_t now_wall_ns, uint64_t *ret_wall_ns)
{
    uint64_t ago;

    if (at_text_parse_duration(text, &ago)) {
        *ret_wall_ns = ago < now_wall_ns ? now_wall_ns - ago : 0;
        return true;
    }
    return at_logline_parse_time(text, ret_wall_ns);
}

bool at_logline_parse(struct at_bytes line, struct at_logline *ret)
{
    struct at_bytes rest = line;
    struct at_bytes when;
    struct at_bytes stream;

    *ret = (struct at_logline){.text = line};
    if (at_bytes_start_with(line, AT_LIT("time="))) { /* a line of atolld's own log */
        rest = at_bytes_after(line, strlen("time="));
        if (!at_bytes_cut(&rest, ' ', &when) || !at_logline_parse_time(when, &ret->wall_ns)) {
            ret->wall_ns = 0;
        }
        return false;
    }
    if (!at_bytes_cut(&rest, ' ', &when) || !at_logline_parse_time(when, &ret->wall_ns)) {
        ret->wall_ns = 0;
        return false;
    }
    if (!at_bytes_cut(&rest, ' ', &stream)) {
        return false;
    }
    ret->goes_on = stream.len > 0 && stream.at[stream.len - 1] == '+';
    ret->stream = at_bytes_before(stream, stream.len - (ret->goes_on ? 1 : 0));
    if (!at_bytes_equal(ret->stream, AT_LIT("stdout")) &&
        !at_bytes_equal(ret->stream, AT_LIT("stderr")) &&
        !at_bytes_equal(ret->stream, AT_LIT("atoll"))) {
        ret->stream = at_bytes_over(NULL, 0);
        ret->goes_on = false;
        return false;
    }
    ret->text = rest;
    return true;
}

bool at_logline_parse_file(struct at_bytes name, struct at_bytes *ret_instance,
                           uint32_t *ret_number)
{
    static const char suffix[] = ".log";
    const size_t suffix_len = sizeof(suffix) - 1;
    uint64_t number = 0;

    for (size_t i = 1; i + suffix_len <= name.len; i++) {
        struct at_bytes tail = at_bytes_after(name, i);

        if (!at_bytes_start_with(tail, at_bytes_of(suffix))) {
            continue;
        }
        tail = at_bytes_after(tail, suffix_len);
        if (tail.len > 0 &&
            (tail.at[0] != '.' || !at_bytes_to_u64(at_bytes_after(tail, 1), &number) ||
             number == 0 || number > 1000)) {
            continue;
        }
        *ret_instance = at_bytes_before(name, i);
        *ret_number = (uint32_t)number;
        return true;
    }
    return false;
}

struct at_bytes at_logline_service(struct at_bytes instance)
{
    size_t end = instance.len;

    while (end > 0 && instance.at[end - 1] != '.') {
        end--;
    }
    return end <= 1 ? instance : at_bytes_before(instance, end - 1);
}
