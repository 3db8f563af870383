#include "roles/anchor/shelf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/list.h"
#include "roles/anchor/limits.h"

void at_shelf_init(struct at_shelf *shelf)
{
    at_list_init(&shelf->entries);
    shelf->count = 0;
}

static void empty(struct at_shelf_entry *e)
{
    at_fd_close_all(e->fds, e->fd_count);
    e->fd_count = 0;
    free(e->room);
    e->room = NULL;
}

static void discard(struct at_shelf *shelf, struct at_shelf_entry *e)
{
    at_list_remove(&e->link);
    shelf->count--;
    empty(e);
    free(e);
}

void at_shelf_deinit(struct at_shelf *shelf)
{
    at_list_foreach_safe (it, &shelf->entries) {
        discard(shelf, at_container_of(it, struct at_shelf_entry, link));
    }
}

struct at_shelf_entry *at_shelf_find(const struct at_shelf *shelf, struct at_bytes name)
{
    at_list_foreach (it, &shelf->entries) {
        struct at_shelf_entry *e = at_container_of(it, struct at_shelf_entry, link);

        if (at_bytes_equal(e->name, name)) {
            return e;
        }
    }
    return NULL;
}

static uint8_t *copy_both(struct at_bytes a, struct at_bytes b)
{
    uint8_t *room = malloc(a.len + b.len + 1);

    if (room != NULL && a.len > 0) {
        memcpy(room, a.at, a.len);
    }
    if (room != NULL && b.len > 0) {
        memcpy(room + a.len, b.at, b.len);
    }
    return room;
}

static struct at_shelf_entry *make_entry(struct at_shelf *shelf)
{
    struct at_shelf_entry *e = calloc(1, sizeof(*e));

    if (e != NULL) {
        at_list_append(&shelf->entries, &e->link);
        shelf->count++;
    }
    return e;
}

int at_shelf_put(struct at_shelf *shelf, struct at_bytes name, struct at_bytes record,
                 const int *fds, size_t n)
{
    struct at_shelf_entry *e = at_shelf_find(shelf, name);
    uint8_t *room;

    if (n > AT_FDS_PER_MESSAGE) {
        return -EINVAL;
    }
    if (e == NULL && shelf->count >= AT_ANCHOR_ENTRIES_MAX) {
        return -ENOSPC;
    }
    room = copy_both(name, record);
    if (room == NULL) {
        return -ENOMEM;
    }
    e = e != NULL ? e : make_entry(shelf);
    if (e == NULL) {
        free(room);
        return -ENOMEM;
    }
    empty(e);
    e->room = room;
    e->name = at_bytes_over(room, name.len);
    e->record = at_bytes_over(room + name.len, record.len);
    e->fd_count = n;
    for (size_t i = 0; i < n; i++) {
        e->fds[i] = fds[i];
    }
    return 0;
}

void at_shelf_drop(struct at_shelf *shelf, struct at_bytes name)
{
    struct at_shelf_entry *e = at_shelf_find(shelf, name);

    if (e != NULL) {
        discard(shelf, e);
    }
}
