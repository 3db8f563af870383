#include "plan/record.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/limits.h"
#include "plan/plan.h"

static void put_le(struct at_text *out, uint64_t value, size_t n)
{
    uint8_t room[8];
    struct at_writer w = at_writer_over(room, sizeof(room));

    at_write_le(&w, value, n);
    at_text_add(out, at_writer_bytes(&w));
}

void at_record_put_u32(struct at_text *out, uint32_t value)
{
    put_le(out, value, 4);
}

static void put_string(struct at_text *out, const char *s)
{
    struct at_bytes b = at_bytes_of(s);

    at_record_put_u32(out, (uint32_t)b.len);
    at_text_add(out, b);
}

static void pack_u32(const void *field, struct at_text *out)
{
    at_record_put_u32(out, *(const uint32_t *)field);
}

static void pack_u64(const void *field, struct at_text *out)
{
    put_le(out, *(const uint64_t *)field, 8);
}

static void pack_string(const void *field, struct at_text *out)
{
    put_string(out, *(const char *const *)field);
}

static void pack_strings(const void *field, struct at_text *out)
{
    const struct at_plan_strings *list = field;

    at_record_put_u32(out, (uint32_t)list->count);
    for (size_t i = 0; i < list->count; i++) {
        put_string(out, list->at[i]);
    }
}

static void pack_indexes(const void *field, struct at_text *out)
{
    const struct at_plan_indexes *list = field;

    at_record_put_u32(out, (uint32_t)list->count);
    for (size_t i = 0; i < list->count; i++) {
        at_record_put_u32(out, list->at[i]);
    }
}

static void pack_dependencies(const void *field, struct at_text *out)
{
    const struct at_plan_dependencies *list = field;

    at_record_put_u32(out, (uint32_t)list->count);
    for (size_t i = 0; i < list->count; i++) {
        at_record_put_u32(out, list->at[i].service);
        at_record_put_u32(out, list->at[i].condition);
    }
}

/* Each unpacker leaves the reader failed when the bytes are bad, and returns 0 or -ENOMEM. */
static int unpack_u32(const struct at_record_field *f, struct at_reader *in, struct at_arena *arena,
                      void *field)
{
    *(uint32_t *)field = (uint32_t)at_read_le(in, 4);
    return 0;
}

static int unpack_u64(const struct at_record_field *f, struct at_reader *in, struct at_arena *arena,
                      void *field)
{
    *(uint64_t *)field = at_read_le(in, 8);
    return 0;
}

static int unpack_string(const struct at_record_field *f, struct at_reader *in,
                         struct at_arena *arena, void *field)
{
    struct at_bytes b = at_read_sized(in, f->bytes);
    char *copy;

    if (at_bytes_index(b, '\0') < b.len) {
        in->failed = true; /* it would end somewhere else for who reads it as a C string */
        return 0;
    }
    copy = at_arena_copy(arena, b);
    if (copy == NULL) {
        return -ENOMEM;
    }
    *(const char **)field = copy;
    return 0;
}

/* The number of elements, each at least `least` bytes long: no more than the bytes can hold. */
static size_t read_count(const struct at_record_field *f, struct at_reader *in, size_t least)
{
    size_t n = (size_t)at_read_le(in, 4);

    if (n > f->count || n > at_reader_left(in) / least) {
        in->failed = true;
        return 0;
    }
    return n;
}

static int unpack_strings(const struct at_record_field *f, struct at_reader *in,
                          struct at_arena *arena, void *field)
{
    struct at_plan_strings *list = field;
    size_t n = read_count(f, in, 4);
    int r = 0;

    list->at = at_arena_zalloc(arena, n, sizeof(*list->at));
    if (list->at == NULL) {
        return -ENOMEM;
    }
    list->count = n;
    for (size_t i = 0; i < n && r == 0 && !in->failed; i++) {
        r = unpack_string(f, in, arena, &list->at[i]);
    }
    return r;
}

static int unpack_indexes(const struct at_record_field *f, struct at_reader *in,
                          struct at_arena *arena, void *field)
{
    struct at_plan_indexes *list = field;
    size_t n = read_count(f, in, 4);

    list->at = at_arena_zalloc(arena, n, sizeof(*list->at));
    if (list->at == NULL) {
        return -ENOMEM;
    }
    list->count = n;
    for (size_t i = 0; i < n; i++) {
        list->at[i] = (uint32_t)at_read_le(in, 4);
    }
    return 0;
}

static int unpack_dependencies(const struct at_record_field *f, struct at_reader *in,
                               struct at_arena *arena, void *field)
{
    struct at_plan_dependencies *list = field;
    size_t n = read_count(f, in, 8);

    list->at = at_arena_zalloc(arena, n, sizeof(*list->at));
    if (list->at == NULL) {
        return -ENOMEM;
    }
    list->count = n;
    for (size_t i = 0; i < n; i++) {
        list->at[i].service = (uint32_t)at_read_le(in, 4);
        list->at[i].condition = (uint32_t)at_read_le(in, 4);
    }
    return 0;
}

static const struct {
    void (*pack)(const void *field, struct at_text *out);
    int (*unpack)(const struct at_record_field *f, struct at_reader *in, struct at_arena *arena,
                  void *field);
} types[] = {
    [AT_RECORD_U32] = {pack_u32, unpack_u32},
    [AT_RECORD_U64] = {pack_u64, unpack_u64},
    [AT_RECORD_STRING] = {pack_string, unpack_string},
    [AT_RECORD_STRINGS] = {pack_strings, unpack_strings},
    [AT_RECORD_INDEXES] = {pack_indexes, unpack_indexes},
    [AT_RECORD_NUMBERS] = {pack_indexes, unpack_indexes}, /* the same struct by another name */
    [AT_RECORD_DEPENDENCIES] = {pack_dependencies, unpack_dependencies},
};

void at_record_pack(const struct at_record_table *table, const void *record, struct at_text *out)
{
    size_t start = out->len;
    uint32_t len;

    at_record_put_u32(out, 0);
    for (size_t i = 0; i < table->field_count; i++) {
        const struct at_record_field *f = &table->fields[i];

        types[f->type].pack((const char *)record + f->offset, out);
    }
    if (!out->failed) {
        struct at_writer w = at_writer_over(out->at + start, 4);

        len = (uint32_t)(out->len - start - 4);
        at_write_le(&w, len, 4);
    }
}

int at_record_unpack(const struct at_record_table *table, struct at_reader *in,
                     struct at_arena *arena, void *ret, struct at_diag *diag)
{
    struct at_bytes body = at_read_sized(in, AT_PLAN_BYTES_MAX);
    struct at_reader r = at_reader_over(body.at, body.len);

    if (in->failed) {
        at_diag_set(diag, "the plan ends inside a %s record", table->name);
        return AT_PLAN_MALFORMED;
    }
    for (size_t i = 0; i < table->field_count; i++) {
        const struct at_record_field *f = &table->fields[i];
        int err = types[f->type].unpack(f, &r, arena, (char *)ret + f->offset);

        if (err < 0) {
            return at_up(err);
        }
        if (r.failed) {
            at_diag_set(diag, "the plan's %s record has a bad %s", table->name, f->name);
            return AT_PLAN_MALFORMED;
        }
    }
    return 0;
}
