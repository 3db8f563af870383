/*
 * Reads what the shop answers: looks a member up in an object, walks an array. Borrows from the
 * text, keeps nothing. Strict about types: a number that came as a string is not a number.
 */
#ifndef SHOP_TRAFFIC_JSON_H
#define SHOP_TRAFFIC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a member of the object at `object`; NULL: not an object, or no such member. */
const char *json_member(const char *object, const char *name);
/* The first element of the array at `array`, then the one after it; NULL: none. */
const char *json_first(const char *array);
const char *json_next(const char *element);

/* The member as a whole number; false: absent or another type. */
bool json_int(const char *object, const char *name, int64_t *ret);
bool json_bool(const char *object, const char *name, bool *ret);
/* Without escapes other than the simple ones; cut to fit. */
bool json_text(const char *object, const char *name, char *ret, size_t size);

#endif
