#include "pb/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/wire.h"

static bool can_be_key(const struct atoll_field_desc *f)
{
    uint8_t type = at_pb_type(f);

    return !at_pb_is_repeated(f) && !at_pb_is_message(f) && type != ATOLL_TYPE_DOUBLE &&
           type != ATOLL_TYPE_FLOAT;
}

const char *at_pb_key_resolve(const struct atoll_message_desc *desc, struct at_bytes path,
                              struct at_pb_key_path *ret, struct at_bytes *ret_piece,
                              const struct atoll_message_desc **ret_of)
{
    ret->depth = 0;
    *ret_piece = path;
    *ret_of = desc;
    while (at_bytes_cut(&path, '.', ret_piece)) {
        const struct atoll_field_desc *f = at_pb_field_by_name(desc, *ret_piece);

        *ret_of = desc;
        if (f == NULL) {
            return "has no field of that name";
        }
        if (ret->depth == AT_PB_KEY_DEPTH_MAX) {
            return "is too deep within the request";
        }
        ret->of[ret->depth] = desc;
        ret->fields[ret->depth++] = f;
        if (path.len == 0) {
            return can_be_key(f) ? NULL
                                 : "has a field of that name that can be no key: only integers, "
                                   "bools, enums, strings and bytes can, and no lists";
        }
        if (at_pb_is_repeated(f) || at_pb_type(f) != ATOLL_TYPE_MESSAGE) {
            return "has a field of that name that has no fields";
        }
        desc = at_pb_sub(desc, f);
    }
    return "is no path";
}

static bool resolve(const struct atoll_message_desc *desc, struct at_bytes path,
                    struct at_pb_key_path *ret)
{
    const struct atoll_message_desc *of;
    struct at_bytes piece;

    return at_pb_key_resolve(desc, path, ret, &piece, &of) == NULL;
}

static bool is_text(const struct atoll_field_desc *f)
{
    return at_pb_type(f) == ATOLL_TYPE_STRING || at_pb_type(f) == ATOLL_TYPE_BYTES;
}

static void set_number(struct at_pb_key *ret, uint64_t value)
{
    for (size_t i = 0; i < sizeof(ret->room); i++) {
        ret->room[i] = (uint8_t)(value >> (8 * i));
    }
    ret->bytes = at_bytes_over(ret->room, sizeof(ret->room));
}

static void set_absent(const struct atoll_field_desc *f, struct at_pb_key *ret)
{
    if (is_text(f)) {
        ret->bytes = (struct at_bytes){0};
    } else {
        set_number(ret, 0);
    }
}

/* ---- from a struct ---- */

static bool is_there(const struct atoll_field_desc *f, const void *message)
{
    const char *presence = (const char *)message + f->presence;

    if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
        return *(const uint32_t *)(const void *)presence == at_pb_number(f);
    }
    return at_pb_form(f) != ATOLL_FORM_OPTIONAL || at_pb_is_message(f) ||
           *(const bool *)(const void *)presence;
}

static void take_value(const struct atoll_field_desc *f, const void *value, struct at_pb_key *ret)
{
    switch (at_pb_type(f)) {
    case ATOLL_TYPE_STRING:
    case ATOLL_TYPE_BYTES: {
        const struct atoll_str *s = value;

        ret->bytes = at_bytes_over(s->at, s->len);
        return;
    }
    case ATOLL_TYPE_BOOL: set_number(ret, *(const bool *)value); return;
    case ATOLL_TYPE_INT32:
    case ATOLL_TYPE_SINT32:
    case ATOLL_TYPE_SFIXED32:
    case ATOLL_TYPE_ENUM: set_number(ret, (uint64_t)(int64_t)*(const int32_t *)value); return;
    case ATOLL_TYPE_UINT32:
    case ATOLL_TYPE_FIXED32: set_number(ret, *(const uint32_t *)value); return;
    default: set_number(ret, *(const uint64_t *)value); return;
    }
}

bool at_pb_key_of_message(const struct atoll_message_desc *desc, const void *message,
                          struct at_bytes path, struct at_pb_key *ret)
{
    struct at_pb_key_path p;

    if (!resolve(desc, path, &p)) {
        return false;
    }
    for (size_t i = 0; i < p.depth; i++) {
        const struct atoll_field_desc *f = p.fields[i];
        const void *value = (const char *)message + f->offset;

        if (!is_there(f, message)) {
            break;
        }
        if (i + 1 == p.depth) {
            take_value(f, value, ret);
            return true;
        }
        message = *(const void *const *)value;
        if (message == NULL) {
            break;
        }
    }
    set_absent(p.fields[p.depth - 1], ret);
    return true;
}

/* ---- from the wire ---- */

struct walk {
    const struct at_pb_key_path *path;
    const uint8_t *p;
    size_t depth;
    const uint8_t *ends[AT_PB_KEY_DEPTH_MAX]; /* of the messages that we are in */
    struct at_pb_key *ret;
};

static void take_varint(const struct atoll_field_desc *f, uint64_t v, struct at_pb_key *ret)
{
    switch (at_pb_type(f)) {
    case ATOLL_TYPE_BOOL: set_number(ret, v != 0); return;
    case ATOLL_TYPE_INT32:
    case ATOLL_TYPE_ENUM: set_number(ret, (uint64_t)(int64_t)(int32_t)v); return;
    case ATOLL_TYPE_UINT32: set_number(ret, (uint32_t)v); return;
    case ATOLL_TYPE_SINT32:
        set_number(ret, (uint64_t)(int64_t)(int32_t)at_pb_unzigzag((uint32_t)v));
        return;
    case ATOLL_TYPE_SINT64: set_number(ret, (uint64_t)at_pb_unzigzag(v)); return;
    default: set_number(ret, v); return;
    }
}

/* The value of the last field of the path; false: it is cut short. */
static bool read_value(struct walk *w, const struct atoll_field_desc *f, const uint8_t *end)
{
    size_t room = (size_t)(end - w->p);
    struct at_pb_varint n;

    switch (f->tag & 7) {
    case AT_PB_WIRE_VARINT:
        n = at_pb_get_value(w->p, end);
        w->p = n.behind;
        take_varint(f, n.value, w->ret);
        return w->p != NULL;
    case AT_PB_WIRE_FIXED64:
        if (room < 8) {
            return false;
        }
        set_number(w->ret, at_pb_load8(w->p));
        w->p += 8;
        return true;
    case AT_PB_WIRE_FIXED32:
        if (room < 4) {
            return false;
        }
        set_number(w->ret, at_pb_type(f) == ATOLL_TYPE_SFIXED32
                               ? (uint64_t)(int64_t)(int32_t)at_pb_load4(w->p)
                               : at_pb_load4(w->p));
        w->p += 4;
        return true;
    default:
        n = at_pb_get_length(w->p, end);
        if (n.behind == NULL) {
            return false;
        }
        w->ret->bytes = at_bytes_over(n.behind, (size_t)n.value);
        w->p = n.behind + n.value;
        return true;
    }
}

/* Another member of the oneof that the path goes through: ours is not there any more. */
static bool takes_its_place(const struct walk *w, uint32_t number)
{
    const struct atoll_field_desc *ours = w->path->fields[w->depth];
    const struct atoll_field_desc *other;

    if (at_pb_form(ours) != ATOLL_FORM_ONEOF) {
        return false;
    }
    other = at_pb_field_by_number(w->path->of[w->depth], number);
    return other != NULL && at_pb_form(other) == ATOLL_FORM_ONEOF &&
           other->presence == ours->presence;
}

/* One field at w->p, which is before `end`. false: malformed. */
static bool read_field(struct walk *w, const uint8_t *end)
{
    const struct atoll_field_desc *ours = w->path->fields[w->depth];
    struct at_pb_varint tag = at_pb_get_varint(w->p, end);
    int result;

    if (tag.behind == NULL || tag.value > UINT32_MAX) {
        return false;
    }
    w->p = tag.behind;
    if (tag.value != ours->tag) {
        if (takes_its_place(w, (uint32_t)tag.value >> 3)) {
            set_absent(w->path->fields[w->path->depth - 1], w->ret);
        }
        w->p = at_pb_skip(w->p, end, tag.value, &result);
        return w->p != NULL;
    }
    if (w->depth + 1 == w->path->depth) {
        return read_value(w, ours, end);
    }
    tag = at_pb_get_length(w->p, end);
    if (tag.behind == NULL) {
        return false;
    }
    w->p = tag.behind;
    w->ends[++w->depth] = tag.behind + tag.value;
    return true;
}

bool at_pb_key_of_wire(const struct atoll_message_desc *desc, struct at_bytes wire,
                       struct at_bytes path, struct at_pb_key *ret)
{
    struct at_pb_key_path p;
    struct walk w = {.path = &p, .p = wire.at, .ret = ret};

    if (!resolve(desc, path, &p)) {
        return false;
    }
    set_absent(p.fields[p.depth - 1], ret);
    if (wire.len == 0) {
        return true;
    }
    w.ends[0] = wire.at + wire.len;
    for (;;) {
        while (w.p == w.ends[w.depth]) {
            if (w.depth == 0) {
                return true;
            }
            w.depth--;
        }
        if (!read_field(&w, w.ends[w.depth])) {
            return false;
        }
    }
}
