/*
 * The value of one field of a message, as bytes that are equal when the values are: for whoever
 * keeps requests together by it. Read from a message struct or from the wire; both give the same.
 *
 * A path names fields by name ("cart.id"); what it leads to is a singular integer, bool, enum,
 * string or bytes. What is absent is as if it were empty or zero.
 */
#ifndef AT_PB_KEY_H
#define AT_PB_KEY_H

#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"

enum { AT_PB_KEY_DEPTH_MAX = 8 }; /* a path that costs a walk with every call */

struct at_pb_key_path {
    size_t depth;
    const struct atoll_field_desc *fields[AT_PB_KEY_DEPTH_MAX];
    const struct atoll_message_desc *of[AT_PB_KEY_DEPTH_MAX]; /* whose field each is */
};

struct at_pb_key {
    struct at_bytes bytes; /* borrowed from the message, or in room */
    uint8_t room[8];       /* a number, least byte first */
};

/* NULL, or why there is no such field or none that can be a key: "… has no field id". Static text
 * pieces; *ret_piece is the name of the path that it is about, *ret_of the message meant. */
const char *at_pb_key_resolve(const struct atoll_message_desc *desc, struct at_bytes path,
                              struct at_pb_key_path *ret, struct at_bytes *ret_piece,
                              const struct atoll_message_desc **ret_of);

/* false: the message has no such field. *ret must not be moved afterwards. */
bool at_pb_key_of_message(const struct atoll_message_desc *desc, const void *message,
                          struct at_bytes path, struct at_pb_key *ret);
/* The same of an encoded message; false also for what is none, as far as it was looked at. */
bool at_pb_key_of_wire(const struct atoll_message_desc *desc, struct at_bytes wire,
                       struct at_bytes path, struct at_pb_key *ret);

#endif
