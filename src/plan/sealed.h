/*
 * Sealed memory files: bytes that nobody can change any more, so that who receives one may judge
 * it once and believe the verdict.
 */
#ifndef AT_PLAN_SEALED_H
#define AT_PLAN_SEALED_H

#include <stddef.h>

#include "base/bytes.h"

/* A memfd of that content with all seals set (CLOEXEC). 0, -errno. The caller closes it. */
int at_sealed_make(const char *name, struct at_bytes content, int *ret_fd);
/*
 * Is fd a memfd sealed against SHRINK, GROW, WRITE and SEAL, of at most limit bytes? 0 and its
 * size; -EPERM: seals are missing or it is no memfd; -EFBIG; -errno.
 */
int at_sealed_check(int fd, size_t limit, size_t *ret_len);
/* Checks and maps it read-only. An empty one gives no bytes. at_sealed_unmap() ends it. */
int at_sealed_map(int fd, size_t limit, struct at_bytes *ret);
void at_sealed_unmap(struct at_bytes *map);

#endif
