#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "bytes.h"

void at_text_init(struct at_text *t)
{
    *t = (struct at_text){0};
}

void at_text_init_in(struct at_text *t, struct at_arena *arena)
{
    *t = (struct at_text){.arena = arena};
}

void at_text_deinit(struct at_text *t)
{
    if (t->arena == NULL) {
        free(t->at);
    } else {
        (void)at_arena_resize(t->arena, t->at, t->cap, 0);
    }
    *t = (struct at_text){.arena = t->arena};
}

void at_text_clear(struct at_text *t)
{
    t->len = 0;
    t->failed = false;
    if (t->at != NULL) {
        t->at[0] = '\0';
    }
}

/*
 * Memory for cap bytes, or at least for more than `need`, which is what an arena near its limit may
 * still have. *cap: how much it is.
 */
static char *regrow(struct at_text *t, size_t need, size_t *cap)
{
    size_t all;
    char *bigger;

    if (t->arena == NULL) {
        return realloc(t->at, *cap);
    }
    if (at_arena_resize(t->arena, t->at, t->cap, *cap)) {
        return t->at;
    }
    all = t->cap + at_arena_room(t->arena).len;
    if (all > need && all < *cap && at_arena_resize(t->arena, t->at, t->cap, all)) {
        *cap = all;
        return t->at;
    }
    bigger = at_arena_alloc(t->arena, *cap, 1);
    if (bigger == NULL) {
        *cap = need + 1;
        bigger = at_arena_alloc(t->arena, *cap, 1);
    }
    if (bigger != NULL && t->len > 0) {
        memcpy(bigger, t->at, t->len);
    }
    return bigger;
}

/* Room for n bytes and a NUL. */
static bool reserve(struct at_text *t, size_t n)
{
    size_t need;
    size_t cap = t->cap == 0 ? 64 : t->cap;
    char *bigger;

    if (t->failed || __builtin_add_overflow(t->len, n, &need) || need >= SIZE_MAX / 2) {
        t->failed = true;
        return false;
    }
    if (need < t->cap) {
        return true;
    }
    while (cap <= need) {
        cap *= 2;
    }
    bigger = regrow(t, need, &cap);
    if (bigger == NULL) {
        t->failed = true;
        return false;
    }
    t->at = bigger;
    t->cap = cap;
    return true;
}

char *at_text_claim(struct at_text *t, size_t n)
{
    char *room;

    if (!reserve(t, n)) {
        return NULL;
    }
    room = t->at + t->len;
    t->len += n;
    t->at[t->len] = '\0';
    return room;
}

void at_text_add(struct at_text *t, struct at_bytes b)
{
    char *room = at_text_claim(t, b.len);

    if (room != NULL && b.len > 0) {
        memcpy(room, b.at, b.len);
    }
}

void at_text_add_str(struct at_text *t, const char *s)
{
    at_text_add(t, at_bytes_of(s));
}

void at_text_add_char(struct at_text *t, char c)
{
    at_text_add(t, at_bytes_over(&c, 1));
}

void at_text_addv(struct at_text *t, const char *format, va_list args)
{
    va_list again;
    char *room;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len < 0) {
        t->failed = true;
    } else {
        room = at_text_claim(t, (size_t)len);
        if (room != NULL) {
            (void)vsnprintf(room, (size_t)len + 1, format, again);
        }
    }
    va_end(again);
}

void at_text_addf(struct at_text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    at_text_addv(t, format, args);
    va_end(args);
}

struct at_bytes at_text_bytes(const struct at_text *t)
{
    return at_bytes_over(t->at, t->len);
}

const char *at_text_str(const struct at_text *t)
{
    return t->at == NULL ? "" : t->at;
}

char *at_text_take(struct at_text *t)
{
    char *at;

    if (t->failed || !reserve(t, 0)) {
        return NULL;
    }
    at = t->at;
    at[t->len] = '\0';
    if (t->arena != NULL) {
        (void)at_arena_resize(t->arena, at, t->cap, t->len + 1);
    }
    *t = (struct at_text){.arena = t->arena};
    return at;
}

/* Bytes of the well-formed printable character at p, or 0. C1 controls (U+0080..9F) are not. */
static size_t printable(const uint8_t *p, size_t left)
{
    size_t len = 1;

    if (p[0] < 0x80) {
        return (p[0] >= 0x20 && p[0] != 0x7F) || p[0] == '\t' ? 1 : 0;
    }
    len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (len > left || !at_bytes_is_utf8(at_bytes_over(p, len))) {
        return 0;
    }
    if (p[0] == 0xC2 && p[1] < 0xA0) {
        return 0;
    }
    /* U+202A..202E and U+2066..2069 turn the reading direction: Trojan source. */
    if (p[0] == 0xE2 && ((p[1] == 0x80 && p[2] >= 0xAA && p[2] <= 0xAE) ||
                         (p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9))) {
        return 0;
    }
    return len;
}

void at_text_add_visible(struct at_text *t, struct at_bytes b)
{
    size_t i = 0;

    while (i < b.len) {
        size_t len = printable(b.at + i, b.len - i);

        if (len == 0) {
            at_text_addf(t, "\\x%02x", b.at[i]);
            i++;
        } else {
            at_text_add(t, at_bytes_over(b.at + i, len));
            i += len;
        }
    }
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* Cuts leading digits off *rest. */
static bool cut_number(struct at_bytes *rest, uint64_t *ret)
{
    size_t n = 0;

    while (n < rest->len && rest->at[n] >= '0' && rest->at[n] <= '9') {
        n++;
    }
    if (!at_bytes_to_u64(at_bytes_before(*rest, n), ret)) {
        return false;
    }
    *rest = at_bytes_after(*rest, n);
    return true;
}

/* Cuts leading letters off *rest and finds their factor. */
static bool cut_unit(struct at_bytes *rest, const struct unit *units, size_t count, uint64_t *ret)
{
    size_t n = 0;

    while (n < rest->len && (rest->at[n] < '0' || rest->at[n] > '9')) {
        n++;
    }
    for (size_t i = 0; i < count; i++) {
        if (at_bytes_equal_nocase(at_bytes_before(*rest, n), at_bytes_of(units[i].name))) {
            *ret = units[i].factor;
            *rest = at_bytes_after(*rest, n);
            return true;
        }
    }
    return false;
}

bool at_text_parse_duration(struct at_bytes b, uint64_t *ret_ns)
{
    static const struct unit units[] = {
        {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
    };
    uint64_t total = 0;

    if (b.len == 0) {
        return false;
    }
    while (b.len > 0) {
        uint64_t number;
        uint64_t factor;

        if (!cut_number(&b, &number) ||
            !cut_unit(&b, units, sizeof(units) / sizeof(units[0]), &factor) ||
            __builtin_mul_overflow(number, factor, &number) ||
            __builtin_add_overflow(total, number, &total)) {
            return false;
        }
    }
    *ret_ns = total;
    return true;
}

bool at_text_parse_size(struct at_bytes b, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},
        {"b", 1},
        {"k", 1ULL << 10},
        {"kb", 1ULL << 10},
        {"kib", 1ULL << 10},
        {"m", 1ULL << 20},
        {"mb", 1ULL << 20},
        {"mib", 1ULL << 20},
        {"g", 1ULL << 30},
        {"gb", 1ULL << 30},
        {"gib", 1ULL << 30},
        {"t", 1ULL << 40},
        {"tb", 1ULL << 40},
        {"tib", 1ULL << 40},
    };
    uint64_t number;
    uint64_t factor;

    if (!cut_number(&b, &number) ||
        !cut_unit(&b, units, sizeof(units) / sizeof(units[0]), &factor) || b.len > 0 ||
        __builtin_mul_overflow(number, factor, &number)) {
        return false;
    }
    *ret_bytes = number;
    return true;
}

bool at_text_parse_milli(struct at_bytes b, uint64_t *ret_milli)
{
    uint64_t whole = 0;
    uint64_t part = 0;
    size_t dot = at_bytes_index(b, '.');
    struct at_bytes decimals = at_bytes_after(b, dot + 1);

    if (!at_bytes_to_u64(at_bytes_before(b, dot), &whole) || whole > UINT64_MAX / 2000) {
        return false;
    }
    if (dot < b.len && (decimals.len > 3 || !at_bytes_to_u64(decimals, &part))) {
        return false;
    }
    for (size_t i = decimals.len; i < 3; i++) {
        part *= 10;
    }
    *ret_milli = whole * 1000 + part;
    return true;
}

void at_text_format_duration(uint64_t ns, char *out, size_t cap)
{
    if (ns < 1000000) {
        (void)snprintf(out, cap, "%u us", (unsigned)(ns / 1000));
    } else if (ns < 1000000000) {
        (void)snprintf(out, cap, "%u ms", (unsigned)(ns / 1000000));
    } else if (ns < 100000000000) {
        (void)snprintf(out, cap, "%.1f s", (double)ns / 1e9);
    } else {
        uint64_t s = ns / 1000000000;

        (void)snprintf(out, cap, "%lluh%02um%02us", (unsigned long long)(s / 3600),
                       (unsigned)(s / 60 % 60), (unsigned)(s % 60));
    }
}

void at_text_format_size(uint64_t bytes, char *out, size_t cap)
{
    static const char units[] = "BKMGT";
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 2 < sizeof(units)) {
        value /= 1024;
        unit++;
    }
    if (unit == 0 || value >= 10) {
        (void)snprintf(out, cap, "%.0f%c", value, units[unit]);
    } else {
        (void)snprintf(out, cap, "%.1f%c", value, units[unit]);
    }
}

enum {
    NEAREST_WORD_MAX = 63, /* longer words are not typing mistakes of ours */
    NEAREST_EDITS_MAX = 2,
};

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Edits: a letter more, less or another one, or two neighbours swapped. */
static size_t distance(struct at_bytes a, struct at_bytes b)
{
    uint8_t d[NEAREST_WORD_MAX + 1][NEAREST_WORD_MAX + 1];

    for (size_t j = 0; j <= b.len; j++) {
        d[0][j] = (uint8_t)j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        d[i][0] = (uint8_t)i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t other = a.at[i - 1] == b.at[j - 1] ? 0 : 1;
            size_t n = least(d[i - 1][j] + 1U, d[i][j - 1] + 1U, d[i - 1][j - 1] + other);

            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1]) {
                n = least(n, n, d[i - 2][j - 2] + 1U);
            }
            d[i][j] = (uint8_t)n;
        }
    }
    return d[a.len][b.len];
}

const char *at_text_nearest(struct at_bytes word, const char *const *candidates, size_t n)
{
    size_t limit = NEAREST_EDITS_MAX;
    const char *best = NULL;

    if (word.len == 0 || word.len > NEAREST_WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        struct at_bytes candidate = at_bytes_of(candidates[i]);
        size_t d;

        if (candidate.len == 0 || candidate.len > NEAREST_WORD_MAX) {
            continue;
        }
        d = distance(word, candidate);
        if (d <= limit && d < candidate.len && 2 * d < word.len &&
            (d < 2 || 2 * d < candidate.len)) {
            best = candidates[i];
            limit = d == 0 ? 0 : d - 1;
        }
        if (d == 0) {
            break;
        }
    }
    return best;
}
