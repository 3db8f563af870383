#include "pb/table.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/limits.h"

const struct atoll_field_desc *at_pb_field_by_number(const struct atoll_message_desc *desc,
                                                     uint32_t number)
{
    return at_pb_find(desc, number);
}

const struct atoll_field_desc *at_pb_field_by_name(const struct atoll_message_desc *desc,
                                                   struct at_bytes name)
{
    for (size_t i = 0; i < desc->field_count; i++) {
        const struct atoll_field_name *n = &desc->names[i];

        if ((n->json_len == name.len && memcmp(desc->text + n->json_at, name.at, name.len) == 0) ||
            (n->name_len == name.len && memcmp(desc->text + n->name_at, name.at, name.len) == 0)) {
            return at_pb_field(desc, i);
        }
    }
    return NULL;
}

const char *at_pb_enum_name(const struct atoll_enum_desc *desc, int32_t number)
{
    size_t low = 0;
    size_t high = desc->value_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (desc->values[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < desc->value_count && desc->values[low].number == number ? desc->values[low].name
                                                                         : NULL;
}

bool at_pb_enum_number(const struct atoll_enum_desc *desc, struct at_bytes name, int32_t *ret)
{
    for (size_t i = 0; i < desc->value_count; i++) {
        if (at_bytes_equal(at_bytes_of(desc->values[i].name), name)) {
            *ret = desc->values[i].number;
            return true;
        }
    }
    return false;
}

size_t at_pb_scalar_size(uint8_t type)
{
    static const uint8_t sizes[] = {
        [ATOLL_TYPE_DOUBLE] = 8,
        [ATOLL_TYPE_FLOAT] = 4,
        [ATOLL_TYPE_INT64] = 8,
        [ATOLL_TYPE_UINT64] = 8,
        [ATOLL_TYPE_INT32] = 4,
        [ATOLL_TYPE_FIXED64] = 8,
        [ATOLL_TYPE_FIXED32] = 4,
        [ATOLL_TYPE_BOOL] = sizeof(bool),
        [ATOLL_TYPE_STRING] = sizeof(struct atoll_str),
        [ATOLL_TYPE_GROUP] = sizeof(void *),
        [ATOLL_TYPE_MESSAGE] = sizeof(void *),
        [ATOLL_TYPE_BYTES] = sizeof(struct atoll_str),
        [ATOLL_TYPE_UINT32] = 4,
        [ATOLL_TYPE_ENUM] = 4,
        [ATOLL_TYPE_SFIXED32] = 4,
        [ATOLL_TYPE_SFIXED64] = 8,
        [ATOLL_TYPE_SINT32] = 4,
        [ATOLL_TYPE_SINT64] = 8,
    };

    return sizes[type];
}

size_t at_pb_value_size(const struct atoll_message_desc *desc, const struct atoll_field_desc *field)
{
    if (at_pb_is_repeated(field) && at_pb_is_message(field)) {
        return desc->types[field->of].message->struct_size;
    }
    return at_pb_scalar_size(at_pb_type(field));
}

void at_pb_init(const struct atoll_message_desc *desc, void *message)
{
    if (desc->initial != NULL) {
        memcpy(message, desc->initial, desc->struct_size);
    } else {
        memset(message, 0, desc->struct_size);
    }
}

bool at_pb_has(const struct atoll_field_desc *field, const void *message)
{
    const uint8_t *value = (const uint8_t *)message + field->offset;
    const uint8_t *presence = (const uint8_t *)message + field->presence;
    uint8_t type = at_pb_type(field);
    size_t size = at_pb_scalar_size(type);

    switch (at_pb_form(field)) {
    case ATOLL_FORM_OPTIONAL: return *presence != 0;
    case ATOLL_FORM_ONEOF: return *(const uint32_t *)presence == at_pb_number(field);
    case ATOLL_FORM_REPEATED:
    case ATOLL_FORM_PACKED:
    case ATOLL_FORM_MAP: return ((const struct at_pb_array *)value)->count > 0;
    case ATOLL_FORM_IMPLICIT: break;
    }
    if (type == ATOLL_TYPE_STRING || type == ATOLL_TYPE_BYTES) {
        return ((const struct atoll_str *)value)->len > 0;
    }
    for (size_t i = 0; i < size; i++) {
        if (value[i] != 0) {
            return true;
        }
    }
    return false;
}

int at_pb_array_reserve(struct at_pb_array *array, size_t size, size_t n, struct at_arena *arena)
{
    struct at_pb_growth *old = array->at == NULL ? NULL : at_pb_growth_of(array);
    size_t cap = old == NULL ? 0 : old->cap;
    struct at_pb_growth *grown;
    size_t bytes;

    if (array->count <= cap && n <= cap - array->count) {
        return 0;
    }
    if (n > AT_PB_COUNT_MAX - array->count) {
        return AT_PB_TOO_MANY;
    }
    cap = cap * 2 > array->count + n ? cap * 2 : array->count + n;
    if (__builtin_mul_overflow(cap, size, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(*grown), &bytes)) {
        return -ENOMEM;
    }
    grown = at_arena_alloc(arena, bytes, 8);
    if (grown == NULL) {
        return -ENOMEM;
    }
    grown->cap = (uint32_t)cap;
    grown->merged = old == NULL ? 0 : old->merged;
    if (old != NULL) {
        memcpy(grown + 1, array->at, array->count * size);
    }
    array->at = grown + 1;
    return 0;
}

int at_pb_array_append(struct at_pb_array *array, size_t size, size_t expected,
                       struct at_arena *arena, void **ret)
{
    size_t cap = array->at == NULL ? 0 : at_pb_growth_of(array)->cap;
    int r = 0;

    if (array->count >= cap) {
        if (array->count < AT_PB_COUNT_MAX && expected > AT_PB_COUNT_MAX - array->count) {
            expected = AT_PB_COUNT_MAX - array->count;
        }
        r = at_pb_array_reserve(array, size, expected, arena);
    }
    if (r == 0) {
        *ret = (uint8_t *)array->at + array->count++ * size;
    }
    return r;
}

const char *at_pb_result_text(int result)
{
    static const char *const texts[] = {
        [AT_PB_OK] = "ok",
        [AT_PB_TRUNCATED] = "goes beyond the end of its message",
        [AT_PB_BAD_VARINT] = "has a number longer than 10 bytes",
        [AT_PB_BAD_TAG] = "has no valid field tag",
        [AT_PB_BAD_GROUP] = "has the end of a group that was not begun",
        [AT_PB_BAD_LENGTH] = "has a length that its values do not fill",
        [AT_PB_BAD_UTF8] = "is not well-formed UTF-8",
        [AT_PB_TOO_DEEP] = "is nested deeper than 100 messages",
        [AT_PB_TOO_BIG] = "is longer than 2147483647 bytes",
        [AT_PB_TOO_MANY] = "has more than 16777216 elements",
        [AT_PB_NO_ROOM] = "does not fit into the buffer",
        [AT_PB_MISSING] = "is required and absent",
    };

    if (result < 0) {
        return "does not fit into the memory granted";
    }
    return (size_t)result < sizeof(texts) / sizeof(texts[0]) ? texts[result] : "is wrong";
}
