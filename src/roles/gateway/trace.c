#include "roles/gateway/trace.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "roles/gateway/limits.h"

void at_trace_source_init(struct at_trace_source *s, uint64_t seed_a, uint64_t seed_b)
{
    s->state[0] = seed_a;
    s->state[1] = seed_b;
}

/* splitmix64, and a second stream of it: every state gives another number. */
static uint64_t next(struct at_trace_source *s, size_t i)
{
    uint64_t z = s->state[i] += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; /* upper case is not allowed */
}

static bool read_hex(struct at_bytes text, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(text.at[2 * i]);
        int low = hex_value(text.at[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *at, size_t n)
{
    while (n > 0 && at[n - 1] == 0) {
        n--;
    }
    return n == 0;
}

static bool read_parent(struct at_bytes text, struct at_trace *ret)
{
    uint8_t version;
    uint8_t span[8];

    if (text.len < AT_TRACE_PARENT_TEXT || text.at[2] != '-' || text.at[35] != '-' ||
        text.at[52] != '-' || !read_hex(text, &version, 1) || version == 0xff ||
        (version == 0 ? text.len != AT_TRACE_PARENT_TEXT
                      : text.len > AT_TRACE_PARENT_TEXT && text.at[55] != '-')) {
        return false;
    }
    return read_hex(at_bytes_after(text, 3), ret->trace_id, 16) && !is_zero(ret->trace_id, 16) &&
           read_hex(at_bytes_after(text, 36), span, 8) && !is_zero(span, 8) &&
           read_hex(at_bytes_after(text, 53), &ret->flags, 1);
}

void at_trace_begin(struct at_trace_source *s, struct at_bytes traceparent, struct at_trace *ret)
{
    *ret = (struct at_trace){.flags = 1};
    if (traceparent.len == 0 || !read_parent(traceparent, ret)) {
        uint64_t id[2] = {next(s, 0), next(s, 1)};

        memcpy(ret->trace_id, id, sizeof(id));
        ret->flags = 1;
    }
    ret->span_id = next(s, 0) | 1;
}

static char *write_hex(char *out, const uint8_t *at, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *out++ = digits[at[i] >> 4];
        *out++ = digits[at[i] & 15];
    }
    return out;
}

void at_trace_id_text(const struct at_trace *t, char out[AT_TRACE_ID_TEXT])
{
    (void)write_hex(out, t->trace_id, sizeof(t->trace_id));
}

void at_trace_parent_text(const struct at_trace *t, char out[AT_TRACE_PARENT_TEXT])
{
    struct at_writer span;
    uint8_t bytes[8];

    span = at_writer_over(bytes, sizeof(bytes));
    at_write_be(&span, t->span_id, 8);
    memcpy(out, "00-", 3);
    out = write_hex(out + 3, t->trace_id, sizeof(t->trace_id));
    *out++ = '-';
    out = write_hex(out, bytes, sizeof(bytes));
    *out++ = '-';
    (void)write_hex(out, &t->flags, 1);
}

bool at_trace_is_request_id(struct at_bytes id)
{
    if (id.len == 0 || id.len > AT_GATEWAY_REQUEST_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        if (id.at[i] <= ' ' || id.at[i] > '~' || id.at[i] == '"' || id.at[i] == '\\') {
            return false;
        }
    }
    return true;
}
