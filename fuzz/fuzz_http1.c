/*
 * HTTP/1.1 requests. Property: splitting the input anywhere gives the same results, request after
 * request, and a path in normal form stays as it is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http1.h"
#include "wire/http1_path.h"

enum { BODY_LIMIT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* What was understood, as one hash: results, heads and bodies in order. */
struct outcome {
    int result;
    unsigned requests;
    uint64_t hash;
};

static void mix(struct outcome *o, struct at_bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        o->hash = (o->hash ^ b.at[i]) * UINT64_C(0x100000001b3);
    }
    o->hash = (o->hash ^ b.len) * UINT64_C(0x100000001b3);
}

static void require(int truth)
{
    if (!truth) {
        abort();
    }
}

static void check_path(struct at_bytes target, struct outcome *o)
{
    char *room = malloc(target.len + 1);
    char *again = malloc(target.len + 1);
    struct at_bytes path;
    struct at_bytes query;
    struct at_bytes same;
    struct at_bytes none;

    if (at_http1_path(target, room, target.len, &path, &query) == AT_HTTP1_PATH_OK) {
        mix(o, path);
        require(path.len > 0 && path.at[0] == '/' && memchr(path.at, 0, path.len) == NULL);
        /* Only what needs no decoding can be read a second time. */
        if (memchr(path.at, '%', path.len) == NULL && memchr(path.at, '?', path.len) == NULL) {
            require(at_http1_path(path, again, path.len, &same, &none) == AT_HTTP1_PATH_OK);
            require(at_bytes_equal(path, same));
        }
        for (struct at_http1_query q = {query, room, target.len};;) {
            struct at_bytes key;
            struct at_bytes value;
            bool more;

            if (at_http1_query_next(&q, &more, &key, &value) != AT_HTTP1_PATH_OK || !more) {
                break;
            }
            mix(o, key);
            mix(o, value);
        }
    }
    free(room);
    free(again);
}

static int read_body(const struct at_http1_request *r, struct at_bytes in, size_t step,
                     size_t *ret_used, struct outcome *o)
{
    struct at_http1_body body;
    int result = AT_HTTP1_MORE;
    size_t at = 0;

    at_http1_body_init(&body, r, BODY_LIMIT);
    do {
        struct at_bytes data;
        size_t used;

        result =
            at_http1_body_read(&body, at_bytes_before(at_bytes_after(in, at), step), &used, &data);
        if (result > AT_HTTP1_MORE) {
            return result;
        }
        at += used;
        for (size_t i = 0; i < data.len; i++) {
            mix(o, at_bytes_over(data.at + i, 1));
        }
    } while (result == AT_HTTP1_MORE && at < in.len);
    *ret_used = at;
    return result;
}

/* Reads the whole input with bytes becoming visible `step` at a time. */
static struct outcome read_all(struct at_bytes in, size_t step)
{
    static struct at_http1_request request;
    struct outcome o = {.hash = UINT64_C(0xcbf29ce484222325)};

    while (o.result == AT_HTTP1_OK && in.len > 0) {
        struct at_http1_scan scan = {0};
        size_t visible = 0;
        size_t head = 0;
        size_t used = 0;

        do {
            visible = in.len - visible < step ? in.len : visible + step;
            o.result = at_http1_scan(&scan, at_bytes_before(in, visible), &head);
        } while (o.result == AT_HTTP1_MORE && visible < in.len);
        if (o.result == AT_HTTP1_OK) {
            o.result = at_http1_parse(at_bytes_before(in, head), BODY_LIMIT, &request);
        }
        if (o.result != AT_HTTP1_OK) {
            break;
        }
        o.requests++;
        mix(&o, request.method);
        for (size_t i = 0; i < request.field_count; i++) {
            mix(&o, request.fields[i].name);
            mix(&o, request.fields[i].value);
        }
        check_path(request.target, &o);
        in = at_bytes_after(in, head);
        o.result = read_body(&request, in, step, &used, &o);
        in = at_bytes_after(in, used);
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    size_t step = len > 0 ? 1 + at[0] % 16 : 1;
    struct at_bytes in = at_bytes_over(at + (len > 0), len - (len > 0));
    struct outcome whole = read_all(in, SIZE_MAX / 2);
    struct outcome split = read_all(in, step);

    require(whole.result == split.result && whole.requests == split.requests);
    require(whole.result > AT_HTTP1_MORE || whole.hash == split.hash);
    return 0;
}
