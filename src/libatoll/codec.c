/* <atoll/codec.h>: messages without a call. Nothing here is shared, so nothing is locked. */
#include "pb/codec.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/codec.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "libatoll/limits.h"
#include "libatoll/process.h"
#include "pb/extension.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"

struct atoll_memory *atoll_memory_new(size_t limit_bytes)
{
    struct atoll_memory *m = malloc(sizeof(*m));

    if (m != NULL) {
        at_arena_init(&m->arena, AT_LIB_ARENA_FIRST,
                      limit_bytes == 0 ? AT_LIB_MEMORY_MAX : limit_bytes);
        m->reason = "";
        m->life = at_now_ns();
    }
    return m;
}

void atoll_memory_free(struct atoll_memory *memory)
{
    if (memory != NULL) {
        at_arena_deinit(&memory->arena);
        free(memory);
    }
}

void atoll_memory_reset(struct atoll_memory *memory)
{
    at_arena_reset(&memory->arena);
    memory->reason = "";
    memory->life++;
}

void *atoll_memory_alloc(struct atoll_memory *memory, size_t size)
{
    return at_arena_alloc(&memory->arena, size, 16);
}

const char *atoll_memory_reason(const struct atoll_memory *memory)
{
    return memory->reason == NULL ? "" : memory->reason;
}

struct atoll_memory *atoll_call_memory(struct atoll_call *call)
{
    return &call->memory;
}

/* A status of what a function of pb returned; `what` says more than the result alone when not "". */
static int status_of(struct atoll_memory *memory, int result, const char *what)
{
    const char *kept;

    if (result == 0) {
        return ATOLL_OK;
    }
    if (result < 0) {
        memory->reason =
            "the message does not fit into the memory granted: give atoll_memory_new() "
            "a higher limit, or reset the memory between messages";
        return ATOLL_RESOURCE_EXHAUSTED;
    }
    kept = at_arena_copy(&memory->arena, at_bytes_of(what));
    memory->reason = kept == NULL || kept[0] == '\0' ? "the message is wrong" : kept;
    return ATOLL_INVALID_ARGUMENT;
}

/* The same for what goes through a whole message and gives at_pb_result without a fault. */
static int status_of_encode(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                            const void *message, int result)
{
    struct at_pb_fault fault = {0};

    if (result > 0) {
        at_pb_explain_encode(desc, message, result, &fault);
    }
    return status_of(memory, result, fault.what);
}

static struct at_bytes bytes(struct atoll_str s)
{
    return at_bytes_over(s.at, s.len);
}

void atoll_init(const struct atoll_message_desc *desc, void *message)
{
    at_pb_init(desc, message);
}

int atoll_decode(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                 struct atoll_str in, void *message)
{
    struct at_pb_fault fault = {0};
    int r = at_pb_decode(desc, bytes(in), &memory->arena, message, &fault);

    return status_of(memory, r, fault.what);
}

int atoll_encode(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                 const void *message, struct atoll_str *ret)
{
    struct at_bytes out = {0};
    int r = at_pb_encode_in_arena(desc, message, &memory->arena, &out);

    if (r == 0) {
        *ret = (struct atoll_str){(const char *)out.at, out.len};
    }
    return status_of_encode(memory, desc, message, r);
}

int atoll_sort_maps(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                    void *message)
{
    return status_of_encode(memory, desc, message, at_pb_sort_maps(desc, message, &memory->arena));
}

/* What a caller said of how to read or write, in the terms of pb. */
struct how {
    const struct atoll_json_options *options;
    struct at_json_types types;
    struct at_pb_fault fault;
    struct at_json_how how;
};

static const struct atoll_message_desc *find_for_user(void *ctx, struct at_bytes full_name)
{
    const struct atoll_json_options *options = ctx;

    return options->find(options->user,
                         (struct atoll_str){(const char *)full_name.at, full_name.len});
}

/* `flags` pairs ours with theirs. */
static void translate(struct how *how, struct atoll_json_options *options,
                      const uint32_t (*flags)[2], size_t count)
{
    *how = (struct how){.options = options};
    how->types = (struct at_json_types){find_for_user, options};
    how->how.types = options->find == NULL ? NULL : &how->types;
    how->how.fault = &how->fault;
    for (size_t i = 0; i < count; i++) {
        if ((options->flags & flags[i][0]) != 0) {
            how->how.flags |= flags[i][1];
        }
    }
}

/* A copy as far as the caller's struct goes; what it does not have is zero. */
static struct atoll_json_options options_of(const struct atoll_json_options *given)
{
    struct atoll_json_options options = {0};

    if (given != NULL) {
        memcpy(&options, given, given->size < sizeof(options) ? given->size : sizeof(options));
    }
    return options;
}

int atoll_from_json(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                    struct atoll_str json, const struct atoll_json_options *options, void *message)
{
    static const uint32_t flags[][2] = {{ATOLL_JSON_IGNORE_UNKNOWN, AT_JSON_IGNORE_UNKNOWN}};
    struct atoll_json_options given = options_of(options);
    struct how how;
    int r;

    translate(&how, &given, flags, sizeof(flags) / sizeof(flags[0]));
    r = at_json_read_message(&how.how, desc, bytes(json), &memory->arena, message);
    return status_of(memory, r, how.fault.what);
}

int atoll_to_json(struct atoll_memory *memory, const struct atoll_message_desc *desc,
                  const void *message, const struct atoll_json_options *options,
                  struct atoll_str *ret)
{
    static const uint32_t flags[][2] = {
        {ATOLL_JSON_PRINT_DEFAULTS, AT_JSON_PRINT_DEFAULTS},
        {ATOLL_JSON_ORIGINAL_NAMES, AT_JSON_ORIGINAL_NAMES},
        {ATOLL_JSON_ENUM_NUMBERS, AT_JSON_ENUM_NUMBERS},
        {ATOLL_JSON_MASK_SENSITIVE, AT_JSON_MASK_SENSITIVE},
    };
    struct atoll_json_options given = options_of(options);
    struct at_json_writer w;
    struct at_text text;
    struct how how;
    int r;

    translate(&how, &given, flags, sizeof(flags) / sizeof(flags[0]));
    how.how.scratch = &memory->arena;
    at_text_init_in(&text, &memory->arena);
    at_json_writer_init(&w, &text, 0);
    r = at_json_write_message(&how.how, desc, message, &w);
    if (r == 0) {
        size_t len = text.len;
        char *at = at_text_take(&text);

        r = at == NULL ? -ENOMEM : 0;
        *ret = at == NULL ? *ret : (struct atoll_str){at, len};
    }
    at_text_deinit(&text);
    return status_of(memory, r, how.fault.what);
}

bool atoll_extension_has(const struct atoll_extension_desc *extension, const void *message)
{
    return at_pb_extension_has(extension, message);
}

int atoll_extension_get(struct atoll_memory *memory, const struct atoll_extension_desc *extension,
                        const void *message, void *holder)
{
    struct at_pb_fault fault = {0};
    int r = at_pb_extension_get(extension, message, &memory->arena, holder, &fault);

    return status_of(memory, r, fault.what);
}

int atoll_extension_set(struct atoll_memory *memory, const struct atoll_extension_desc *extension,
                        void *message, const void *holder)
{
    return status_of_encode(memory, extension->holder, holder,
                            at_pb_extension_set(extension, message, &memory->arena, holder));
}

int atoll_extension_clear(struct atoll_memory *memory, const struct atoll_extension_desc *extension,
                          void *message)
{
    return status_of(memory, at_pb_extension_clear(extension, message, &memory->arena), "");
}
