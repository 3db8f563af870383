/* What to tell whoever sent JSON that we refuse: which field, where, why, and what was meant. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/json_parser.h"
#include "pb/table.h"

enum { NAME_SHOWN_MAX = 64 };

/* A member's name as the client wrote it, cut and without what a terminal would obey. */
static void show_name(struct at_bytes name, char shown[NAME_SHOWN_MAX + 1])
{
    size_t len = 0;

    for (size_t i = 0; i < name.len && len < NAME_SHOWN_MAX; i++) {
        shown[len++] = (char)(name.at[i] >= 0x20 && name.at[i] < 0x7F ? name.at[i] : '?');
    }
    shown[len] = '\0';
}

static const char *json_name(const struct atoll_message_desc *desc,
                             const struct atoll_field_desc *field)
{
    return (const char *)at_pb_json_name(desc, field).at;
}

size_t at_json_add_step(char *path, size_t len, const char *name, size_t element)
{
    int n = 0;

    if (name[0] != '\0' && len < AT_PB_FIELD_PATH_MAX - 1) {
        n = snprintf(path + len, AT_PB_FIELD_PATH_MAX - len, "%s%s", len == 0 ? "" : ".", name);
        len += n < 0 ? 0 : (size_t)n;
    }
    if (element != SIZE_MAX && len < AT_PB_FIELD_PATH_MAX - 1) {
        n = snprintf(path + len, AT_PB_FIELD_PATH_MAX - len, "[%zu]", element);
        len += n < 0 ? 0 : (size_t)n;
    }
    return len < AT_PB_FIELD_PATH_MAX ? len : AT_PB_FIELD_PATH_MAX - 1;
}

/* nameless: the text is the field's value, so its name was not written. */
static size_t add_frame(char *path, size_t len, const struct at_json_frame *frame, bool nameless)
{
    const struct atoll_field_desc *f = frame->field;
    size_t element = SIZE_MAX;

    if (f == NULL) {
        return len;
    }
    if (frame->inside != AT_JSON_IN_MESSAGE) {
        size_t count =
            ((const struct at_pb_array *)(const void *)(frame->message + f->offset))->count;

        element = count > 0 ? count - 1 : 0;
    }
    return at_json_add_step(path, len, nameless || frame->bare ? "" : json_name(frame->desc, f),
                            element);
}

void at_json_explain_name(const struct atoll_message_desc *desc, struct at_bytes name,
                          char out[AT_PB_WHAT_MAX])
{
    enum { NAMES_MAX = 128 };
    const char *names[NAMES_MAX];
    size_t n = desc->field_count < NAMES_MAX ? desc->field_count : NAMES_MAX;
    const char *nearest;
    char shown[NAME_SHOWN_MAX + 1];

    for (size_t i = 0; i < n; i++) {
        names[i] = json_name(desc, at_pb_field(desc, i));
    }
    show_name(name, shown);
    nearest = at_text_nearest(name, names, n);
    (void)snprintf(out, AT_PB_WHAT_MAX, "%s has no field \"%s\"%s%s%s", desc->full_name, shown,
                   nearest == NULL ? "" : "; did you mean \"", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "\"?");
}

void at_json_explain(const struct at_json_parser *p, int result, struct at_pb_fault *fault)
{
    size_t len = 0;

    *fault = (struct at_pb_fault){.offset = (size_t)(p->reader.token_at - p->reader.start)};
    at_json_place(&p->reader, &fault->line, &fault->col);
    for (size_t i = 0; i < p->depth; i++) {
        len = add_frame(fault->field, len, &p->frames[i], p->field_only && i == 0);
    }
    if (p->bad_name.at != NULL) {
        char shown[NAME_SHOWN_MAX + 1];

        show_name(p->bad_name, shown);
        (void)at_json_add_step(fault->field, len, shown, SIZE_MAX);
        at_json_explain_name(p->frames[p->depth - 1].desc, p->bad_name, fault->what);
        return;
    }
    if (result == AT_JSON_BAD_TEXT) {
        (void)snprintf(fault->what, sizeof(fault->what), "line %d, column %d: %s", fault->line,
                       fault->col, p->reader.wrong == NULL ? "not JSON" : p->reader.wrong);
        return;
    }
    (void)snprintf(fault->what, sizeof(fault->what), "%s%s%s%s", len == 0 ? "" : "field ",
                   fault->field, len == 0 ? "" : ": ", p->source.why);
}
