/*
 * Message to JSON: one loop, one stack of frames; a frame is a message that is being printed.
 * Messages with a JSON form of their own are printed here when they nest, else in json_wkt.c and
 * json_any_write.c.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/json_parser.h"
#include "pb/json_printer.h"
#include "pb/json_put.h"
#include "pb/json_value.h"
#include "pb/json_wkt.h"
#include "pb/limits.h"
#include "pb/table.h"

enum { SCRATCH_FIRST = 4096 };

int at_json_print_refuse(struct at_json_printer *p, const char *why)
{
    (void)snprintf(p->why, sizeof(p->why), "%s", why);
    return AT_JSON_BAD_VALUE;
}

/*
 * One more frame, for the fields from `field` to `end`. Member by member: a whole struct would be
 * put together elsewhere and copied in larger pieces than it was written in, which costs a stall.
 */
static int add_frame(struct at_json_printer *p, const struct atoll_message_desc *desc,
                     const void *message, uint32_t field, uint32_t end)
{
    struct at_json_print_frame *frame;

    if (p->depth == AT_PB_DEPTH_MAX) {
        return at_json_print_refuse(p, "is nested deeper than 100 messages");
    }
    frame = &p->frames[p->depth++];
    frame->desc = desc;
    frame->message = message;
    frame->field = field;
    frame->end = end;
    frame->element = 0;
    frame->in_repeated = false;
    frame->as_value = false;
    frame->bare = false;
    frame->any = false;
    return 0;
}

int at_json_print_push(struct at_json_printer *p, const struct atoll_message_desc *desc,
                       const void *message)
{
    int r = add_frame(p, desc, message, 0, desc->field_count);

    if (r == 0) {
        at_json_open(p->out, '{');
    }
    return r;
}

static void open_repeated(struct at_json_printer *p, struct at_json_print_frame *frame,
                          const struct atoll_field_desc *f)
{
    frame->in_repeated = true;
    frame->element = 0;
    if (at_pb_is_map(f)) {
        at_json_open(p->out, '{');
    } else {
        at_json_open(p->out, '[');
    }
}

/* A message that is nothing but its one list or map: Struct and ListValue. */
static int push_bare(struct at_json_printer *p, const struct atoll_message_desc *desc,
                     const void *message)
{
    const struct atoll_field_desc *f = at_json_wkt_field(desc, 1);
    uint32_t index = (uint32_t)at_pb_index(desc, f);
    int r = add_frame(p, desc, message, index, index + 1);

    if (r == 0) {
        p->frames[p->depth - 1].bare = true;
        open_repeated(p, &p->frames[p->depth - 1], f);
    }
    return r;
}

/* The field of a google.protobuf.Value that is set; NULL: none. */
static const struct atoll_field_desc *value_field(const struct atoll_message_desc *desc,
                                                  const uint8_t *message)
{
    for (uint32_t n = AT_JSON_VALUE_NULL; n <= AT_JSON_VALUE_LIST; n++) {
        const struct atoll_field_desc *f = at_json_wkt_field(desc, n);

        if (at_pb_has(f, message)) {
            return f;
        }
    }
    return NULL;
}

static int print_value(struct at_json_printer *p, const struct atoll_message_desc *desc,
                       const uint8_t *message)
{
    const struct atoll_field_desc *f = value_field(desc, message);
    uint32_t number = f == NULL ? 0 : at_pb_number(f);
    const struct atoll_message_desc *of;
    const void *inner;

    if (number == 0) {
        return at_json_print_refuse(p, "is a google.protobuf.Value that holds nothing");
    }
    if (number == AT_JSON_VALUE_NULL) {
        at_json_null(p->out);
        return 0;
    }
    if (number == AT_JSON_VALUE_NUMBER &&
        !isfinite(*(const double *)(const void *)(message + f->offset))) {
        return at_json_print_refuse(p, "is a google.protobuf.Value, which has no NaN or infinity");
    }
    if (number < AT_JSON_VALUE_STRUCT) {
        return at_json_write_scalar(desc, f, message + f->offset, false, p->out)
                   ? 0
                   : at_json_print_refuse(p, AT_JSON_NO_UTF8);
    }
    of = at_pb_sub(desc, f);
    inner = *(const void *const *)(const void *)(message + f->offset);
    if (at_json_wkt_of(of) !=
        (number == AT_JSON_VALUE_STRUCT ? AT_JSON_STRUCT : AT_JSON_LIST_VALUE)) {
        return at_json_print_refuse(p, "is of another type than in google/protobuf/struct.proto");
    }
    return inner == NULL ? at_json_print_refuse(p, "is a google.protobuf.Value that holds nothing")
                         : push_bare(p, of, inner);
}

int at_json_print_begin(struct at_json_printer *p, const struct atoll_message_desc *desc,
                        const void *message)
{
    enum at_json_wkt kind = at_json_wkt_of(desc);

    switch (kind) {
    case AT_JSON_PLAIN:
    case AT_JSON_EMPTY: break;
    case AT_JSON_STRUCT:
    case AT_JSON_LIST_VALUE: return push_bare(p, desc, message);
    case AT_JSON_VALUE: return print_value(p, desc, message);
    case AT_JSON_ANY: return at_json_print_any(p, desc, message);
    case AT_JSON_TIMESTAMP:
    case AT_JSON_DURATION:
    case AT_JSON_FIELD_MASK:
    case AT_JSON_WRAPPER: return at_json_write_wkt(kind, desc, message, p->out, p->why);
    }
    return at_json_print_push(p, desc, message);
}

/* A message that is not there but must be shown: a map's value that was not sent. */
static int print_empty(struct at_json_printer *p, const struct atoll_message_desc *desc)
{
    void *message = at_arena_alloc(p->scratch, desc->struct_size, 16);

    if (message == NULL) {
        return -ENOMEM;
    }
    at_pb_init(desc, message);
    return at_json_print_begin(p, desc, message);
}

/* A value that is there: of the field, or of an element. desc is the message that has the field. */
static int put(struct at_json_printer *p, const struct atoll_message_desc *desc,
               const struct atoll_field_desc *f, const void *value)
{
    const struct atoll_message_desc *of;
    const void *message = value;

    if (!at_pb_is_message(f)) {
        bool numbers = (p->flags & AT_JSON_ENUM_NUMBERS) != 0;

        return at_json_write_scalar(desc, f, value, numbers, p->out)
                   ? 0
                   : at_json_print_refuse(p, AT_JSON_NO_UTF8);
    }
    of = at_pb_sub(desc, f);
    if (!at_pb_is_repeated(f)) {
        message = *(const void *const *)value;
    }
    return message == NULL ? print_empty(p, of) : at_json_print_begin(p, of, message);
}

/* Is the value of an implicit field zero, empty or no message, so that it is not sent? */
static inline bool is_zero(uint8_t type, const uint8_t *value)
{
    /* Where a type's value shows whether it is zero, and in how many bytes; no jump per field. */
    static const struct {
        uint8_t at;
        uint8_t width;
    } looks[32] = {
        [ATOLL_TYPE_STRING] = {offsetof(struct atoll_str, len), sizeof(size_t)},
        [ATOLL_TYPE_BYTES] = {offsetof(struct atoll_str, len), sizeof(size_t)},
        [ATOLL_TYPE_MESSAGE] = {0, sizeof(void *)},
        [ATOLL_TYPE_GROUP] = {0, sizeof(void *)},
        [ATOLL_TYPE_BOOL] = {0, 1},
        [ATOLL_TYPE_DOUBLE] = {0, 8},
        [ATOLL_TYPE_INT64] = {0, 8},
        [ATOLL_TYPE_UINT64] = {0, 8},
        [ATOLL_TYPE_FIXED64] = {0, 8},
        [ATOLL_TYPE_SFIXED64] = {0, 8},
        [ATOLL_TYPE_SINT64] = {0, 8},
    };
    const void *p = value + looks[type].at;

    if (looks[type].width == 8) {
        return *(const uint64_t *)p == 0;
    }
    return looks[type].width == 1 ? *(const uint8_t *)p == 0 : *(const uint32_t *)p == 0;
}

static inline bool is_printed(bool defaults, const uint8_t *message,
                              const struct atoll_field_desc *f)
{
    const void *value = message + f->offset;

    if (at_pb_form(f) == ATOLL_FORM_IMPLICIT) {
        return !is_zero(at_pb_type(f), value) || (defaults && !at_pb_is_message(f));
    }
    if (at_pb_is_repeated(f)) { /* of a message's many extensions only those that are there */
        return ((const struct at_pb_array *)value)->count > 0 ||
               (defaults && (f->flags & ATOLL_FIELD_EXTENSION) == 0);
    }
    return at_pb_has(f, message);
}

/* The next element of a list of ordinary messages, which is the most that lists are made of. */
static int print_message(struct at_json_printer *p, struct at_json_print_frame *frame,
                         const struct atoll_message_desc *of, const struct at_pb_array *array)
{
    const uint8_t *element = (const uint8_t *)array->at + frame->element++ * of->struct_size;

    return at_json_print_push(p, of, element);
}

/* Elements until one needs a frame of its own, or all are printed. */
static int print_elements(struct at_json_printer *p, struct at_json_print_frame *frame,
                          const struct atoll_field_desc *f)
{
    const struct at_pb_array *array =
        (const struct at_pb_array *)(const void *)(frame->message + f->offset);
    const struct atoll_message_desc *desc = frame->desc;
    const uint32_t depth = p->depth;
    bool map = at_pb_is_map(f);
    const struct atoll_field_desc *key = NULL;
    size_t size;
    int r = 0;

    if (at_pb_is_message(f) && !map && frame->element < array->count &&
        at_json_wkt_of(at_pb_sub(desc, f)) == AT_JSON_PLAIN) {
        return print_message(p, frame, at_pb_sub(desc, f), array);
    }
    size = at_pb_value_size(desc, f);
    if (map) {
        desc = at_pb_sub(desc, f);
        key = at_pb_field(desc, 0);
        f = at_pb_field(desc, 1);
    }
    while (r == 0 && p->depth == depth && frame->element < array->count) {
        const uint8_t *element = (const uint8_t *)array->at + frame->element++ * size;

        if (map) {
            if (!at_json_write_key(key, element + key->offset, p->out)) {
                return at_json_print_refuse(p, "has a key that is not UTF-8, as JSON must be");
            }
            element += f->offset;
        }
        r = put(p, desc, f, element);
    }
    if (r != 0 || p->depth != depth) {
        return r;
    }
    if (map) {
        at_json_close(p->out, '}');
    } else {
        at_json_close(p->out, ']');
    }
    frame->in_repeated = false;
    frame->field++;
    return 0;
}

/* An extension is "[pkg.name]" either way. */
static void put_name(struct at_json_printer *p, const struct atoll_message_desc *desc,
                     const struct atoll_field_desc *f)
{
    bool original =
        (p->flags & AT_JSON_ORIGINAL_NAMES) != 0 && (f->flags & ATOLL_FIELD_EXTENSION) == 0;

    at_json_key_bytes(p->out, original ? at_pb_name(desc, f) : at_pb_json_name(desc, f));
}

/* The value of a field that is printed; its name was. A list is only opened. */
static int print_field(struct at_json_printer *p, struct at_json_print_frame *frame,
                       const struct atoll_field_desc *f)
{
    if ((f->flags & ATOLL_FIELD_SENSITIVE) != 0 && (p->flags & AT_JSON_MASK_SENSITIVE) != 0) {
        at_json_str(p->out, "***");
        return 0;
    }
    if (at_pb_is_repeated(f)) {
        open_repeated(p, frame, f);
        return 0;
    }
    return put(p, frame->desc, f, frame->message + f->offset);
}

/* Fields until one is a list or needs a frame of its own, or all are printed. */
static int print_fields(struct at_json_printer *p, struct at_json_print_frame *frame)
{
    const bool quick = (p->flags & (AT_JSON_ORIGINAL_NAMES | AT_JSON_MASK_SENSITIVE)) == 0;
    const bool defaults = (p->flags & AT_JSON_PRINT_DEFAULTS) != 0;
    const struct atoll_message_desc *desc = frame->desc;
    const uint8_t *message = frame->message;
    const uint32_t depth = p->depth;
    uint32_t i = frame->field;
    int r = 0;

    for (; i < frame->end && r == 0 && p->depth == depth && !frame->in_repeated; i++) {
        const struct atoll_field_desc *f = at_pb_field(desc, i);

        if (!is_printed(defaults, message, f) ||
            (quick && !at_pb_is_repeated(f) &&
             at_json_write_member(desc, f, message + f->offset, p->out))) {
            continue;
        }
        frame->field = i + 1;
        put_name(p, desc, f);
        r = print_field(p, frame, f);
    }
    /* A list is still the field in work; all else was dealt with. */
    frame->field = frame->in_repeated ? i - 1 : i;
    return r;
}

/* One field's value alone: null when nothing of it is set. */
static int print_bare(struct at_json_printer *p, struct at_json_print_frame *frame)
{
    const struct atoll_field_desc *f = at_pb_field(frame->desc, frame->field);
    bool scalar = at_pb_form(f) == ATOLL_FORM_IMPLICIT && !at_pb_is_message(f);
    int r;

    if (!at_pb_is_repeated(f) && !scalar && !at_pb_has(f, frame->message)) {
        frame->field++;
        at_json_null(p->out);
        return 0;
    }
    r = print_field(p, frame, f);
    frame->field += !frame->in_repeated;
    return r;
}

static int run(struct at_json_printer *p)
{
    int r = 0;

    while (r == 0 && p->depth > 0) {
        struct at_json_print_frame *frame = &p->frames[p->depth - 1];

        if (frame->as_value) {
            frame->as_value = false;
            r = at_json_print_begin(p, frame->desc, frame->message);
        } else if (frame->field == frame->end) {
            if (!frame->bare) {
                at_json_close(p->out, '}');
            }
            p->depth--;
        } else if (frame->in_repeated) {
            r = print_elements(p, frame, at_pb_field(frame->desc, frame->field));
        } else {
            r = frame->bare ? print_bare(p, frame) : print_fields(p, frame);
        }
    }
    return r;
}

static void init(struct at_json_printer *p, const struct at_json_how *how,
                 struct at_json_writer *out)
{
    p->out = out;
    p->types = how->types;
    p->flags = how->flags;
    p->depth = 0;
    p->why[0] = '\0';
    at_arena_init(&p->own, SCRATCH_FIRST, AT_JSON_ANY_BYTES_MAX);
    p->scratch = how->scratch == NULL ? &p->own : how->scratch;
}

/* The field that was in work in each frame; all but those with an open list have moved on. */
static void explain(const struct at_json_printer *p, struct at_pb_fault *fault)
{
    size_t len = 0;

    *fault = (struct at_pb_fault){0};
    for (size_t i = 0; i < p->depth; i++) {
        const struct at_json_print_frame *frame = &p->frames[i];
        uint32_t field = frame->in_repeated ? frame->field : frame->field - 1;

        if (field < frame->desc->field_count) {
            const struct atoll_field_desc *f = at_pb_field(frame->desc, field);
            const char *name = (const char *)at_pb_json_name(frame->desc, f).at;

            len = at_json_add_step(fault->field, len, frame->bare ? "" : name,
                                   frame->in_repeated ? frame->element - 1 : SIZE_MAX);
        }
    }
    (void)snprintf(fault->what, sizeof(fault->what), "%s%s%s%s", len == 0 ? "" : "field ",
                   fault->field, len == 0 ? "" : ": ", p->why);
}

static int finish(struct at_json_printer *p, const struct at_json_how *how, int r)
{
    at_arena_deinit(&p->own);
    if (r == 0 && p->out->out->failed) {
        return -ENOMEM;
    }
    if (r > 0 && how->fault != NULL) {
        explain(p, how->fault);
    }
    return r;
}

int at_json_write_message(const struct at_json_how *how, const struct atoll_message_desc *desc,
                          const void *message, struct at_json_writer *out)
{
    __attribute__((uninitialized)) struct at_json_printer p;
    int r;

    init(&p, how, out);
    r = at_json_print_begin(&p, desc, message);
    r = r == 0 ? run(&p) : r;
    return finish(&p, how, r);
}

int at_json_write_field(const struct at_json_how *how, const struct atoll_message_desc *desc,
                        const struct atoll_field_desc *field, const void *message,
                        struct at_json_writer *out)
{
    __attribute__((uninitialized)) struct at_json_printer p;
    uint32_t index = (uint32_t)at_pb_index(desc, field);

    init(&p, how, out);
    (void)add_frame(&p, desc, message, index, index + 1);
    p.frames[0].bare = true;
    return finish(&p, how, run(&p));
}

int at_json_from_message(const struct atoll_message_desc *desc, const void *message, uint32_t flags,
                         struct at_json_writer *out)
{
    return at_json_write_message(&(struct at_json_how){.flags = flags}, desc, message, out);
}

int at_json_from_field(const struct atoll_message_desc *desc, const struct atoll_field_desc *field,
                       const void *message, uint32_t flags, struct at_json_writer *out)
{
    return at_json_write_field(&(struct at_json_how){.flags = flags}, desc, field, message, out);
}
