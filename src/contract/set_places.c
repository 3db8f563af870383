/* Where things stand: paths of SourceCodeInfo, and the places that it has for them. */
#include "contract/set_places.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

/* Field numbers in descriptor.proto: the steps of a path. */
enum {
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_EXTENSION = 7,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_EXTENSION = 6,
};

static int compare_paths(const int32_t *a, size_t a_len, const int32_t *b, size_t b_len)
{
    for (size_t i = 0; i < a_len && i < b_len; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return (a_len > b_len) - (a_len < b_len);
}

/* Of equal paths the first one written counts: `extend` blocks give theirs again and again. */
static int by_path(const void *a, const void *b)
{
    const struct at_set_location *one = a;
    const struct at_set_location *two = b;
    int r = compare_paths(one->path, one->path_len, two->path, two->path_len);

    return r != 0 ? r : (one->proto > two->proto) - (one->proto < two->proto);
}

int at_set_sort_places(struct at_set_file *file, struct at_arena *arena)
{
    const struct google_protobuf_SourceCodeInfo *info = file->proto->source_code_info;
    struct at_set_location *list;

    if (info == NULL || info->location.count == 0) {
        return 0;
    }
    list = at_arena_zalloc(arena, info->location.count, sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < info->location.count; i++) {
        const struct google_protobuf_SourceCodeInfo_Location *proto = &info->location.at[i];

        list[i] = (struct at_set_location){proto->path.at, proto->path.count, proto};
    }
    qsort(list, info->location.count, sizeof(*list), by_path);
    file->locations = list;
    file->location_count = info->location.count;
    return 0;
}

int at_set_depth_of(const struct at_set_symbol *s)
{
    int depth = 0;

    for (; s != NULL; s = s->parent) {
        depth++;
    }
    return depth;
}

static int32_t step_of(const struct at_set_symbol *s)
{
    static const int32_t in_file[] = {[AT_SET_MESSAGE] = FILE_MESSAGE,
                                      [AT_SET_ENUM] = FILE_ENUM,
                                      [AT_SET_SERVICE] = FILE_SERVICE,
                                      [AT_SET_EXTENSION] = FILE_EXTENSION};
    static const int32_t in_message[] = {[AT_SET_MESSAGE] = MESSAGE_NESTED,
                                         [AT_SET_ENUM] = MESSAGE_ENUM,
                                         [AT_SET_SERVICE] = 0,
                                         [AT_SET_EXTENSION] = MESSAGE_EXTENSION};

    return s->parent == NULL ? in_file[s->kind] : in_message[s->kind];
}

void at_set_path_of(const struct at_set_symbol *symbol, struct at_set_path *ret)
{
    size_t depth = (size_t)at_set_depth_of(symbol);

    ret->len = 2 * depth;
    for (; symbol != NULL; symbol = symbol->parent) {
        depth--;
        ret->at[2 * depth] = step_of(symbol);
        ret->at[2 * depth + 1] = symbol->index;
    }
}

void at_set_path_add(struct at_set_path *path, int32_t field, int32_t index)
{
    if (path->len + 2 <= AT_SET_PATH_MAX) {
        path->at[path->len++] = field;
        path->at[path->len++] = index;
    }
}

const struct google_protobuf_SourceCodeInfo_Location *
at_set_location_of(const struct at_set_file *file, const struct at_set_path *path)
{
    size_t low = 0;
    size_t high = file->location_count;

    while (low < high) { /* the first that is not before it */
        size_t middle = low + (high - low) / 2;
        const struct at_set_location *here = &file->locations[middle];

        if (compare_paths(here->path, here->path_len, path->at, path->len) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == file->location_count ||
        compare_paths(file->locations[low].path, file->locations[low].path_len, path->at,
                      path->len) != 0) {
        return NULL;
    }
    return file->locations[low].proto;
}
