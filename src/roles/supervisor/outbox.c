#include "roles/supervisor/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/list.h"
#include "control/message.h"

struct letter {
    struct at_list link;
    int fd;
    size_t len;
    uint8_t at[];
};

void at_outbox_init(struct at_outbox *o)
{
    at_list_init(&o->queue);
    o->bytes = 0;
}

static void discard(struct at_outbox *o, struct letter *l)
{
    at_list_remove(&l->link);
    o->bytes -= l->len;
    at_close(&l->fd);
    free(l);
}

void at_outbox_deinit(struct at_outbox *o)
{
    at_list_foreach_safe (it, &o->queue) {
        discard(o, at_container_of(it, struct letter, link));
    }
}

bool at_outbox_is_empty(const struct at_outbox *o)
{
    return at_list_is_empty(&o->queue);
}

static int queue(struct at_outbox *o, const struct at_message_kind *kind, const void *message,
                 int fd)
{
    size_t size = at_message_size(kind, message);
    struct letter *l = malloc(sizeof(*l) + size);
    struct at_writer w;
    int r;

    if (l == NULL) {
        return -ENOMEM;
    }
    w = at_writer_over(l->at, size);
    r = at_message_pack(kind, message, &w);
    l->fd = -1;
    if (r == 0 && fd >= 0) {
        l->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        r = l->fd < 0 ? -errno : 0;
    }
    if (r < 0) {
        free(l);
        return r;
    }
    l->len = w.len;
    o->bytes += w.len;
    at_list_append(&o->queue, &l->link);
    return 0;
}

int at_outbox_put(struct at_outbox *o, int sock, const struct at_message_kind *kind,
                  const void *message, int fd, size_t limit_bytes)
{
    if (at_list_is_empty(&o->queue)) {
        int r = at_message_send(sock, kind, message, &fd, fd < 0 ? 0 : 1);

        if (r != -EAGAIN) {
            return r;
        }
    }
    if (o->bytes + at_message_size(kind, message) > limit_bytes) {
        return -ENOBUFS;
    }
    return queue(o, kind, message, fd);
}

int at_outbox_flush(struct at_outbox *o, int sock)
{
    at_list_foreach_safe (it, &o->queue) {
        struct letter *l = at_container_of(it, struct letter, link);
        int r = at_fd_send(sock, at_bytes_over(l->at, l->len), &l->fd, l->fd < 0 ? 0 : 1);

        if (r < 0) {
            return r;
        }
        discard(o, l);
    }
    return 0;
}
