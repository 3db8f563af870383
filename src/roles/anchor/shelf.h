/*
 * The anchor's shelf: named entries of bytes and descriptors, in the order in which the names first
 * came. Owns copies and descriptors.
 */
#ifndef AT_ANCHOR_SHELF_H
#define AT_ANCHOR_SHELF_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/list.h"

struct at_shelf_entry {
    struct at_list link;
    struct at_bytes name;
    struct at_bytes record;
    int fds[AT_FDS_PER_MESSAGE];
    size_t fd_count;
    uint8_t *room; /* holds name and record */
};

struct at_shelf {
    struct at_list entries;
    size_t count;
};

void at_shelf_init(struct at_shelf *shelf);
/* Closes and frees everything. */
void at_shelf_deinit(struct at_shelf *shelf);
/*
 * Puts or replaces. On success the n ≤ AT_FDS_PER_MESSAGE descriptors are the shelf's; on failure
 * they stay the caller's and the entry is as before. -ENOMEM; -ENOSPC: too many names.
 */
int at_shelf_put(struct at_shelf *shelf, struct at_bytes name, struct at_bytes record,
                 const int *fds, size_t n);
/* Nothing happens when there is none. */
void at_shelf_drop(struct at_shelf *shelf, struct at_bytes name);
struct at_shelf_entry *at_shelf_find(const struct at_shelf *shelf, struct at_bytes name);

#endif
