#include "base/bytes.h"

#include <stdint.h>
#include <string.h>

struct at_bytes at_bytes_of(const char *s)
{
    return at_bytes_over(s, s == NULL ? 0 : strlen(s));
}

struct at_bytes at_bytes_over(const void *at, size_t len)
{
    return (struct at_bytes){.at = at, .len = len};
}

bool at_bytes_equal(struct at_bytes a, struct at_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool at_bytes_equal_nocase(struct at_bytes a, struct at_bytes b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.at[i]) != lower(b.at[i])) {
            return false;
        }
    }
    return true;
}

bool at_bytes_start_with(struct at_bytes b, struct at_bytes prefix)
{
    return b.len >= prefix.len && at_bytes_equal(at_bytes_before(b, prefix.len), prefix);
}

int at_bytes_compare(struct at_bytes a, struct at_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.at, b.at, common);

    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

size_t at_bytes_index(struct at_bytes b, uint8_t c)
{
    const uint8_t *hit = b.len == 0 ? NULL : memchr(b.at, c, b.len);

    return hit == NULL ? b.len : (size_t)(hit - b.at);
}

struct at_bytes at_bytes_after(struct at_bytes b, size_t from)
{
    if (from >= b.len) {
        return (struct at_bytes){0};
    }
    return at_bytes_over(b.at + from, b.len - from);
}

struct at_bytes at_bytes_before(struct at_bytes b, size_t len)
{
    return at_bytes_over(b.at, len < b.len ? len : b.len);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct at_bytes at_bytes_trim(struct at_bytes b)
{
    while (b.len > 0 && is_blank(b.at[0])) {
        b.at++;
        b.len--;
    }
    while (b.len > 0 && is_blank(b.at[b.len - 1])) {
        b.len--;
    }
    return b;
}

bool at_bytes_cut(struct at_bytes *rest, uint8_t c, struct at_bytes *ret_piece)
{
    size_t i;

    if (rest->len == 0) {
        return false;
    }
    i = at_bytes_index(*rest, c);
    *ret_piece = at_bytes_before(*rest, i);
    *rest = at_bytes_after(*rest, i + 1);
    return true;
}

bool at_bytes_to_u64(struct at_bytes b, uint64_t *ret)
{
    uint64_t value = 0;

    if (b.len == 0) {
        return false;
    }
    for (size_t i = 0; i < b.len; i++) {
        uint64_t digit = (uint64_t)b.at[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool at_bytes_to_i64(struct at_bytes b, int64_t *ret)
{
    bool negative = b.len > 0 && b.at[0] == '-';
    uint64_t value;

    if (!at_bytes_to_u64(negative ? at_bytes_after(b, 1) : b, &value)) {
        return false;
    }
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *ret = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/*
 * Length of the well-formed sequence that starts at p (Unicode table 3-7), or 0. The second byte
 * has the narrowed range; the others are 80..BF.
 */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    size_t len;

    if (p[0] >= 0xC2 && p[0] <= 0xDF) {
        len = 2;
    } else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
        len = 3;
        low = p[0] == 0xE0 ? 0xA0 : 0x80;
        high = p[0] == 0xED ? 0x9F : 0xBF;
    } else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        len = 4;
        low = p[0] == 0xF0 ? 0x90 : 0x80;
        high = p[0] == 0xF4 ? 0x8F : 0xBF;
    } else {
        return 0;
    }
    if (left < len || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool at_bytes_is_utf8(struct at_bytes b)
{
    size_t i = 0;

    while (i < b.len) {
        size_t len;

        if (b.len - i >= 8) {
            uint64_t eight;

            memcpy(&eight, b.at + i, 8);
            if ((eight & 0x8080808080808080U) == 0) {
                i += 8;
                continue;
            }
        }
        len = b.at[i] < 0x80 ? 1 : utf8_sequence(b.at + i, b.len - i);
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}

/* MurmurHash64A's mixing constants over 8-byte words; the seed keeps strangers from choosing. */
uint64_t at_bytes_hash(struct at_bytes b, uint64_t seed)
{
    const uint64_t m = 0xc6a4a7935bd1e995U;
    uint64_t h = seed ^ (b.len * m);
    size_t i = 0;

    while (i < b.len) {
        uint64_t word = 0;
        size_t n = b.len - i < 8 ? b.len - i : 8;

        memcpy(&word, b.at + i, n);
        word *= m;
        word ^= word >> 47;
        h = (h ^ (word * m)) * m;
        i += n;
    }
    h ^= h >> 47;
    h *= m;
    return h ^ (h >> 47);
}

uint32_t at_bytes_crc32c(struct at_bytes b)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < b.len; i++) {
        crc ^= b.at[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0);
        }
    }
    return ~crc;
}

struct at_reader at_reader_over(const void *at, size_t len)
{
    const uint8_t *p = at;

    return (struct at_reader){.at = p, .end = len == 0 ? p : p + len};
}

size_t at_reader_left(const struct at_reader *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->at);
}

struct at_bytes at_read_bytes(struct at_reader *r, size_t len)
{
    struct at_bytes b;

    if (r->failed || len > (size_t)(r->end - r->at)) {
        r->failed = true;
        return (struct at_bytes){0};
    }
    b = at_bytes_over(r->at, len);
    r->at = len == 0 ? r->at : r->at + len;
    return b;
}

uint64_t at_read_be(struct at_reader *r, size_t n)
{
    struct at_bytes b = at_read_bytes(r, n);
    uint64_t value = 0;

    for (size_t i = 0; i < b.len; i++) {
        value = value << 8 | b.at[i];
    }
    return value;
}

uint64_t at_read_le(struct at_reader *r, size_t n)
{
    struct at_bytes b = at_read_bytes(r, n);
    uint64_t value = 0;

    for (size_t i = b.len; i > 0; i--) {
        value = value << 8 | b.at[i - 1];
    }
    return value;
}

struct at_bytes at_read_sized(struct at_reader *r, size_t limit)
{
    uint64_t len = at_read_le(r, 4);

    if (len > limit) {
        r->failed = true;
    }
    return at_read_bytes(r, (size_t)len);
}

struct at_writer at_writer_over(void *at, size_t cap)
{
    return (struct at_writer){.at = at, .cap = cap};
}

/* Room for n more bytes, or NULL and the writer has failed for good. */
static uint8_t *claim(struct at_writer *w, size_t n)
{
    uint8_t *room;

    if (w->failed || n > w->cap - w->len) {
        w->failed = true;
        return NULL;
    }
    room = w->at + w->len;
    w->len += n;
    return room;
}

void at_write_be(struct at_writer *w, uint64_t value, size_t n)
{
    uint8_t *room = claim(w, n);

    for (size_t i = 0; room != NULL && i < n; i++) {
        room[n - 1 - i] = (uint8_t)(value >> (8 * i));
    }
}

void at_write_le(struct at_writer *w, uint64_t value, size_t n)
{
    uint8_t *room = claim(w, n);

    for (size_t i = 0; room != NULL && i < n; i++) {
        room[i] = (uint8_t)(value >> (8 * i));
    }
}

void at_write_bytes(struct at_writer *w, struct at_bytes b)
{
    uint8_t *room = claim(w, b.len);

    if (room != NULL && b.len > 0) {
        memcpy(room, b.at, b.len);
    }
}

void at_write_sized(struct at_writer *w, struct at_bytes b)
{
    if (b.len > UINT32_MAX) {
        w->failed = true;
        return;
    }
    at_write_le(w, b.len, 4);
    at_write_bytes(w, b);
}

struct at_bytes at_writer_bytes(const struct at_writer *w)
{
    return w->failed ? (struct at_bytes){0} : at_bytes_over(w->at, w->len);
}
