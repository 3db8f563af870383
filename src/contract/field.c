#include "contract/field.h"

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "contract/comment.h"
#include "contract/options.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/json.h"

enum { BEHAVIOR_OPTION = 1052 }; /* google/api/field_behavior.proto */

bool at_field_is_repeated(const struct google_protobuf_FieldDescriptorProto *f)
{
    return f->label == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_LABEL_REPEATED;
}

bool at_field_is_in_oneof(const struct google_protobuf_FieldDescriptorProto *f)
{
    return f->has_oneof_index && !f->proto3_optional;
}

bool at_field_behaves(const struct google_protobuf_FieldDescriptorProto *f,
                      enum at_field_behavior behavior)
{
    return f->options != NULL &&
           at_options_lists(f->options->unknown_fields, BEHAVIOR_OPTION, behavior);
}

bool at_field_is_required(const struct google_protobuf_FieldDescriptorProto *f)
{
    return f->label == GOOGLE_PROTOBUF_FIELD_DESCRIPTOR_PROTO_LABEL_REQUIRED ||
           at_field_behaves(f, AT_FIELD_REQUIRED);
}

/* As protoc makes it: "item_id" becomes "itemId". */
static struct at_bytes make_json_name(struct at_bytes name, struct at_arena *arena)
{
    char *out = at_arena_alloc(arena, name.len + 1, 1);
    bool up = false;
    size_t n = 0;

    for (size_t i = 0; out != NULL && i < name.len; i++) {
        uint8_t c = name.at[i];

        if (c == '_') {
            up = true;
            continue;
        }
        out[n++] = (char)(up && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        up = false;
    }
    return at_bytes_over(out, n);
}

struct at_bytes at_field_json_name(const struct google_protobuf_FieldDescriptorProto *f,
                                   struct at_arena *arena)
{
    return f->json_name.len > 0 ? at_set_bytes(f->json_name)
                                : make_json_name(at_set_bytes(f->name), arena);
}

/* Does the name that protoc would make of `original` equal name? */
static bool makes_name(struct at_bytes original, struct at_bytes name)
{
    bool up = false;
    size_t n = 0;

    for (size_t i = 0; i < original.len; i++) {
        uint8_t c = original.at[i];

        if (c == '_') {
            up = true;
            continue;
        }
        c = up && c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
        up = false;
        if (n == name.len || name.at[n] != c) {
            return false;
        }
        n++;
    }
    return n == name.len;
}

const struct google_protobuf_FieldDescriptorProto *
at_field_find(const struct at_set_symbol *message, struct at_bytes name)
{
    const struct google_protobuf_DescriptorProto *m = message->of.message;

    for (size_t i = 0; i < m->field.count; i++) {
        const struct google_protobuf_FieldDescriptorProto *f = &m->field.at[i];

        if (at_bytes_equal(at_set_bytes(f->name), name) ||
            (f->json_name.len > 0 ? at_bytes_equal(at_set_bytes(f->json_name), name)
                                  : makes_name(at_set_bytes(f->name), name))) {
            return f;
        }
    }
    return NULL;
}

void at_field_add_comment(const struct at_set_symbol *owner,
                          const struct google_protobuf_FieldDescriptorProto *f, struct at_text *out)
{
    if (owner->kind == AT_SET_EXTENSION) {
        at_comment_add_of(owner, out);
    } else {
        at_comment_add_in(owner, AT_FIELD_IN_MESSAGE, (size_t)(f - owner->of.message->field.at),
                          out);
    }
}

bool at_field_is_json_scalar(struct at_bytes text)
{
    struct at_json_reader r;
    struct at_json_token token;
    enum at_json_kind kind;

    at_json_reader_init(&r, text);
    kind = at_json_next(&r, &token);
    return (kind == AT_JSON_NUMBER || kind == AT_JSON_TRUE || kind == AT_JSON_FALSE) &&
           at_json_next(&r, &token) == AT_JSON_END;
}
