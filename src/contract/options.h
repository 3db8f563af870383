/*
 * Options that descriptor.proto does not know (extensions of it), read by number out of the unknown
 * fields of an options message.
 */
#ifndef AT_CONTRACT_OPTIONS_H
#define AT_CONTRACT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"

struct at_option_reader {
    const struct atoll_unknown *last; /* of the ring; NULL: done */
    const struct atoll_unknown *piece;
    struct at_bytes rest;
};

struct at_option_reader at_options_over(const struct atoll_unknown *unknown);
/* The next value of that number that has a length (a message, string or packed list). */
bool at_options_next(struct at_option_reader *r, uint32_t number, struct at_bytes *ret);
/* Is the number among a list of integers, packed or not? For options like field_behavior. */
bool at_options_lists(const struct atoll_unknown *unknown, uint32_t number, uint64_t value);

#endif
