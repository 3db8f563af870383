#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/text.h"
#include "pb/descriptor.h"
#include "pb/wire.h"

bool at_proto_is_in_oneof(const struct at_proto_field *f)
{
    return f->has_oneof_index && !f->proto3_optional;
}

bool at_proto_is_proto2(const struct at_proto_file *file)
{
    return !at_bytes_equal(at_bytes_over(file->syntax.at, file->syntax.len), AT_LIT("proto3"));
}

static bool is_message(const struct at_proto_field *f)
{
    return f->type == ATOLL_TYPE_MESSAGE || f->type == ATOLL_TYPE_GROUP;
}

static bool is_packed(const struct at_proto_field *f, bool proto2)
{
    return !is_message(f) && f->type != ATOLL_TYPE_STRING && f->type != ATOLL_TYPE_BYTES &&
           (f->options != NULL && f->options->has_packed ? f->options->packed : !proto2);
}

uint8_t at_proto_form(const struct at_proto_field *f, bool proto2)
{
    if (f->label == AT_PROTO_REPEATED) {
        return is_packed(f, proto2) ? ATOLL_FORM_PACKED : ATOLL_FORM_REPEATED;
    }
    if (at_proto_is_in_oneof(f)) {
        return ATOLL_FORM_ONEOF;
    }
    if (!is_message(f) && (f->proto3_optional || proto2 || f->extendee.len > 0)) {
        return ATOLL_FORM_OPTIONAL;
    }
    return ATOLL_FORM_IMPLICIT;
}

uint8_t at_proto_flags(const struct at_proto_field *f, bool proto2)
{
    uint32_t flags = 0;

    if (f->options != NULL && f->options->deprecated) {
        flags |= ATOLL_FIELD_DEPRECATED;
    }
    if (f->label == AT_PROTO_REQUIRED) {
        flags |= ATOLL_FIELD_REQUIRED;
    }
    if (f->type == ATOLL_TYPE_STRING && proto2) {
        flags |= ATOLL_FIELD_ANY_BYTES;
    }
    if (f->type == ATOLL_TYPE_ENUM && proto2) {
        flags |= ATOLL_FIELD_CLOSED;
    }
    if (f->extendee.len > 0) {
        flags |= ATOLL_FIELD_EXTENSION;
    }
    if (f->options != NULL && f->options->atoll != NULL && f->options->atoll->sensitive) {
        flags |= ATOLL_FIELD_SENSITIVE;
    }
    return (uint8_t)flags;
}

uint32_t at_proto_tag(const struct at_proto_field *f, uint8_t form)
{
    static const uint8_t wires[] = {
        [ATOLL_TYPE_DOUBLE] = AT_PB_WIRE_FIXED64,   [ATOLL_TYPE_FLOAT] = AT_PB_WIRE_FIXED32,
        [ATOLL_TYPE_FIXED64] = AT_PB_WIRE_FIXED64,  [ATOLL_TYPE_FIXED32] = AT_PB_WIRE_FIXED32,
        [ATOLL_TYPE_SFIXED64] = AT_PB_WIRE_FIXED64, [ATOLL_TYPE_SFIXED32] = AT_PB_WIRE_FIXED32,
        [ATOLL_TYPE_STRING] = AT_PB_WIRE_LENGTH,    [ATOLL_TYPE_BYTES] = AT_PB_WIRE_LENGTH,
        [ATOLL_TYPE_MESSAGE] = AT_PB_WIRE_LENGTH,   [ATOLL_TYPE_GROUP] = AT_PB_WIRE_GROUP,
        [ATOLL_TYPE_SINT64] = AT_PB_WIRE_VARINT, /* as all others */
    };
    uint32_t wire = form == ATOLL_FORM_PACKED ? AT_PB_WIRE_LENGTH : wires[f->type];

    return (uint32_t)f->number << 3 | wire;
}

bool at_proto_timeout(const struct at_proto_method *m, uint64_t *ret_ns)
{
    struct atoll_str text = {0};

    if (m->options != NULL && m->options->atoll != NULL) {
        text = m->options->atoll->timeout;
    }
    *ret_ns = 0;
    return text.len == 0 ||
           (at_text_parse_duration(at_bytes_over(text.at, text.len), ret_ns) && *ret_ns > 0);
}

uint32_t at_proto_max_request_bytes(const struct at_proto_method *m)
{
    return m->options == NULL || m->options->atoll == NULL ? 0
                                                           : m->options->atoll->max_request_bytes;
}

bool at_proto_is_pooled(const struct at_proto_method *m)
{
    return m->options != NULL && m->options->atoll != NULL && m->options->atoll->pooled;
}
