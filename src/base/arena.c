#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

struct at_arena_block {
    struct at_arena_block *next;
    size_t size;
    _Alignas(16) char room[];
};

void at_arena_init(struct at_arena *a, size_t first_bytes, size_t limit_bytes)
{
    *a = (struct at_arena){.next_bytes = first_bytes < 64 ? 64 : first_bytes,
                           .limit_bytes = limit_bytes};
}

static void free_from(struct at_arena_block *b)
{
    while (b != NULL) {
        struct at_arena_block *next = b->next;

        free(b);
        b = next;
    }
}

void at_arena_deinit(struct at_arena *a)
{
    free_from(a->blocks);
    a->blocks = NULL;
    a->at = NULL;
    a->end = NULL;
    a->taken_bytes = 0;
}

void at_arena_reset(struct at_arena *a)
{
    if (a->blocks == NULL) {
        return;
    }
    free_from(a->blocks->next);
    a->blocks->next = NULL;
    a->at = a->blocks->room;
    a->end = a->at + a->blocks->size;
    a->taken_bytes = a->blocks->size;
}

static bool grow(struct at_arena *a, size_t need)
{
    size_t size = a->next_bytes;
    struct at_arena_block *b;

    if (need > a->limit_bytes || a->taken_bytes > a->limit_bytes - need) {
        return false;
    }
    while (size < need) {
        size *= 2;
    }
    if (size > a->limit_bytes - a->taken_bytes) {
        size = a->limit_bytes - a->taken_bytes;
    }
    b = malloc(sizeof(*b) + size);
    if (b == NULL) {
        return false;
    }
    b->next = a->blocks;
    b->size = size;
    a->blocks = b;
    a->at = b->room;
    a->end = b->room + size;
    a->taken_bytes += size;
    if (a->next_bytes <= SIZE_MAX / 4) {
        a->next_bytes *= 2;
    }
    return true;
}

void *at_arena_alloc(struct at_arena *a, size_t size, size_t align)
{
    size_t pad = (size_t)(-(uintptr_t)a->at) & (align - 1);
    char *p;

    if (a->at == NULL || pad > (size_t)(a->end - a->at) || size > (size_t)(a->end - a->at) - pad) {
        if (!grow(a, size)) {
            return NULL;
        }
        pad = 0; /* a fresh block is aligned to 16 */
    }
    p = a->at + pad;
    a->at = p + size;
    return p;
}

bool at_arena_resize(struct at_arena *a, const void *at, size_t size, size_t new_size)
{
    if (at == NULL || (const char *)at + size != a->at ||
        (new_size > size && new_size - size > (size_t)(a->end - a->at))) {
        return false;
    }
    a->at = a->at - size + new_size;
    return true;
}

struct at_arena_room at_arena_room(const struct at_arena *a)
{
    return (struct at_arena_room){a->at, a->at == NULL ? 0 : (size_t)(a->end - a->at)};
}

void at_arena_take_end(struct at_arena *a, size_t size)
{
    a->end -= size;
}

void *at_arena_zalloc(struct at_arena *a, size_t count, size_t size)
{
    size_t bytes;
    void *p;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    p = at_arena_alloc(a, bytes, 16);
    if (p != NULL) {
        memset(p, 0, bytes);
    }
    return p;
}

bool at_arena_holds(const struct at_arena *a, const void *at, size_t len)
{
    uintptr_t begin = (uintptr_t)at;

    for (const struct at_arena_block *b = a->blocks; b != NULL; b = b->next) {
        uintptr_t room = (uintptr_t)b->room;

        if (begin >= room && begin - room <= b->size && len <= b->size - (begin - room)) {
            return true;
        }
    }
    return false;
}

char *at_arena_copy(struct at_arena *a, struct at_bytes b)
{
    char *p;

    if (b.len == SIZE_MAX) {
        return NULL;
    }
    p = at_arena_alloc(a, b.len + 1, 1);
    if (p == NULL) {
        return NULL;
    }
    if (b.len > 0) {
        memcpy(p, b.at, b.len);
    }
    p[b.len] = '\0';
    return p;
}

char *at_arena_printf(struct at_arena *a, const char *format, ...)
{
    va_list args;
    char *p;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        return NULL;
    }
    p = at_arena_alloc(a, (size_t)len + 1, 1);
    if (p == NULL) {
        return NULL;
    }
    va_start(args, format);
    (void)vsnprintf(p, (size_t)len + 1, format, args);
    va_end(args);
    return p;
}
