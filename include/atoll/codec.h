/*
 * Reading and writing messages without a call: files, queues, caches, tests.
 *
 *   struct atoll_memory *memory = atoll_memory_new(0);
 *   struct shop_cart_v1_Cart cart;
 *   struct atoll_str json;
 *
 *   if (atoll_decode(memory, &shop_cart_v1_Cart_desc, bytes, &cart) != ATOLL_OK ||
 *       atoll_to_json(memory, &shop_cart_v1_Cart_desc, &cart, NULL, &json) != ATOLL_OK) {
 *       fprintf(stderr, "%s\n", atoll_memory_reason(memory));
 *   }
 *
 * Works in every program, also outside an atoll system; nothing is shared between two memories, so
 * each may be used by another thread. What is read borrows strings and bytes from the input, which
 * must live and stay unchanged as long as the message; all else lives in the memory.
 *
 * The functions return a status: ATOLL_OK; ATOLL_INVALID_ARGUMENT: not this message, or one that
 * cannot be written (too deep, not UTF-8, a required field is missing); ATOLL_RESOURCE_EXHAUSTED:
 * over the limit of the memory, or none left. atoll_memory_reason() says what was wrong and where.
 */
#ifndef ATOLL_CODEC_H
#define ATOLL_CODEC_H

#include <atoll/atoll.h>
#include <atoll/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory for messages: many small pieces, freed together. One thread at a time. */
struct atoll_memory;

/* limit_bytes: what it may take at most; 0: 64 MiB. NULL: out of memory. */
ATOLL_EXPORT struct atoll_memory *atoll_memory_new(size_t limit_bytes);
/* Frees all that was made with it. NULL is allowed. */
ATOLL_EXPORT void atoll_memory_free(struct atoll_memory *memory);
/* Forgets all that was made with it; keeps a block for what comes next. */
ATOLL_EXPORT void atoll_memory_reset(struct atoll_memory *memory);
/* Aligned to 16, not initialised. NULL: over the limit, or out of memory. */
ATOLL_EXPORT void *atoll_memory_alloc(struct atoll_memory *memory, size_t size);
/* Why the last function that failed with this memory did; "" when none did. Borrowed. */
ATOLL_EXPORT const char *atoll_memory_reason(const struct atoll_memory *memory);

/* An empty message: zeros, or the defaults that its .proto declares. */
ATOLL_EXPORT void atoll_init(const struct atoll_message_desc *desc, void *message);
/* A message made in the memory, empty as atoll_init() makes it. NULL: over the limit, or none left. */
ATOLL_EXPORT void *atoll_new(struct atoll_memory *memory, const struct atoll_message_desc *desc);
/*
 * One more element at the end of a list of a message, `struct { T *at; size_t count; }`: the place
 * for it, zeroed. NULL: over the limit or none left; the list is as it was. Elements may move: keep
 * no pointers to them while a list grows. The list may have come from anywhere, from decoding or
 * from the program itself: it is copied into the memory when it cannot grow where it is. A struct
 * that was copied shares its lists with the first: only one of the two may grow them. Generated
 * code has a function for each list: `item = shop_cart_v1_Cart_add_items(memory, &cart);`.
 */
ATOLL_EXPORT void *atoll_append(struct atoll_memory *memory, void *list, size_t element_size);
/* The same for a list of messages; the new one is as atoll_init() makes it. */
ATOLL_EXPORT void *atoll_append_message(struct atoll_memory *memory, void *list,
                                        const struct atoll_message_desc *desc);
/* From protobuf. message: desc->struct_size bytes; it is made empty first. */
ATOLL_EXPORT int atoll_decode(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                              struct atoll_str in, void *message);
/* To protobuf: fields by ascending number, then the unknown ones in the order they came. */
ATOLL_EXPORT int atoll_encode(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                              const void *message, struct atoll_str *ret);
/*
 * Brings the entries of every map in the message into the order of their keys, of equal keys only
 * the last. Equal messages are then encoded to equal bytes: for signatures, keys of caches, diffs.
 */
ATOLL_EXPORT int atoll_sort_maps(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                                 void *message);

enum atoll_json_flags {
    ATOLL_JSON_IGNORE_UNKNOWN = 1, /* reading: members that the message does not have */
    ATOLL_JSON_PRINT_DEFAULTS = 2, /* writing: also fields that are 0, false or empty */
    ATOLL_JSON_ORIGINAL_NAMES = 4, /* writing: item_id instead of itemId */
    ATOLL_JSON_ENUM_NUMBERS = 8,   /* writing: numbers instead of names */
    ATOLL_JSON_MASK_SENSITIVE = 16 /* writing: fields marked (atoll.field).sensitive as "***" */
};

struct atoll_json_options {
    size_t size;    /* sizeof(struct atoll_json_options) */
    uint32_t flags; /* enum atoll_json_flags */
    /* The type that a google.protobuf.Any names, "shop.cart.v1.Cart"; NULL: unknown. May be NULL:
     * then an Any with a content is refused. */
    const struct atoll_message_desc *(*find)(void *user, struct atoll_str full_name);
    void *user;
};

/* From JSON, by the rules of proto3 JSON. Strings without escapes are borrowed. */
ATOLL_EXPORT int atoll_from_json(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                                 struct atoll_str json, const struct atoll_json_options *options,
                                 void *message);
/* To JSON; a NUL stands behind it. Unknown fields have no JSON form. options may be NULL. */
ATOLL_EXPORT int atoll_to_json(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                               const void *message, const struct atoll_json_options *options,
                               struct atoll_str *ret);

/*
 * Extensions of a generated message. The generated code has a struct for each, its holder, with
 * the extension as its only field; the message itself keeps it among its unknown fields.
 */
/* Does the message have it? */
ATOLL_EXPORT bool atoll_extension_has(const struct atoll_extension_desc *extension,
                                      const void *message);
/* Reads it into holder; an empty holder, with its default, when the message does not have it. */
ATOLL_EXPORT int atoll_extension_get(struct atoll_memory *memory,
                                     const struct atoll_extension_desc *extension,
                                     const void *message, void *holder);
/* Puts what holder has in place of what the message has of it. Failing leaves the message. */
ATOLL_EXPORT int atoll_extension_set(struct atoll_memory *memory,
                                     const struct atoll_extension_desc *extension, void *message,
                                     const void *holder);
/* Takes it off the message. */
ATOLL_EXPORT int atoll_extension_clear(struct atoll_memory *memory,
                                       const struct atoll_extension_desc *extension, void *message);

/* The memory of a call's context, for all of the above: lives as long as what atoll_alloc() gives.
 * Never free or reset it. */
ATOLL_EXPORT struct atoll_memory *atoll_call_memory(struct atoll_call *call);

#ifdef __cplusplus
}
#endif

#endif
