#include "call/metadata.h"

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

void at_metadata_add(struct at_writer *w, struct at_bytes key, struct at_bytes value)
{
    if (key.len == 0 || key.len > UINT8_MAX || value.len > UINT16_MAX) {
        w->failed = true;
        return;
    }
    at_write_le(w, key.len, 1);
    at_write_bytes(w, key);
    at_write_le(w, value.len, 2);
    at_write_bytes(w, value);
}

bool at_metadata_next(struct at_bytes *rest, struct at_bytes *ret_key, struct at_bytes *ret_value)
{
    struct at_reader r;
    struct at_bytes key;
    struct at_bytes value;

    if (rest->len == 0) {
        return false; /* as most often */
    }
    r = at_reader_over(rest->at, rest->len);
    key = at_read_bytes(&r, (size_t)at_read_le(&r, 1));
    value = at_read_bytes(&r, (size_t)at_read_le(&r, 2));
    if (r.failed || key.len == 0) {
        return false;
    }
    *ret_key = key;
    *ret_value = value;
    *rest = at_bytes_after(*rest, key.len + value.len + 3);
    return true;
}

bool at_metadata_get(struct at_bytes packed, struct at_bytes key, struct at_bytes *ret_value)
{
    struct at_bytes k;
    struct at_bytes v;

    while (at_metadata_next(&packed, &k, &v)) {
        if (at_bytes_equal(k, key)) {
            *ret_value = v;
            return true;
        }
    }
    return false;
}

void at_metadata_split(struct at_bytes packed, struct at_bytes *ret_first,
                       struct at_bytes *ret_trailers)
{
    struct at_bytes rest = packed;
    struct at_bytes key;
    struct at_bytes value;
    size_t before = 0;

    *ret_first = packed;
    *ret_trailers = (struct at_bytes){0};
    while (at_metadata_next(&rest, &key, &value)) {
        if (at_bytes_equal(key, AT_METADATA_TRAILERS)) {
            *ret_first = at_bytes_before(packed, before);
            *ret_trailers = rest;
            return;
        }
        before = packed.len - rest.len;
    }
}

bool at_metadata_is_key(struct at_bytes key)
{
    if (key.len == 0 || key.len > UINT8_MAX) {
        return false;
    }
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.at[i];
        bool good =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

        if (!good) {
            return false;
        }
    }
    return true;
}
