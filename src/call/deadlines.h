/*
 * Deadlines, nearest first. Elements are embedded. Those that are added in about the order in which
 * they end, as calls with equal timeouts are, stand in a list, where coming and going costs nothing;
 * the others in a heap. Pure but for the growth of the heap's array.
 */
#ifndef AT_CALL_DEADLINES_H
#define AT_CALL_DEADLINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct at_deadline {
    struct at_list entry; /* in the list */
    uint64_t at_ns;
    size_t place; /* index + 1 in the heap; 0: not there */
    uint8_t kind; /* the owner's */
};

struct at_deadlines {
    struct at_list list; /* in order */
    struct at_deadline **heap;
    size_t count;
    size_t cap;
};

void at_deadlines_init(struct at_deadlines *h);
void at_deadlines_deinit(struct at_deadlines *h);
/* 0 or -ENOMEM. d must not have been added. */
int at_deadlines_add(struct at_deadlines *h, struct at_deadline *d);
static inline bool at_deadline_is_added(const struct at_deadline *d)
{
    return d->place != 0 || at_list_is_linked(&d->entry);
}
/* Nothing happens when d was not added. */
void at_deadlines_remove(struct at_deadlines *h, struct at_deadline *d);
/* The nearest, or NULL. */
struct at_deadline *at_deadlines_first(const struct at_deadlines *h);

#endif
