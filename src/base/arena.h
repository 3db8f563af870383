/*
 * Arena: many small allocations, one free. Blocks grow by doubling; a limit caps the whole, so
 * that a peer's message cannot make us take more than its share.
 *
 * Not thread-safe: one owner at a time.
 */
#ifndef AT_BASE_ARENA_H
#define AT_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct at_arena_block;

struct at_arena {
    struct at_arena_block *blocks; /* newest first */
    char *at;                      /* free room of the newest block */
    char *end;
    size_t next_bytes;  /* size of the next block */
    size_t taken_bytes; /* sum of all blocks */
    size_t limit_bytes;
};

/* No memory is taken yet. first_bytes: size of the first block; limit_bytes: cap on all blocks. */
void at_arena_init(struct at_arena *a, size_t first_bytes, size_t limit_bytes);
/* Frees every block; the arena may be used again. */
void at_arena_deinit(struct at_arena *a);
/* Keeps the newest block, frees the others, forgets everything allocated. */
void at_arena_reset(struct at_arena *a);
/* Aligned to align (a power of two ≤ 16); NULL when out of memory or over the limit. */
void *at_arena_alloc(struct at_arena *a, size_t size, size_t align);
/*
 * Makes the newest allocation, size bytes at `at`, longer or shorter where it is. False: there is
 * no room for that, or another one is newer; nothing has changed.
 */
bool at_arena_resize(struct at_arena *a, const void *at, size_t size, size_t new_size);
/*
 * What is free behind the newest allocation, for those who write backwards and learn the size at
 * last: fill its end, then take that end. Nobody may allocate in between.
 */
struct at_arena_room {
    void *at; /* NULL: the arena has no memory yet; len is 0 */
    size_t len;
};
struct at_arena_room at_arena_room(const struct at_arena *a);
void at_arena_take_end(struct at_arena *a, size_t size);
/* The same as at_arena_alloc(), zeroed, for count × size with overflow checked. */
void *at_arena_zalloc(struct at_arena *a, size_t count, size_t size);
/* Are these len bytes all within one block of the arena? */
bool at_arena_holds(const struct at_arena *a, const void *at, size_t len);
/* A copy with a NUL behind it. */
char *at_arena_copy(struct at_arena *a, struct at_bytes b);
char *at_arena_printf(struct at_arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
