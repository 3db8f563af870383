/*
 * The protobuf codec: one loop over schema tables, for generated structs and for messages whose
 * tables were built at run time (pb/pool.h). Iterative: input chooses no stack depth.
 *
 * Decoding borrows: strings, bytes and unknown fields point into the input, which must be private
 * (a peer must not be able to change it) and outlive the message. Everything else lives in the
 * arena. A message may be decoded anywhere; nothing here is shared between threads.
 *
 * Encoding writes backwards from the end of the buffer, so that lengths of nested messages are
 * known when their prefix is written and no size pass is needed. The result is deterministic:
 * ascending field numbers, shortest varints, entries of maps as they stand in the message (see
 * at_pb_sort_maps()), then the unknown fields in the order they came.
 *
 * Wire type of a known field not as declared: kept as an unknown field, as protobuf does.
 */
#ifndef AT_PB_CODEC_H
#define AT_PB_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/fault.h"

/* Positive results of encode, decode and size; the caller answers INVALID_ARGUMENT or the like. */
enum at_pb_result {
    AT_PB_OK = 0,
    AT_PB_TRUNCATED = 1, /* a field goes beyond the end of its message */
    AT_PB_BAD_VARINT,    /* longer than 10 bytes */
    AT_PB_BAD_TAG,       /* field number 0 or above 2^29 - 1, or wire type 6 or 7 */
    AT_PB_BAD_GROUP,     /* a group ends that was not begun, or with another number */
    AT_PB_BAD_LENGTH,    /* packed fixed-width values do not fill their length */
    AT_PB_BAD_UTF8,      /* a string is not well-formed UTF-8 */
    AT_PB_TOO_DEEP,      /* AT_PB_DEPTH_MAX */
    AT_PB_TOO_BIG,       /* AT_PB_MESSAGE_MAX */
    AT_PB_TOO_MANY,      /* AT_PB_COUNT_MAX */
    AT_PB_NO_ROOM,       /* encode: the buffer is too small */
    AT_PB_MISSING,       /* a required field is absent (proto2) */
};

/* "a field goes beyond the end of its message" …; static. */
const char *at_pb_result_text(int result);

/* An empty message: zeros, or the defaults that its .proto declares. */
void at_pb_init(const struct atoll_message_desc *desc, void *message);

/*
 * Decodes `in` into message, which has desc->struct_size bytes, aligned to 8, and is made empty
 * first. 0, an at_pb_result, or -ENOMEM (the arena is full). On failure the message is half filled and
 * safe to read; fault (may be NULL) says where.
 */
int at_pb_decode(const struct atoll_message_desc *desc, struct at_bytes in, struct at_arena *arena,
                 void *message, struct at_pb_fault *fault);
/*
 * The same without making it empty: merges into what at_pb_init() or an earlier decode with the
 * same arena left.
 */
int at_pb_merge(const struct atoll_message_desc *desc, struct at_bytes in, struct at_arena *arena,
                void *message, struct at_pb_fault *fault);

/*
 * Encodes into the last bytes of [at, at + cap): *ret is where. 0, AT_PB_NO_ROOM, AT_PB_TOO_DEEP,
 * AT_PB_TOO_BIG, AT_PB_BAD_UTF8 (a string that a peer would refuse), AT_PB_MISSING; which field it
 * was says at_pb_explain_encode().
 */
int at_pb_encode(const struct atoll_message_desc *desc, const void *message, void *at, size_t cap,
                 struct at_bytes *ret);
/* The exact number of bytes. 0, or as at_pb_encode(). */
int at_pb_size(const struct atoll_message_desc *desc, const void *message, size_t *ret);
/*
 * Into the arena, of any size. Also -ENOMEM. Once, into the end of the arena's free room; only a
 * message that does not fit there is measured first.
 */
int at_pb_encode_in_arena(const struct atoll_message_desc *desc, const void *message,
                          struct at_arena *arena, struct at_bytes *ret);
/*
 * Into pieces, for messages whose texts are too long to be worth a copy: bytes and strings of at
 * least AT_PB_REFER_MIN are not copied but stand in the result where they are, between pieces of
 * the arena. So the message's own memory must outlive the result. `may` (NULL: always) says whether
 * that holds for these bytes; else they are copied.
 */
enum { AT_PB_REFER_MIN = 16384 };
struct at_pb_pieces {
    struct at_bytes *at; /* none of them is empty; in the arena, or … */
    struct at_bytes one; /* … this, when there is one: the struct stays where it is */
    size_t count;        /* 0: the message is empty */
    size_t len;          /* sum */
};
typedef bool at_pb_may_refer(void *user, const void *at, size_t len);
/* 0, or as at_pb_encode_in_arena(). What is short enough for that, is one piece. */
int at_pb_encode_in_pieces(const struct atoll_message_desc *desc, const void *message,
                           struct at_arena *arena, at_pb_may_refer *may, void *user,
                           struct at_pb_pieces *ret);
/*
 * Why the message could not be encoded, for people: "field lines[2].note is not well-formed UTF-8",
 * "the message shop.Order is longer than 2147483647 bytes". `result` is what any of the functions
 * above returned, not 0. Goes through the message again to find the field: for failures alone.
 */
void at_pb_explain_encode(const struct atoll_message_desc *desc, const void *message, int result,
                          struct at_pb_fault *fault);

/*
 * Brings the entries of every map in the message into the order of their keys, of equal keys only
 * the last; scratch memory comes from the arena. As all else that encoding does depends on the
 * values alone, equal messages then encode to equal bytes (unknown fields as they came; equal by
 * bits, so that two NaN may differ). 0, AT_PB_TOO_DEEP, -ENOMEM.
 */
int at_pb_sort_maps(const struct atoll_message_desc *desc, void *message, struct at_arena *arena);
/* Both at once, as at_pb_encode_in_arena(). */
int at_pb_encode_sorted(const struct atoll_message_desc *desc, void *message,
                        struct at_arena *arena, struct at_bytes *ret);

/* NULL when the message has none. */
const struct atoll_field_desc *at_pb_field_by_number(const struct atoll_message_desc *desc,
                                                     uint32_t number);
/* By lowerCamel or original name. */
const struct atoll_field_desc *at_pb_field_by_name(const struct atoll_message_desc *desc,
                                                   struct at_bytes name);
/* The i-th field, i < field_count. */
static inline const struct atoll_field_desc *at_pb_field(const struct atoll_message_desc *desc,
                                                         size_t i)
{
    return &desc->fields[i];
}

/* Which field of its message it is: at_pb_field(desc, at_pb_index(desc, f)) is f. */
static inline size_t at_pb_index(const struct atoll_message_desc *desc,
                                 const struct atoll_field_desc *field)
{
    return (size_t)(field - desc->fields);
}

/*
 * What a field is: for everything but the inner loops. `desc` is the message that has the field.
 */
static inline uint32_t at_pb_number(const struct atoll_field_desc *field)
{
    return field->tag >> 3;
}

/* enum atoll_type; a plain number, so that a switch need not name them all. */
static inline uint8_t at_pb_type(const struct atoll_field_desc *field)
{
    return field->kind & 0x1F;
}

static inline enum atoll_form at_pb_form(const struct atoll_field_desc *field)
{
    return (enum atoll_form)(field->kind >> 5);
}

/* Also of packed fields and maps. */
static inline bool at_pb_is_repeated(const struct atoll_field_desc *field)
{
    return field->kind >= ATOLL_FORM_REPEATED << 5;
}

static inline bool at_pb_is_map(const struct atoll_field_desc *field)
{
    return field->kind >> 5 == ATOLL_FORM_MAP;
}

/* Also of groups: their structs are the same. */
static inline bool at_pb_is_message(const struct atoll_field_desc *field)
{
    return at_pb_type(field) == ATOLL_TYPE_MESSAGE || at_pb_type(field) == ATOLL_TYPE_GROUP;
}

/* The type of a field that is a message or a group. */
static inline const struct atoll_message_desc *at_pb_sub(const struct atoll_message_desc *desc,
                                                         const struct atoll_field_desc *field)
{
    return desc->types[field->of].message;
}

/* The type of a message field or a group; NULL when it is none. */
static inline const struct atoll_message_desc *
at_pb_message_of(const struct atoll_message_desc *desc, const struct atoll_field_desc *field)
{
    return at_pb_is_message(field) ? at_pb_sub(desc, field) : NULL;
}

/* The type of an enum field; NULL when it is none. */
static inline const struct atoll_enum_desc *at_pb_enum_of(const struct atoll_message_desc *desc,
                                                          const struct atoll_field_desc *field)
{
    return at_pb_type(field) == ATOLL_TYPE_ENUM ? desc->types[field->of].enumeration : NULL;
}

/* "item_id"; ends with a NUL behind its length. */
static inline struct at_bytes at_pb_name(const struct atoll_message_desc *desc,
                                         const struct atoll_field_desc *field)
{
    const struct atoll_field_name *name = &desc->names[at_pb_index(desc, field)];

    return at_bytes_over(desc->text + name->name_at, name->name_len);
}

/* "itemId"; ends with a NUL behind its length. */
static inline struct at_bytes at_pb_json_name(const struct atoll_message_desc *desc,
                                              const struct atoll_field_desc *field)
{
    const struct atoll_field_name *name = &desc->names[at_pb_index(desc, field)];

    return at_bytes_over(desc->text + name->json_at, name->json_len);
}

/* NULL when the number has no name. */
const char *at_pb_enum_name(const struct atoll_enum_desc *desc, int32_t number);
bool at_pb_enum_number(const struct atoll_enum_desc *desc, struct at_bytes name, int32_t *ret);

/* Is the field there: set, non-zero, non-empty, or with at least one element? */
bool at_pb_has(const struct atoll_field_desc *field, const void *message);

#endif
