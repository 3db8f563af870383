#include "contract/options.h"

#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "pb/wire.h"

struct at_option_reader at_options_over(const struct atoll_unknown *unknown)
{
    struct at_option_reader r = {.last = unknown};

    if (unknown != NULL) {
        r.piece = unknown->next;
        r.rest = at_bytes_over(r.piece->bytes.at, r.piece->bytes.len);
    }
    return r;
}

/* The next field: its tag, and its value as it stands behind the tag. */
static bool next_field(struct at_option_reader *r, uint64_t *ret_tag, struct at_bytes *ret)
{
    const uint8_t *end;
    const uint8_t *p;
    const uint8_t *behind;
    int result;

    while (r->last != NULL && r->rest.len == 0) {
        if (r->piece == r->last) {
            r->last = NULL;
            return false;
        }
        r->piece = r->piece->next;
        r->rest = at_bytes_over(r->piece->bytes.at, r->piece->bytes.len);
    }
    if (r->last == NULL) {
        return false;
    }
    end = r->rest.at + r->rest.len;
    p = at_pb_read_varint(r->rest.at, end, ret_tag);
    behind = p == NULL ? NULL : at_pb_skip(p, end, *ret_tag, &result);
    if (behind == NULL) { /* cannot be: decoding took it */
        r->last = NULL;
        return false;
    }
    *ret = at_bytes_over(p, (size_t)(behind - p));
    r->rest = at_bytes_over(behind, (size_t)(end - behind));
    return true;
}

static struct at_bytes without_length(struct at_bytes value)
{
    size_t len = 0;
    const uint8_t *p = at_pb_read_length(value.at, value.at + value.len, &len);

    return at_bytes_over(p, p == NULL ? 0 : len);
}

bool at_options_next(struct at_option_reader *r, uint32_t number, struct at_bytes *ret)
{
    uint64_t tag;

    while (next_field(r, &tag, ret)) {
        if (tag == ((uint64_t)number << 3 | AT_PB_WIRE_LENGTH)) {
            *ret = without_length(*ret);
            return true;
        }
    }
    return false;
}

static bool lists(struct at_bytes packed, uint64_t value)
{
    const uint8_t *p = packed.at;
    const uint8_t *end = packed.at + packed.len;
    uint64_t v;

    while (p != NULL && p < end) {
        p = at_pb_read_varint(p, end, &v);
        if (p != NULL && v == value) {
            return true;
        }
    }
    return false;
}

bool at_options_lists(const struct atoll_unknown *unknown, uint32_t number, uint64_t value)
{
    struct at_option_reader r = at_options_over(unknown);
    struct at_bytes found;
    uint64_t tag;

    while (next_field(&r, &tag, &found)) {
        if (tag == ((uint64_t)number << 3 | AT_PB_WIRE_LENGTH)) {
            found = without_length(found);
        } else if (tag != ((uint64_t)number << 3 | AT_PB_WIRE_VARINT)) {
            continue;
        }
        if (lists(found, value)) {
            return true;
        }
    }
    return false;
}
