/* Encoding with long texts referred to instead of copied: encode.c for encode_pieces.c. */
#ifndef AT_PB_ENCODER_H
#define AT_PB_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "pb/codec.h"

struct at_pb_reference {
    struct at_bytes text;
    const uint8_t *before; /* what comes behind it begins here in the buffer */
};

/* What is referred to. */
struct at_pb_refer {
    at_pb_may_refer *may; /* NULL: always */
    void *user;
    size_t count;                 /* counted up */
    size_t bytes;                 /* the same */
    struct at_pb_reference *made; /* the last one of the message first; NULL: only counted */
};

/* As at_pb_encode(), without the bytes referred to; refer: NULL, everything is copied. */
int at_pb_encode_referring(const struct atoll_message_desc *desc, const void *message, void *at,
                           size_t cap, struct at_pb_refer *refer, struct at_bytes *ret);
/* As at_pb_size(), with them. */
int at_pb_size_referring(const struct atoll_message_desc *desc, const void *message,
                         struct at_pb_refer *refer, size_t *ret);

#endif
