/*
 * Records by table: a packed record is its length (u32, little-endian) and its fields in the order
 * of the table. One table packs and unpacks, so that the two cannot differ. What stands behind the
 * last known field is a newer writer's and is skipped; a field too few is malformed.
 */
#ifndef AT_PLAN_RECORD_H
#define AT_PLAN_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

enum at_record_type {
    AT_RECORD_U32,
    AT_RECORD_U64,
    AT_RECORD_STRING,       /* const char * */
    AT_RECORD_STRINGS,      /* struct at_plan_strings */
    AT_RECORD_INDEXES,      /* struct at_plan_indexes */
    AT_RECORD_NUMBERS,      /* struct at_plan_numbers */
    AT_RECORD_DEPENDENCIES, /* struct at_plan_dependencies */
};

struct at_record_field {
    const char *name;
    uint16_t offset; /* in the struct */
    uint8_t type;    /* enum at_record_type */
    uint32_t count;  /* of elements: more is malformed */
    uint32_t bytes;  /* of one string: more is malformed */
};

/* The record's fields; a struct of it is filled in or read. */
struct at_record_table {
    const char *name; /* for messages: "service" */
    const struct at_record_field *fields;
    size_t field_count;
};

#define AT_RECORD_U32_FIELD(type, field) {#field, offsetof(type, field), AT_RECORD_U32, 0, 0}
#define AT_RECORD_U64_FIELD(type, field) {#field, offsetof(type, field), AT_RECORD_U64, 0, 0}
#define AT_RECORD_STRING_FIELD(type, field, bytes)                                                 \
    {#field, offsetof(type, field), AT_RECORD_STRING, 0, bytes}
#define AT_RECORD_LIST_FIELD(type, field, kind, count, bytes)                                      \
    {#field, offsetof(type, field), kind, count, bytes}

void at_record_put_u32(struct at_text *out, uint32_t value);
/* Appends the record; out->failed tells when memory is out. */
void at_record_pack(const struct at_record_table *table, const void *record, struct at_text *out);
/*
 * Takes one record off *in into the zeroed struct; copies go to the arena. 0; AT_PLAN_MALFORMED
 * with *diag (may be NULL); -ENOMEM.
 */
int at_record_unpack(const struct at_record_table *table, struct at_reader *in,
                     struct at_arena *arena, void *ret, struct at_diag *diag);

#endif
