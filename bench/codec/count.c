/*
 * Preloaded: counts every request for memory of the process, also those of libraries and of C++'s
 * `new`. The C library's own allocator does the work, under its other names.
 */
#include "count.h"

#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

static unsigned long n_allocations;

unsigned long bench_allocations(void)
{
    return n_allocations;
}

void *malloc(size_t size)
{
    n_allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    n_allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    n_allocations++;
    return __libc_realloc(p, size);
}

void *memalign(size_t align, size_t size)
{
    n_allocations++;
    return __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    n_allocations++;
    return __libc_memalign(align, size);
}

int posix_memalign(void **ret, size_t align, size_t size)
{
    n_allocations++;
    *ret = __libc_memalign(align, size);
    return *ret == NULL ? 12 : 0;
}
