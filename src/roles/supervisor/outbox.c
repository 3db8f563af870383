#include "roles/supervisor/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/list.h"
#include "control/message.h"

struct waiting {
    struct at_list link;
    int fds[AT_OUTBOX_FDS_MAX];
    size_t fd_count;
    size_t weight; /* against the limit */
    size_t len;
    uint8_t at[];
};

void at_outbox_init(struct at_outbox *o)
{
    at_list_init(&o->queue);
    o->bytes = 0;
}

static void discard(struct at_outbox *o, struct waiting *w)
{
    at_list_remove(&w->link);
    o->bytes -= w->weight;
    at_fd_close_all(w->fds, w->fd_count);
    free(w);
}

void at_outbox_deinit(struct at_outbox *o)
{
    at_list_foreach_safe (it, &o->queue) {
        discard(o, at_container_of(it, struct waiting, link));
    }
}

bool at_outbox_is_empty(const struct at_outbox *o)
{
    return at_list_is_empty(&o->queue);
}

static size_t weight_of(const struct at_letter *l)
{
    return at_message_size(l->kind, l->message) + l->fd_count * AT_OUTBOX_FD_BYTES;
}

static int copy_fds(struct waiting *w, const struct at_letter *l)
{
    for (size_t i = 0; i < l->fd_count; i++) {
        w->fds[i] = fcntl(l->fds[i], F_DUPFD_CLOEXEC, 3);
        if (w->fds[i] < 0) {
            return -errno;
        }
        w->fd_count++;
    }
    return 0;
}

static int queue(struct at_outbox *o, const struct at_letter *l)
{
    size_t size = at_message_size(l->kind, l->message);
    struct waiting *w = malloc(sizeof(*w) + size);
    struct at_writer writer;
    int r;

    if (w == NULL) {
        return -ENOMEM;
    }
    writer = at_writer_over(w->at, size);
    w->fd_count = 0;
    r = at_message_pack(l->kind, l->message, &writer);
    if (r == 0) {
        r = copy_fds(w, l);
    }
    if (r < 0) {
        at_fd_close_all(w->fds, w->fd_count);
        free(w);
        return r;
    }
    w->len = writer.len;
    w->weight = weight_of(l);
    o->bytes += w->weight;
    at_list_append(&o->queue, &w->link);
    return 0;
}

bool at_outbox_has_room(const struct at_outbox *o, const struct at_letter *letter,
                        size_t limit_bytes)
{
    return at_list_is_empty(&o->queue) || o->bytes + weight_of(letter) <= limit_bytes;
}

int at_outbox_put(struct at_outbox *o, int sock, const struct at_letter *letter, size_t limit_bytes)
{
    if (letter->fd_count > AT_OUTBOX_FDS_MAX) {
        return -EINVAL;
    }
    if (at_list_is_empty(&o->queue)) {
        int r = at_message_send(sock, letter->kind, letter->message, letter->fds, letter->fd_count);

        if (r != -EAGAIN) {
            return r;
        }
    }
    return o->bytes + weight_of(letter) > limit_bytes ? -ENOBUFS : queue(o, letter);
}

int at_outbox_flush(struct at_outbox *o, int sock)
{
    at_list_foreach_safe (it, &o->queue) {
        struct waiting *w = at_container_of(it, struct waiting, link);
        int r = at_fd_send(sock, at_bytes_over(w->at, w->len), w->fds, w->fd_count);

        if (r < 0) {
            return r;
        }
        discard(o, w);
    }
    return 0;
}
