/*
 * A heap of deadlines, nearest first. Elements are embedded; the heap holds pointers to them.
 * Pure but for the growth of its array.
 */
#ifndef AT_CALL_DEADLINES_H
#define AT_CALL_DEADLINES_H

#include <stddef.h>
#include <stdint.h>

struct at_deadline {
    uint64_t at_ns;
    size_t place; /* index + 1 in the heap; 0: in none */
    uint8_t kind; /* the owner's */
};

struct at_deadlines {
    struct at_deadline **heap;
    size_t count;
    size_t cap;
};

void at_deadlines_deinit(struct at_deadlines *h);
/* 0 or -ENOMEM. d must be in no heap. */
int at_deadlines_add(struct at_deadlines *h, struct at_deadline *d);
/* Nothing happens when d is in no heap. */
void at_deadlines_remove(struct at_deadlines *h, struct at_deadline *d);
/* The nearest, or NULL. */
struct at_deadline *at_deadlines_first(const struct at_deadlines *h);

#endif
