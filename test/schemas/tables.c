#include "tables.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"

enum { ARENA_MAX = 256 << 20 };

struct tables {
    void *library;
    const struct atoll_message_desc *const *all;
    size_t count;
    struct at_arena arena;
    struct at_pb_fault fault;
};

struct tables *tables_open(const char *path)
{
    struct tables *t = calloc(1, sizeof(*t));
    const size_t *count;

    if (t == NULL) {
        abort();
    }
    t->library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    t->all = t->library == NULL
                 ? NULL
                 : (const struct atoll_message_desc *const *)dlsym(t->library, "all_messages");
    count = t->all == NULL ? NULL : (const size_t *)dlsym(t->library, "all_messages_count");
    if (count == NULL) {
        (void)fprintf(stderr, "%s\n", dlerror());
        free(t);
        return NULL;
    }
    t->count = *count;
    at_arena_init(&t->arena, 1 << 16, ARENA_MAX);
    return t;
}

void tables_close(struct tables *t)
{
    at_arena_deinit(&t->arena);
    (void)dlclose(t->library);
    free(t);
}

size_t tables_count(const struct tables *t)
{
    return t->count;
}

const char *tables_name(const struct tables *t, size_t i)
{
    return t->all[i]->full_name;
}

const char *tables_rewrite(struct tables *t, size_t i, const void *wire, size_t len,
                           const uint8_t **ret, size_t *ret_len)
{
    const struct atoll_message_desc *desc = t->all[i];
    struct at_bytes out = {0};
    void *message;
    int r;

    at_arena_reset(&t->arena);
    t->fault = (struct at_pb_fault){0};
    message = at_arena_alloc(&t->arena, desc->struct_size, 16);
    if (message == NULL) {
        return "out of memory";
    }
    r = at_pb_decode(desc, at_bytes_over(wire, len), &t->arena, message, &t->fault);
    if (r != 0) {
        return r < 0 ? "no memory to decode" : t->fault.what;
    }
    r = at_pb_encode_in_arena(desc, message, &t->arena, &out);
    if (r != 0) {
        return r < 0 ? "no memory to encode" : at_pb_result_text(r);
    }
    *ret = out.at;
    *ret_len = out.len;
    return NULL;
}
