/*
 * Inside the decoder: what its loop (decode.c) and the rarer ways of a field (decode_rare.c) share.
 *
 * The loop keeps the message in work in variables of its own and writes it into frames[depth] when
 * it goes down, and before it calls what needs it.
 */
#ifndef AT_PB_DECODER_H
#define AT_PB_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "pb/fault.h"
#include "pb/limits.h"
#include "pb/map.h"
#include "pb/table.h"

/* A message that is being filled. */
struct at_pb_frame {
    const struct atoll_message_desc *desc;
    uint8_t *message;
    const uint8_t *end;                   /* of a group: of the message around it */
    const struct atoll_field_desc *field; /* through which the next frame was entered */
    const struct atoll_field_desc *next;  /* most likely behind it */
    const uint8_t *field_at;              /* where its tag stands */
};

struct at_pb_decoder {
    const uint8_t *start;
    const uint8_t *limit; /* end of the whole input */
    struct at_arena *arena;
    const uint8_t *wrong; /* where a step failed */
    const struct atoll_field_desc *wrong_field;
    struct at_pb_maps maps; /* to be merged when all is read */
    int result;             /* why a step returned NULL */
    uint32_t open_groups;   /* frames that are groups */
    bool group_ended;       /* the group in work has had its end tag */
    bool unnamed;           /* the entry of a map in work has a value that its enum does not */
    bool incomplete;        /* some message lacked a required field when a piece of it ended */
    size_t depth;           /* of the frame in work */
    struct at_pb_frame frames[AT_PB_DEPTH_MAX];
};

/* Notes the failure. Always NULL. */
const uint8_t *at_pb_decoder_fail(struct at_pb_decoder *d, int result, const uint8_t *at);
/* The same for a varint or length at `at` that could not be read. */
const uint8_t *at_pb_decoder_fail_varint(struct at_pb_decoder *d, const uint8_t *at);

/*
 * One more element at the end of a list without room; `size` bytes each. p: behind the field's tag.
 * NULL: failed.
 */
uint8_t *at_pb_decoder_grow(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                            struct at_pb_array *array, size_t size, const uint8_t *p);

/*
 * Where the value of a member of a oneof, or of an element of a list of scalars, goes. NULL: failed.
 */
uint8_t *at_pb_decoder_place(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                             const uint8_t *p);

/* The functions below return the place behind the field, or NULL when they failed. */

/* All values of a packed field in frames[depth]; p: behind its tag. */
const uint8_t *at_pb_decoder_packed(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                                    const uint8_t *p);
/* An enum that is closed: `value` is written, or the field becomes an unknown one. */
const uint8_t *at_pb_decoder_closed(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                                    const uint8_t *field_at, const uint8_t *p);
/*
 * A tag that is not what the table expects: a list packed otherwise than declared, the end of a
 * group, an unknown field. f: the field with this number, or NULL.
 */
const uint8_t *at_pb_decoder_odd(struct at_pb_decoder *d, const struct atoll_field_desc *f,
                                 uint64_t tag, const uint8_t *field_at, const uint8_t *p);

/*
 * The message in frames[depth] seems to end at p, behind its end or while groups are open. False:
 * it must not.
 */
bool at_pb_decoder_may_end(struct at_pb_decoder *d, const uint8_t *p);
/* The message in frames[depth] has ended: maps, required fields. False: failed. */
bool at_pb_decoder_finish(struct at_pb_decoder *d);

void at_pb_decoder_explain(const struct at_pb_decoder *d, struct at_pb_fault *fault);

#endif
