#include "contract/extensions.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

static int compare(const void *a, const void *b)
{
    const struct at_extension *x = a;
    const struct at_extension *y = b;

    if (x->extendee != y->extendee) {
        return x->extendee < y->extendee ? -1 : 1; /* both stand in the array of symbols */
    }
    return (x->number > y->number) - (x->number < y->number);
}

int at_extensions_find(const struct at_set *set, struct at_arena *arena, struct at_extensions *ret)
{
    struct at_extension *list;
    size_t count = 0;

    for (size_t i = 0; i < set->symbol_count; i++) {
        count += set->symbols[i].kind == AT_SET_EXTENSION;
    }
    list = at_arena_zalloc(arena, count, sizeof(*list));
    if (list == NULL && count > 0) {
        return -ENOMEM;
    }
    *ret = (struct at_extensions){.at = list};
    for (size_t i = 0; i < set->symbol_count; i++) {
        const struct at_set_symbol *s = &set->symbols[i];

        if (s->kind == AT_SET_EXTENSION) {
            list[ret->count++] = (struct at_extension){
                .extendee = at_set_find(set, at_set_bytes(s->of.extension->extendee)),
                .number = s->of.extension->number,
                .symbol = s,
            };
        }
    }
    if (count > 1) {
        qsort(list, count, sizeof(*list), compare);
    }
    return 0;
}

struct at_extension_list at_extensions_of(const struct at_extensions *all,
                                          const struct at_set_symbol *message)
{
    struct at_extension_list list = {.count = 0};
    size_t low = 0;
    size_t high = all->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (all->at[middle].extendee < message) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while (low + list.count < all->count && all->at[low + list.count].extendee == message) {
        list.count++;
    }
    list.at = list.count == 0 ? NULL : all->at + low;
    return list;
}
