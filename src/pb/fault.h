/*
 * Where and why an input was refused: by the protobuf codec or by the JSON side.
 *
 * Written only when something failed; callers on the hot path need not initialise it. Fits into
 * problem+json: `field` and `what` are texts for people, without control characters.
 */
#ifndef AT_PB_FAULT_H
#define AT_PB_FAULT_H

#include <stddef.h>

enum { AT_PB_FIELD_PATH_MAX = 192, AT_PB_WHAT_MAX = 448 };

struct at_pb_fault {
    size_t offset; /* of the offending byte in the input */
    int line;      /* JSON: from 1; 0 for protobuf */
    int col;       /* JSON: from 1, in bytes; 0 for protobuf */
    char field
        [AT_PB_FIELD_PATH_MAX]; /* "items[3].price", also when there is no such field; empty: the whole */
    char what[AT_PB_WHAT_MAX]; /* "field items[3].price: 2147483648 is over the int32 limit" */
};

#endif
