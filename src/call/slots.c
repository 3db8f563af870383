/*
 * The slots of a link grow as they are used: of a thousand channels most never have more than a few
 * calls in flight.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "call/link.h"

enum { SLOTS_FIRST = 8 };

int at_slots_reach(struct at_link *l, uint32_t slot)
{
    uint32_t cap = l->slot_count == 0 ? (uint32_t)SLOTS_FIRST : l->slot_count;
    struct at_slot *bigger;

    if (slot < l->slot_count) {
        return 0;
    }
    while (cap <= slot) {
        cap *= 2;
    }
    bigger = realloc(l->slots, cap * sizeof(*bigger));
    if (bigger == NULL) {
        return -ENOMEM;
    }
    memset(bigger + l->slot_count, 0, (cap - l->slot_count) * sizeof(*bigger));
    l->slots = bigger;
    for (uint32_t i = cap; i > l->slot_count; i--) { /* the lowest is taken first */
        l->slots[i - 1].skip = l->free_slot;
        l->free_slot = i;
    }
    l->slot_count = cap;
    return 0;
}

int at_slots_take(struct at_link *l, uint32_t *ret)
{
    uint32_t place = l->free_slot;

    if (place == 0) {
        if (at_slots_reach(l, l->slot_count) < 0) {
            return -ENOMEM;
        }
        place = l->free_slot;
    }
    l->free_slot = l->slots[place - 1].skip;
    l->slots[place - 1].skip = 0;
    *ret = place - 1;
    return 0;
}

void at_slots_give(struct at_link *l, uint32_t slot)
{
    l->slots[slot].skip = l->free_slot;
    l->free_slot = slot + 1;
}
