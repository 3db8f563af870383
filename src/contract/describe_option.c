#include "contract/describe_option.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "contract/describe.h"
#include "pb/codec.h"
#include "pb/pbtext.h"
#include "pb/pbtext_value.h"
#include "pb/pool.h"
#include "pb/table.h"

enum { LINE_MAX = 90 }; /* longer messages stand on several lines */

struct printing {
    const struct at_describer *d;
    const struct atoll_message_desc *desc;
    enum at_option_style style;
    size_t level;
    struct at_text *out;
    size_t *count;
};

static void indent(struct at_text *out, size_t level)
{
    for (size_t i = 0; i < level; i++) {
        at_text_add_str(out, "  ");
    }
}

/* "{ get: "/stock" }", or with a line for each field when that is long. */
static int put_message(struct printing *p, const struct atoll_message_desc *desc,
                       const void *message)
{
    struct at_pbtext_how how = {.flags = AT_PBTEXT_UNKNOWN | AT_PBTEXT_ONE_LINE};
    struct at_text text;
    struct at_bytes rest;
    struct at_bytes line;
    int r;

    at_text_init(&text);
    r = at_pbtext_write(&how, desc, message, &text);
    if (r == 0 && (text.len <= LINE_MAX || p->style == AT_OPTION_BRACKETS)) {
        at_text_addf(p->out, text.len == 0 ? "{}" : "{ %s }", at_text_str(&text));
    } else if (r == 0) {
        at_text_clear(&text);
        how.flags = AT_PBTEXT_UNKNOWN;
        r = at_pbtext_write(&how, desc, message, &text);
        at_text_add_str(p->out, "{\n");
        rest = at_text_bytes(&text);
        while (at_bytes_cut(&rest, '\n', &line)) {
            indent(p->out, p->level + 1);
            at_text_add(p->out, line);
            at_text_add_char(p->out, '\n');
        }
        indent(p->out, p->level);
        at_text_add_char(p->out, '}');
    }
    r = text.failed ? -ENOMEM : r;
    at_text_deinit(&text);
    return r < 0 ? r : 0;
}

static void begin(struct printing *p)
{
    if (p->style == AT_OPTION_BRACKETS) {
        if (*p->count > 0) {
            at_text_add_str(p->out, ", ");
        }
    } else {
        indent(p->out, p->level);
        at_text_add_str(p->out, "option ");
    }
    (*p->count)++;
}

static void end(struct printing *p)
{
    if (p->style == AT_OPTION_STATEMENTS) {
        at_text_add_str(p->out, ";\n");
    }
}

static int put_one(struct printing *p, const struct atoll_field_desc *f, const void *value)
{
    struct at_bytes name = at_pb_name(p->desc, f);
    bool extension = (f->flags & ATOLL_FIELD_EXTENSION) != 0;
    int r = 0;

    begin(p);
    at_text_addf(p->out, "%s%.*s%s = ", extension ? "(" : "", (int)name.len, (const char *)name.at,
                 extension ? ")" : "");
    if (at_pb_is_message(f)) {
        r = put_message(p, at_pb_sub(p->desc, f),
                        at_pb_is_repeated(f) ? value : *(const void *const *)value);
    } else {
        at_pbtext_write_scalar(p->desc, f, value, p->out);
    }
    end(p);
    return r;
}

static int put_field(struct printing *p, const struct atoll_field_desc *f, const uint8_t *message)
{
    const struct at_pb_array *array = (const struct at_pb_array *)(message + f->offset);
    int r = 0;

    if (!at_pb_has(f, message)) {
        return 0;
    }
    if (!at_pb_is_repeated(f)) {
        return put_one(p, f, message + f->offset);
    }
    for (size_t i = 0; r == 0 && i < array->count; i++) {
        r = put_one(p, f, (const uint8_t *)array->at + i * at_pb_value_size(p->desc, f));
    }
    return r;
}

/* Options of which the set does not have the declaration: by number, as a remark. */
static int put_unknown(struct printing *p, const uint8_t *message)
{
    static const struct atoll_message_desc nothing = {
        .size = sizeof(nothing), .struct_size = sizeof(struct atoll_unknown *), .full_name = ""};
    struct atoll_unknown *const *unknown =
        (struct atoll_unknown *const *)(message + p->desc->unknown_offset);
    struct at_pbtext_how how = {.flags = AT_PBTEXT_UNKNOWN | AT_PBTEXT_ONE_LINE};
    struct at_text text;
    int r;

    if (*unknown == NULL) {
        return 0;
    }
    at_text_init(&text);
    r = at_pbtext_write(&how, &nothing, unknown, &text);
    if (p->style == AT_OPTION_STATEMENTS) {
        indent(p->out, p->level);
        at_text_addf(p->out, "// option whose declaration is not known here: %s\n",
                     at_text_str(&text));
    } else {
        at_text_addf(p->out, "%s/* declaration not known here: %s */", *p->count > 0 ? " " : "",
                     at_text_str(&text));
        (*p->count)++;
    }
    r = text.failed ? -ENOMEM : r;
    at_text_deinit(&text);
    return r < 0 ? r : 0;
}

int at_describe_options(const struct at_describer *d, const struct atoll_message_desc *desc,
                        const void *options, enum at_option_style style, size_t level,
                        struct at_text *out, size_t *count)
{
    struct printing p = {
        .d = d, .desc = desc, .style = style, .level = level, .out = out, .count = count};
    const struct atoll_message_desc *known;
    struct at_bytes bytes;
    void *message;
    int r;

    if (options == NULL) {
        return 0;
    }
    /* The pool's table of the same message has the extensions as fields. */
    known = d->pool == NULL ? NULL : at_pool_message(d->pool, at_bytes_of(desc->full_name));
    p.desc = known == NULL ? desc : known;
    r = at_pb_encode_in_arena(desc, options, d->arena, &bytes);
    message = at_arena_alloc(d->arena, p.desc->struct_size, 8);
    if (r == 0) {
        r = message == NULL ? -ENOMEM : at_pb_decode(p.desc, bytes, d->arena, message, NULL);
    }
    for (size_t i = 0; r == 0 && i < p.desc->field_count; i++) {
        r = put_field(&p, at_pb_field(p.desc, i), message);
    }
    r = r == 0 ? put_unknown(&p, message) : r;
    return r < 0 ? r : 0;
}
