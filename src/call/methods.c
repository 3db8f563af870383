#include "call/methods.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/map.h"
#include "call/limits.h"
#include "control/message.h"

void at_methods_init(struct at_methods *m)
{
    *m = (struct at_methods){0};
    at_map_init(&m->numbers, 0);
}

void at_methods_deinit(struct at_methods *m)
{
    at_map_deinit(&m->numbers);
}

int at_methods_read(struct at_methods *m, struct at_bytes lines)
{
    struct at_bytes name;
    uintptr_t number = 0;

    while (at_bytes_cut(&lines, '\n', &name)) {
        int r;

        if (name.len == 0 || number >= AT_CALL_METHODS_MAX) {
            return AT_MESSAGE_MALFORMED;
        }
        number++;
        /* The number itself is the value: a table of numbers needs no memory of its own. */
        r = at_map_put(&m->numbers, name, (void *)number);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static bool is_name(struct at_bytes name, struct at_bytes contract, struct at_bytes method)
{
    return name.len == contract.len + 1 + method.len && name.at[contract.len] == '/' &&
           memcmp(name.at, contract.at, contract.len) == 0 &&
           (method.len == 0 || memcmp(name.at + contract.len + 1, method.at, method.len) == 0);
}

/* A function of its own, for its room on the stack costs more than the quick look. */
static __attribute__((noinline)) int look_up(struct at_methods *m, size_t place,
                                             struct at_bytes contract, struct at_bytes method)
{
    char name[512];
    struct at_writer w = at_writer_over(name, sizeof(name));
    const struct at_map_entry *entry;

    at_write_bytes(&w, contract);
    at_write_bytes(&w, AT_LIT("/"));
    at_write_bytes(&w, method);
    entry = w.failed ? NULL : at_map_find(&m->numbers, at_writer_bytes(&w));
    if (entry == NULL) {
        return -1;
    }
    m->lately[place].name = entry->key;
    m->lately[place].number = (int)(uintptr_t)entry->value - 1;
    return m->lately[place].number;
}

int at_methods_number(struct at_methods *m, struct at_bytes contract, struct at_bytes method)
{
    size_t place = ((uintptr_t)method.at >> 3 ^ (uintptr_t)method.at >> 6) % AT_METHODS_LATELY;

    if (is_name(m->lately[place].name, contract, method)) {
        return m->lately[place].number;
    }
    return look_up(m, place, contract, method);
}
