#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
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

uint8_t at_proto_mode(const struct at_proto_field *f, bool proto2)
{
    if (f->label == AT_PROTO_REPEATED) {
        return ATOLL_MODE_REPEATED;
    }
    if (at_proto_is_in_oneof(f)) {
        return ATOLL_MODE_ONEOF;
    }
    if (f->type != ATOLL_TYPE_MESSAGE && (f->proto3_optional || proto2)) {
        return ATOLL_MODE_OPTIONAL;
    }
    return ATOLL_MODE_IMPLICIT;
}

static bool is_packable(const struct at_proto_field *f)
{
    return f->label == AT_PROTO_REPEATED && f->type != ATOLL_TYPE_MESSAGE &&
           f->type != ATOLL_TYPE_STRING && f->type != ATOLL_TYPE_BYTES;
}

uint16_t at_proto_flags(const struct at_proto_field *f, bool proto2)
{
    uint32_t flags = 0;
    bool packed = f->options != NULL && f->options->has_packed ? f->options->packed : !proto2;

    if (packed && is_packable(f)) {
        flags |= ATOLL_FIELD_PACKED;
    }
    if (f->options != NULL && f->options->deprecated) {
        flags |= ATOLL_FIELD_DEPRECATED;
    }
    if (f->label == AT_PROTO_REQUIRED) {
        flags |= ATOLL_FIELD_REQUIRED;
    }
    if (f->type == ATOLL_TYPE_STRING && proto2) {
        flags |= ATOLL_FIELD_ANY_BYTES;
    }
    return (uint16_t)flags;
}

uint32_t at_proto_tag(const struct at_proto_field *f, uint16_t flags)
{
    static const uint8_t wires[] = {
        [ATOLL_TYPE_DOUBLE] = AT_PB_WIRE_FIXED64,   [ATOLL_TYPE_FLOAT] = AT_PB_WIRE_FIXED32,
        [ATOLL_TYPE_FIXED64] = AT_PB_WIRE_FIXED64,  [ATOLL_TYPE_FIXED32] = AT_PB_WIRE_FIXED32,
        [ATOLL_TYPE_SFIXED64] = AT_PB_WIRE_FIXED64, [ATOLL_TYPE_SFIXED32] = AT_PB_WIRE_FIXED32,
        [ATOLL_TYPE_STRING] = AT_PB_WIRE_LENGTH,    [ATOLL_TYPE_BYTES] = AT_PB_WIRE_LENGTH,
        [ATOLL_TYPE_MESSAGE] = AT_PB_WIRE_LENGTH,   [ATOLL_TYPE_GROUP] = AT_PB_WIRE_GROUP,
        [ATOLL_TYPE_SINT64] = AT_PB_WIRE_VARINT, /* as all others */
    };
    uint32_t wire = (flags & ATOLL_FIELD_PACKED) != 0 ? AT_PB_WIRE_LENGTH : wires[f->type];

    return (uint32_t)f->number << 3 | wire;
}
