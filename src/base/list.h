/*
 * Intrusive doubly linked list. The element embeds a struct at_list; a head is one more of them.
 * An element must be removed before it is freed; a zeroed or removed element is in no list.
 */
#ifndef AT_BASE_LIST_H
#define AT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct at_list {
    struct at_list *prev;
    struct at_list *next;
};

static inline void at_list_init(struct at_list *head)
{
    head->prev = head;
    head->next = head;
}

static inline bool at_list_is_empty(const struct at_list *head)
{
    return head->next == head;
}

static inline bool at_list_is_linked(const struct at_list *e)
{
    return e->next != NULL;
}

static inline void at_list_insert_after(struct at_list *where, struct at_list *e)
{
    e->prev = where;
    e->next = where->next;
    where->next->prev = e;
    where->next = e;
}

static inline void at_list_append(struct at_list *head, struct at_list *e)
{
    at_list_insert_after(head->prev, e);
}

/* Nothing happens when e is in no list. */
static inline void at_list_remove(struct at_list *e)
{
    if (e->next != NULL) {
        e->prev->next = e->next;
        e->next->prev = e->prev;
        e->next = NULL;
        e->prev = NULL;
    }
}

#define at_container_of(ptr, type, member)                                                         \
    ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define at_list_foreach(it, head)                                                                  \
    for (struct at_list *it = (head)->next; it != (head); it = it->next)
/* The current element may be removed inside the loop. */
#define at_list_foreach_safe(it, head)                                                             \
    for (struct at_list *it = (head)->next, *it##_next = it->next; it != (head);                   \
         it = it##_next, it##_next = it->next)

#endif
