#include "wire/http1_path.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

static const char *const reasons[] = {
    [AT_HTTP1_PATH_OK] = "OK",
    [AT_HTTP1_PATH_BAD_FORM] = "the request target is neither /path nor http://host/path",
    [AT_HTTP1_PATH_BAD_PERCENT] = "a '%' is not followed by two hex digits",
    [AT_HTTP1_PATH_ENCODED_SLASH] = "an encoded slash in the path is refused",
    [AT_HTTP1_PATH_CONTROL] = "the target holds an encoded NUL or control character",
    [AT_HTTP1_PATH_NOT_UTF8] = "the target is not well-formed UTF-8 once decoded",
    [AT_HTTP1_PATH_ABOVE_ROOT] = "the path climbs above its root",
    [AT_HTTP1_PATH_TOO_LONG] = "the target is too long",
};

const char *at_http1_path_reason(int result)
{
    return result >= 0 && result <= AT_HTTP1_PATH_TOO_LONG ? reasons[result] : "";
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%XX" at b[i] stands for, or -1. */
static int percent_value(struct at_bytes b, size_t i)
{
    int high = i + 2 < b.len ? hex_value(b.at[i + 1]) : -1;
    int low = i + 2 < b.len ? hex_value(b.at[i + 2]) : -1;

    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Decodes b into out (which has room for b.len); plus says whether '+' means a blank. */
static int decode(struct at_bytes b, bool plus, char *out, size_t *ret_len)
{
    size_t len = 0;
    bool ascii = true;

    for (size_t i = 0; i < b.len; i++) {
        int c = b.at[i];

        if (c == '%') {
            c = percent_value(b, i);
            i += 2;
            if (c < 0) {
                return AT_HTTP1_PATH_BAD_PERCENT;
            }
            if (c < ' ' || c == 0x7f) {
                return AT_HTTP1_PATH_CONTROL;
            }
            if (c == '/' && !plus) {
                return AT_HTTP1_PATH_ENCODED_SLASH;
            }
        } else if (c == '+' && plus) {
            c = ' ';
        }
        ascii = ascii && c < 0x80;
        out[len++] = (char)c;
    }
    if (!ascii && !at_bytes_is_utf8(at_bytes_over(out, len))) {
        return AT_HTTP1_PATH_NOT_UTF8;
    }
    *ret_len = len;
    return AT_HTTP1_PATH_OK;
}

/* The path with its query, or no bytes: http://host/path is reduced to /path. */
static struct at_bytes origin_form(struct at_bytes target)
{
    static const struct at_bytes none = {NULL, 0};
    struct at_bytes rest;
    size_t slash;

    if (target.len > 0 && target.at[0] == '/') {
        return target;
    }
    if (at_bytes_equal_nocase(at_bytes_before(target, 7), AT_LIT("http://"))) {
        rest = at_bytes_after(target, 7);
    } else if (at_bytes_equal_nocase(at_bytes_before(target, 8), AT_LIT("https://"))) {
        rest = at_bytes_after(target, 8);
    } else {
        return none;
    }
    slash = at_bytes_index(rest, '/');
    if (slash == 0 || at_bytes_index(rest, '?') < slash) {
        return none;
    }
    return slash == rest.len ? AT_LIT("/") : at_bytes_after(rest, slash);
}

struct cursor {
    char *room;
    size_t len; /* of the path so far; it never ends in '/' */
    bool ends_in_slash;
};

static int add_segment(struct cursor *c, struct at_bytes raw)
{
    size_t len;
    char *out = c->room + c->len + 1;
    int r = decode(raw, false, out, &len);

    if (r != AT_HTTP1_PATH_OK) {
        return r;
    }
    c->ends_in_slash = true;
    if (len == 0 || (len == 1 && out[0] == '.')) {
        return AT_HTTP1_PATH_OK;
    }
    if (len == 2 && out[0] == '.' && out[1] == '.') {
        if (c->len == 0) {
            return AT_HTTP1_PATH_ABOVE_ROOT;
        }
        while (c->room[--c->len] != '/') {
        }
        return AT_HTTP1_PATH_OK;
    }
    c->room[c->len] = '/';
    c->len += 1 + len;
    c->ends_in_slash = false;
    return AT_HTTP1_PATH_OK;
}

int at_http1_path(struct at_bytes target, char *room, size_t cap, struct at_bytes *ret_path,
                  struct at_bytes *ret_query)
{
    struct at_bytes path = origin_form(target);
    struct at_bytes segment;
    struct cursor c = {.room = room};
    size_t query;
    bool trailing;

    if (path.len == 0) {
        return AT_HTTP1_PATH_BAD_FORM;
    }
    if (path.len > cap) {
        return AT_HTTP1_PATH_TOO_LONG;
    }
    query = at_bytes_index(path, '?');
    *ret_query = at_bytes_after(path, query + 1);
    path = at_bytes_after(at_bytes_before(path, query), 1);
    trailing = path.len == 0 || path.at[path.len - 1] == '/';
    while (at_bytes_cut(&path, '/', &segment)) {
        int r = add_segment(&c, segment);

        if (r != AT_HTTP1_PATH_OK) {
            return r;
        }
    }
    if (trailing || c.ends_in_slash) {
        room[c.len++] = '/';
    }
    *ret_path = at_bytes_over(room, c.len);
    return AT_HTTP1_PATH_OK;
}

static int take_decoded(struct at_http1_query *q, struct at_bytes raw, struct at_bytes *ret)
{
    size_t len;
    int r;

    if (raw.len > q->cap) {
        return AT_HTTP1_PATH_TOO_LONG;
    }
    r = decode(raw, true, q->room, &len);
    if (r == AT_HTTP1_PATH_OK) {
        *ret = at_bytes_over(q->room, len);
        q->room += len;
        q->cap -= len;
    }
    return r;
}

int at_http1_query_next(struct at_http1_query *q, bool *ret_more, struct at_bytes *ret_key,
                        struct at_bytes *ret_value)
{
    struct at_bytes pair = {NULL, 0};
    size_t equals;
    int r;

    do {
        *ret_more = at_bytes_cut(&q->rest, '&', &pair);
    } while (*ret_more && pair.len == 0);
    if (!*ret_more) {
        return AT_HTTP1_PATH_OK;
    }
    equals = at_bytes_index(pair, '=');
    r = take_decoded(q, at_bytes_before(pair, equals), ret_key);
    return r != AT_HTTP1_PATH_OK ? r : take_decoded(q, at_bytes_after(pair, equals + 1), ret_value);
}
