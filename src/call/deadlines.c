#include "call/deadlines.h"

#include <errno.h>
#include <stdlib.h>

void at_deadlines_deinit(struct at_deadlines *h)
{
    free(h->heap);
    *h = (struct at_deadlines){0};
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

int at_deadlines_add(struct at_deadlines *h, struct at_deadline *d)
{
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
    return h->count == 0 ? NULL : h->heap[0];
}
