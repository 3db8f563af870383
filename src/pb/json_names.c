#include "pb/json_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"

enum {
    SMALL = 16,       /* so many names are always looked at one by one */
    PATIENCE = 65536, /* names that may be looked at before sorting those of one type pays */
};

/* A name and which field or value it is. */
struct entry {
    struct at_bytes name;
    uint32_t which;
};

/* All names of one type, by length, then without case, then in the order of the type. */
struct at_json_index {
    struct at_json_index *next;
    const void *of;
    size_t count;
    struct entry entries[];
};

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static int order_names(struct at_bytes a, struct at_bytes b)
{
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.at[i]) != lower(b.at[i])) {
            return lower(a.at[i]) < lower(b.at[i]) ? -1 : 1;
        }
    }
    return 0;
}

static int order_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    int order = order_names(x->name, y->name);

    return order != 0 ? order : (x->which > y->which) - (x->which < y->which);
}

/* The first entry whose name is this one but for case, or NULL. */
static const struct entry *first_like(const struct at_json_index *index, struct at_bytes name)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (order_names(index->entries[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < index->count && order_names(index->entries[low].name, name) == 0
               ? &index->entries[low]
               : NULL;
}

/* The first that is spelled so; else, any_case, the first that is but for case; or NULL. */
static const struct entry *search(const struct at_json_index *index, struct at_bytes name,
                                  bool any_case)
{
    const struct entry *first = first_like(index, name);
    const struct entry *end = index->entries + index->count;

    for (const struct entry *e = first; e != NULL && e < end; e++) {
        if (at_bytes_equal(e->name, name)) {
            return e;
        }
        if (order_names(e->name, name) != 0) {
            break;
        }
    }
    return any_case ? first : NULL;
}

static const struct at_json_index *index_of(const struct at_json_names *n, const void *of)
{
    const struct at_json_index *index = n->indexes;

    while (index != NULL && index->of != of) {
        index = index->next;
    }
    return index;
}

/* An index with room for count names, in the list; NULL: not now. */
static struct at_json_index *new_index(struct at_json_names *n, const void *of, size_t count)
{
    struct at_json_index *index;

    n->work = 0; /* also when there is no memory: try again later */
    index = at_arena_alloc(n->arena, sizeof(*index) + count * sizeof(index->entries[0]), 8);
    if (index != NULL) {
        *index = (struct at_json_index){.next = n->indexes, .of = of};
        n->indexes = index;
    }
    return index;
}

static void add(struct at_json_index *index, struct at_bytes name, size_t which)
{
    index->entries[index->count++] = (struct entry){name, (uint32_t)which};
}

static void sort(struct at_json_index *index)
{
    qsort(index->entries, index->count, sizeof(index->entries[0]), order_entries);
}

static bool is_json_name(const struct atoll_message_desc *desc, size_t i, struct at_bytes name)
{
    const struct atoll_field_name *n = &desc->names[i];

    return n->json_len == name.len && memcmp(desc->text + n->json_at, name.at, name.len) == 0;
}

static bool is_original_name(const struct atoll_message_desc *desc, size_t i, struct at_bytes name)
{
    const struct atoll_field_name *n = &desc->names[i];

    return n->name_len == name.len && (desc->fields[i].flags & ATOLL_FIELD_EXTENSION) == 0 &&
           memcmp(desc->text + n->name_at, name.at, name.len) == 0;
}

static const struct at_json_index *sort_fields(struct at_json_names *n,
                                               const struct atoll_message_desc *desc)
{
    struct at_json_index *index = new_index(n, desc, (size_t)desc->field_count * 2);

    for (size_t i = 0; index != NULL && i < desc->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(desc, i);

        add(index, at_pb_json_name(desc, f), i);
        if ((f->flags & ATOLL_FIELD_EXTENSION) == 0) {
            add(index, at_pb_name(desc, f), i);
        }
    }
    if (index != NULL) {
        sort(index);
    }
    return index;
}

/* One by one, from `next` around; field_count: there is none. */
static size_t walk_fields(const struct atoll_message_desc *desc, size_t next, struct at_bytes name)
{
    size_t count = desc->field_count;

    for (size_t i = next; i < count; i++) {
        if (is_json_name(desc, i, name) || is_original_name(desc, i, name)) {
            return i;
        }
    }
    for (size_t i = 0; i < next; i++) {
        if (is_json_name(desc, i, name) || is_original_name(desc, i, name)) {
            return i;
        }
    }
    return count;
}

const struct atoll_field_desc *at_json_find_field(struct at_json_names *n,
                                                  const struct atoll_message_desc *desc,
                                                  uint32_t *next, struct at_bytes name)
{
    const struct at_json_index *index = NULL;
    size_t i = *next;

    if (i < desc->field_count && is_json_name(desc, i, name)) {
        *next = (uint32_t)i + 1;
        return at_pb_field(desc, i);
    }
    if (desc->field_count > SMALL) {
        index = n->indexes == NULL ? NULL : index_of(n, desc);
        if (index == NULL && n->work > PATIENCE) {
            index = sort_fields(n, desc);
        }
    }
    if (index != NULL) {
        const struct entry *e = search(index, name, false);

        i = e == NULL ? desc->field_count : e->which;
    } else {
        i = walk_fields(desc, i < desc->field_count ? i : 0, name);
        n->work += desc->field_count > SMALL ? desc->field_count : 0;
    }
    if (i >= desc->field_count) {
        return NULL;
    }
    *next = (uint32_t)i + 1;
    return at_pb_field(desc, i);
}

static const struct at_json_index *sort_enum(struct at_json_names *n,
                                             const struct atoll_enum_desc *desc)
{
    struct at_json_index *index = new_index(n, desc, desc->value_count);

    for (size_t i = 0; index != NULL && i < desc->value_count; i++) {
        add(index, at_bytes_of(desc->values[i].name), i);
    }
    if (index != NULL) {
        sort(index);
    }
    return index;
}

/* One by one; value_count: there is none. */
static size_t walk_enum(const struct atoll_enum_desc *desc, struct at_bytes name)
{
    size_t like = desc->value_count;

    for (size_t i = desc->value_count; i-- > 0;) {
        const char *other = desc->values[i].name;

        if (lower((uint8_t)other[0]) != lower(name.at[0]) ||
            !at_bytes_equal_nocase(at_bytes_of(other), name)) {
            continue;
        }
        if (at_bytes_equal(at_bytes_of(other), name)) {
            return i;
        }
        like = i;
    }
    return like;
}

bool at_json_find_enum(struct at_json_names *n, const struct atoll_enum_desc *desc,
                       struct at_bytes name, int32_t *ret)
{
    const struct at_json_index *index = NULL;
    size_t i;

    if (name.len == 0) {
        return false;
    }
    if (desc->value_count > SMALL) {
        index = n->indexes == NULL ? NULL : index_of(n, desc);
        if (index == NULL && n->work > PATIENCE) {
            index = sort_enum(n, desc);
        }
        n->work += desc->value_count;
    }
    if (index != NULL) {
        const struct entry *e = search(index, name, true);

        i = e == NULL ? desc->value_count : e->which;
    } else {
        i = walk_enum(desc, name);
    }
    if (i >= desc->value_count) {
        return false;
    }
    *ret = desc->values[i].number;
    return true;
}
