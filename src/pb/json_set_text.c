/* One field of a message from plain text, as it stands in the path or query of a URL. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json_message.h"
#include "pb/json_names.h"
#include "pb/json_parser.h"
#include "pb/json_value.h"
#include "pb/json_wkt.h"
#include "pb/table.h"

/* Steps into the sub-message that a part of a path names, making it when it is absent. */
static int descend(const struct atoll_message_desc *of, const struct atoll_field_desc *f,
                   struct at_arena *arena, uint8_t **message)
{
    void **value = (void **)(void *)(*message + f->offset);

    if (at_pb_form(f) == ATOLL_FORM_ONEOF) {
        const uint32_t *which = (const uint32_t *)(const void *)(*message + f->presence);

        if (*which != at_pb_number(f)) {
            at_json_set_present(f, *message);
            *value = NULL;
        }
    }
    if (*value == NULL) {
        void *made = at_arena_alloc(arena, of->struct_size, 16);

        if (made == NULL) {
            return -ENOMEM;
        }
        at_pb_init(of, made);
        *value = made;
    }
    *message = *value;
    return 0;
}

static int set_message(const struct atoll_message_desc *of, const struct atoll_field_desc *f,
                       struct at_bytes text, struct at_json_source *s, uint8_t *message)
{
    enum at_json_wkt kind = at_json_wkt_of(of);
    int r;

    if (kind != AT_JSON_TIMESTAMP && kind != AT_JSON_DURATION && kind != AT_JSON_FIELD_MASK &&
        kind != AT_JSON_WRAPPER) {
        return at_json_refuse(s, "is a message and has no plain text form");
    }
    if (at_pb_is_repeated(f)) {
        return at_json_refuse(s, "is a list of messages and has no plain text form");
    }
    r = descend(of, f, s->names.arena, &message);
    if (r != 0) {
        return r;
    }
    at_pb_init(of, message);
    return at_json_read_wkt_text(kind, of, text, s, message);
}

/* A value that is refused leaves the message as it was: a oneof may hold another member there. */
static int set_text(const struct atoll_message_desc *desc, const struct atoll_field_desc *f,
                    struct at_bytes text, struct at_json_source *s, uint8_t *message)
{
    union {
        uint64_t number;
        struct atoll_str text;
    } taken = {.text = {NULL, 0}};
    void *value = message + f->offset;
    int r;

    if (at_pb_is_message(f)) {
        return set_message(at_pb_sub(desc, f), f, text, s, message);
    }
    r = at_json_read_text(desc, f, text, s, &taken);
    if (r != 0) {
        return r == AT_JSON_UNKNOWN_VALUE ? AT_JSON_BAD_VALUE : r;
    }
    if (at_pb_is_repeated(f)) {
        r = at_pb_array_append((struct at_pb_array *)value, at_pb_value_size(desc, f), 4,
                               s->names.arena, &value);
        if (r != 0) {
            return r < 0 ? r : at_json_refuse(s, "has too many values");
        }
    } else {
        at_json_set_present(f, message);
    }
    memcpy(value, &taken, at_pb_value_size(desc, f));
    return 0;
}

/* Along the path to its last field. 0, -ENOMEM, or AT_JSON_BAD_VALUE with s->why or fault->what. */
static int set_along(const struct atoll_message_desc *desc, struct at_bytes path,
                     struct at_bytes text, struct at_json_source *s, uint8_t *message,
                     struct at_pb_fault *fault)
{
    struct at_bytes rest = path;
    struct at_bytes name;

    while (at_bytes_cut(&rest, '.', &name)) {
        uint32_t next = 0;
        const struct atoll_field_desc *f = at_json_find_field(&s->names, desc, &next, name);
        int r;

        if (f == NULL) {
            at_json_explain_name(desc, name, fault->what);
            return AT_JSON_BAD_VALUE;
        }
        if (rest.len == 0) {
            return set_text(desc, f, text, s, message);
        }
        if (!at_pb_is_message(f) || at_pb_is_repeated(f)) {
            return at_json_refuse(s, "has no fields of its own");
        }
        desc = at_pb_sub(desc, f);
        r = descend(desc, f, s->names.arena, &message);
        if (r < 0) {
            return r;
        }
    }
    return at_json_refuse(s, "is no name of a field");
}

int at_json_set_from_text(const struct atoll_message_desc *desc, struct at_bytes path,
                          struct at_bytes text, struct at_arena *arena, void *message,
                          struct at_pb_fault *fault)
{
    struct at_json_source s = {.names.arena = arena};
    struct at_pb_fault local;
    int r;

    fault = fault == NULL ? &local : fault;
    *fault = (struct at_pb_fault){0};
    r = set_along(desc, path, text, &s, message, fault);
    if (r > 0 && fault->what[0] == '\0') {
        (void)snprintf(fault->field, sizeof(fault->field), "%.*s",
                       (int)(path.len < 100 ? path.len : 100), (const char *)path.at);
        (void)snprintf(fault->what, sizeof(fault->what), "field %s: %s", fault->field, s.why);
    }
    return r;
}
