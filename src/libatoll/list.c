/*
 * Messages and lists that grow, in the memory of a program or a call.
 *
 * A list is nothing but a pointer and a count, and may have come from anywhere. Where it was made
 * here, its capacity stands in front of its first element, with a mark that says so; the mark is
 * looked at only within our own memory, and depends on the place and on when the memory was made or
 * reset, so that other bytes, and what lists of before left there, are not taken for one. Any other
 * list is copied when it grows for the first time.
 */
#include <stdint.h>
#include <string.h>

#include <atoll/codec.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "libatoll/limits.h"
#include "libatoll/process.h"
#include "pb/limits.h"

/* In front of the first element; 16 bytes keep its alignment. */
struct front {
    uint64_t capacity;
    uint64_t mark;
};

struct list {
    void *at;
    size_t count;
};

static uint64_t mark_of(const struct atoll_memory *memory, const void *at, uint64_t capacity,
                        size_t size)
{
    uint64_t z = (uintptr_t)at ^ (uint64_t)(uintptr_t)memory << 17 ^ capacity << 40 ^ size << 7 ^
                 memory->life * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* How many elements the list has room for; 0: not known. */
static uint64_t capacity_of(const struct atoll_memory *memory, const struct list *list, size_t size)
{
    struct front front;
    const char *at = list->at;

    if (at == NULL || !at_arena_holds(&memory->arena, at - sizeof(front), sizeof(front))) {
        return 0;
    }
    memcpy(&front, at - sizeof(front), sizeof(front));
    return front.mark == mark_of(memory, at, front.capacity, size) ? front.capacity : 0;
}

/* Makes room for one more. False: there is none; the list is as it was. */
static bool grow(struct atoll_memory *memory, struct list *list, size_t size)
{
    size_t capacity = list->count < AT_LIB_LIST_FIRST / 2 ? AT_LIB_LIST_FIRST : 2 * list->count;
    struct front front = {.capacity = capacity};
    char *room;

    if (list->count >= AT_PB_COUNT_MAX || size == 0 ||
        size > (SIZE_MAX - sizeof(front)) / capacity) {
        return false;
    }
    room = at_arena_alloc(&memory->arena, sizeof(front) + capacity * size, 16);
    if (room == NULL) {
        return false;
    }
    front.mark = mark_of(memory, room + sizeof(front), capacity, size);
    memcpy(room, &front, sizeof(front));
    if (list->count > 0) {
        memcpy(room + sizeof(front), list->at, list->count * size);
    }
    list->at = room + sizeof(front);
    return true;
}

void *atoll_append(struct atoll_memory *memory, void *list, size_t element_size)
{
    struct list l;
    char *element;

    /* Its type is the generated code's own: only the bytes are the same. */
    memcpy(&l, list, sizeof(l));
    if (l.count >= capacity_of(memory, &l, element_size) && !grow(memory, &l, element_size)) {
        memory->reason = "no memory for one more element";
        return NULL;
    }
    element = (char *)l.at + l.count * element_size;
    memset(element, 0, element_size);
    l.count++;
    memcpy(list, &l, sizeof(l));
    return element;
}

void *atoll_append_message(struct atoll_memory *memory, void *list,
                           const struct atoll_message_desc *desc)
{
    void *message = atoll_append(memory, list, desc->struct_size);

    if (message != NULL) {
        atoll_init(desc, message);
    }
    return message;
}

void *atoll_new(struct atoll_memory *memory, const struct atoll_message_desc *desc)
{
    void *message = at_arena_alloc(&memory->arena, desc->struct_size, 16);

    if (message == NULL) {
        memory->reason = "no memory for the message";
    } else {
        atoll_init(desc, message);
    }
    return message;
}
