#include "call/deadlines.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/list.h"

enum { STEPS_BACK = 4 }; /* from the list's end: deadlines far away must not spoil it */

void at_deadlines_init(struct at_deadlines *h)
{
    *h = (struct at_deadlines){0};
    at_list_init(&h->list);
}

void at_deadlines_deinit(struct at_deadlines *h)
{
    free(h->heap);
    at_deadlines_init(h);
}

static void set(struct at_deadlines *h, size_t i, struct at_deadline *d)
{
    h->heap[i] = d;
    d->place = i + 1;
}

static void rise(struct at_deadlines *h, size_t i)
{
    struct at_deadline *d = h->heap[i];

    while (i > 0 && h->heap[(i - 1) / 2]->at_ns > d->at_ns) {
        set(h, i, h->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    set(h, i, d);
}

static void sink(struct at_deadlines *h, size_t i)
{
    struct at_deadline *d = h->heap[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < h->count && h->heap[child + 1]->at_ns < h->heap[child]->at_ns) {
            child++;
        }
        if (child >= h->count || h->heap[child]->at_ns >= d->at_ns) {
            break;
        }
        set(h, i, h->heap[child]);
        i = child;
    }
    set(h, i, d);
}

/* Finds its place near the list's end. False: it is not there. */
static bool join(struct at_deadlines *h, struct at_deadline *d)
{
    struct at_list *before = h->list.prev;

    for (int i = 0; i < STEPS_BACK; i++) {
        if (before == &h->list ||
            at_container_of(before, struct at_deadline, entry)->at_ns <= d->at_ns) {
            at_list_insert_after(before, &d->entry);
            return true;
        }
        before = before->prev;
    }
    return false;
}

int at_deadlines_add(struct at_deadlines *h, struct at_deadline *d)
{
    if (join(h, d)) {
        return 0;
    }
    if (h->count == h->cap) {
        size_t cap = h->cap == 0 ? 16 : h->cap * 2;
        struct at_deadline **bigger = realloc(h->heap, cap * sizeof(struct at_deadline *));

        if (bigger == NULL) {
            return -ENOMEM;
        }
        h->heap = bigger;
        h->cap = cap;
    }
    h->heap[h->count++] = d;
    rise(h, h->count - 1);
    return 0;
}

void at_deadlines_remove(struct at_deadlines *h, struct at_deadline *d)
{
    size_t i = d->place - 1;
    struct at_deadline *last;

    if (d->place == 0) {
        at_list_remove(&d->entry);
        return;
    }
    d->place = 0;
    last = h->heap[--h->count];
    if (last == d) {
        return;
    }
    set(h, i, last);
    rise(h, i);
    sink(h, last->place - 1);
}

struct at_deadline *at_deadlines_first(const struct at_deadlines *h)
{
    struct at_deadline *listed = at_list_is_empty(&h->list)
                                     ? NULL
                                     : at_container_of(h->list.next, struct at_deadline, entry);

    if (h->count == 0 || (listed != NULL && listed->at_ns <= h->heap[0]->at_ns)) {
        return listed;
    }
    return h->heap[0];
}
