/* What decode, encode and JSON share about tables and the structs they describe. */
#ifndef AT_PB_TABLE_H
#define AT_PB_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"

/* A repeated field in a struct, whatever T is. */
struct at_pb_array {
    void *at;
    size_t count;
};

/* What stands in front of the first element of an array that at_pb_array_append() made. */
struct at_pb_growth {
    uint32_t cap;    /* elements that there is room for */
    uint32_t merged; /* of a map, see pb/map.c; else 0 */
};

/* at must not be NULL. */
static inline struct at_pb_growth *at_pb_growth_of(const struct at_pb_array *array)
{
    return (struct at_pb_growth *)array->at - 1;
}

/*
 * One more element at the end, not initialised. Arrays that decoding makes carry their capacity in
 * front of the first element; so this is only for arrays made by this function with this arena.
 * expected: how many are about to come, ≥ 1. 0, AT_PB_TOO_MANY, -ENOMEM.
 */
int at_pb_array_append(struct at_pb_array *array, size_t size, size_t expected,
                       struct at_arena *arena, void **ret);

/* Room for n more elements, for those arrays. The count stays. 0, AT_PB_TOO_MANY, -ENOMEM. */
int at_pb_array_reserve(struct at_pb_array *array, size_t size, size_t n, struct at_arena *arena);

/* Bytes of a singular value of this type; of a message its pointer. */
size_t at_pb_scalar_size(uint8_t type);
/* Bytes of one value: of an element when repeated; of a singular message its pointer. */
size_t at_pb_value_size(const struct atoll_message_desc *desc,
                        const struct atoll_field_desc *field);

/* Dense numbers by index, the rest by halving; NULL when there is none. */
static inline const struct atoll_field_desc *at_pb_find(const struct atoll_message_desc *desc,
                                                        uint32_t number)
{
    size_t low = desc->dense_count;
    size_t high = desc->field_count;

    if (__builtin_expect(number - 1 < desc->dense_count, 1)) {
        return &desc->fields[number - 1];
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct atoll_field_desc *f = &desc->fields[middle];

        if (f->tag >> 3 == number) {
            return f;
        }
        if (f->tag >> 3 < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

#endif
