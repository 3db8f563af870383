/*
 * Everything that a file declares, as one flat list in the order of declaration: so that rules are
 * loops and nobody has to walk nested types again.
 */
#ifndef AT_CONTRACT_THING_H
#define AT_CONTRACT_THING_H

#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

enum at_thing_kind {
    AT_THING_FILE,
    AT_THING_IMPORT,
    AT_THING_MESSAGE, /* without map entries */
    AT_THING_FIELD,   /* extensions too */
    AT_THING_ONEOF,   /* without those that protoc makes for `optional` */
    AT_THING_ENUM,
    AT_THING_VALUE, /* of an enum */
    AT_THING_SERVICE,
    AT_THING_METHOD,
    AT_THING_KINDS
};

struct at_thing {
    enum at_thing_kind kind;
    int32_t index; /* in the list of what is around it */
    const struct at_set_file *file;
    const struct at_set_symbol
        *symbol; /* itself, or the type or service around it; NULL in a file */
    union {
        const struct google_protobuf_FieldDescriptorProto *field;
        const struct google_protobuf_OneofDescriptorProto *oneof;
        const struct google_protobuf_EnumValueDescriptorProto *value;
        const struct google_protobuf_MethodDescriptorProto *method;
    } of;
};

struct at_things {
    struct at_thing *at;
    size_t count;
};

/* What the file declares, itself first. 0, -ENOMEM. */
int at_things_of(const struct at_set *set, const struct at_set_file *file, struct at_arena *arena,
                 struct at_things *ret);
/* Its own name: "count", "Item", the name of the file, what is imported. */
struct at_bytes at_thing_name(const struct at_thing *thing);
/* "field", "message", … */
const char *at_thing_word(enum at_thing_kind kind);
void at_thing_path(const struct at_thing *thing, struct at_set_path *ret);
/* Its options: fields of custom ones are unknown here. NULL: none. */
const struct atoll_unknown *at_thing_custom_options(const struct at_thing *thing);
/* "google.protobuf.FieldOptions", …; what custom options of such a thing extend. */
const char *at_thing_options_name(enum at_thing_kind kind);

#endif
