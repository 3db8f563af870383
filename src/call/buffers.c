#include "call/buffers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/list.h"
#include "call/limits.h"

enum { STEP_BYTES = 65536 }; /* sizes are multiples: messages of about a size share buffers */

struct buffer {
    struct at_list entry;
    size_t bytes; /* of the mapping */
    bool used;    /* since the last at_buffers_tidy() */
    _Alignas(64) uint8_t room[];
};

void at_buffers_init(struct at_buffers *b)
{
    *b = (struct at_buffers){.kept_bytes = 0};
    (void)pthread_mutex_init(&b->lock, NULL);
    at_list_init(&b->kept);
}

static struct buffer *buffer_of(struct at_list *entry)
{
    return at_container_of(entry, struct buffer, entry);
}

static void unmap(struct buffer *m)
{
    (void)munmap(m, m->bytes);
}

void at_buffers_deinit(struct at_buffers *b)
{
    at_list_foreach_safe (it, &b->kept) {
        unmap(buffer_of(it));
    }
    (void)pthread_mutex_destroy(&b->lock);
}

/* Mapped, not allocated: the pages that nobody touched cost nothing, whatever a peer announced, and
 * they go back to the system for certain. */
static struct buffer *make(size_t len)
{
    size_t bytes;
    struct buffer *m;

    if (len > SIZE_MAX - sizeof(*m) - STEP_BYTES) {
        return NULL;
    }
    bytes = (len + sizeof(*m) + STEP_BYTES - 1) & ~(size_t)(STEP_BYTES - 1);
    m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED) {
        return NULL;
    }
    m->bytes = bytes;
    return m;
}

/* The smallest kept one that has room, out of the list; or NULL. */
static struct buffer *find(struct at_buffers *b, size_t len)
{
    struct buffer *best = NULL;

    at_list_foreach (it, &b->kept) {
        struct buffer *m = buffer_of(it);

        if (m->bytes - sizeof(*m) >= len && (best == NULL || m->bytes < best->bytes)) {
            best = m;
        }
    }
    if (best != NULL) {
        at_list_remove(&best->entry);
        b->kept_bytes -= best->bytes;
    }
    return best;
}

/* Before so much more is mapped: together with it no more is kept than the bound. */
static void make_way(struct at_buffers *b, size_t len)
{
    while (!at_list_is_empty(&b->kept) &&
           (len > AT_CALL_KEPT_BYTES || b->kept_bytes > AT_CALL_KEPT_BYTES - len)) {
        struct buffer *m = buffer_of(b->kept.prev);

        at_list_remove(&m->entry);
        b->kept_bytes -= m->bytes;
        unmap(m);
    }
}

void *at_buffers_take(struct at_buffers *b, size_t len, struct at_list *holder)
{
    struct buffer *m;

    (void)pthread_mutex_lock(&b->lock);
    b->keeps = true;
    m = find(b, len);
    if (m == NULL) {
        make_way(b, len);
    }
    (void)pthread_mutex_unlock(&b->lock);
    if (m == NULL) {
        m = make(len);
    }
    if (m == NULL) {
        return NULL;
    }
    at_list_append(holder, &m->entry);
    return m->room;
}

void at_buffers_give(struct at_buffers *b, struct at_list *holder)
{
    at_list_foreach_safe (it, holder) {
        struct buffer *m = buffer_of(it);
        bool keep = false;

        at_list_remove(it);
        if (b != NULL) {
            (void)pthread_mutex_lock(&b->lock);
            keep = b->keeps && m->bytes <= AT_CALL_KEPT_BYTES - b->kept_bytes;
            if (keep) {
                m->used = true;
                at_list_insert_after(&b->kept, &m->entry);
                b->kept_bytes += m->bytes;
            }
            (void)pthread_mutex_unlock(&b->lock);
        }
        if (!keep) {
            unmap(m);
        }
    }
}

bool at_buffers_hold(const struct at_list *holder, const void *at, size_t len)
{
    uintptr_t begin = (uintptr_t)at;

    at_list_foreach (it, (struct at_list *)(uintptr_t)holder) {
        const struct buffer *m = buffer_of(it);
        uintptr_t room = (uintptr_t)m->room;
        size_t cap = m->bytes - sizeof(*m);

        if (begin >= room && begin - room <= cap && len <= cap - (begin - room)) {
            return true;
        }
    }
    return false;
}

size_t at_buffers_size(const struct at_list *holder)
{
    size_t sum = 0;

    at_list_foreach (it, (struct at_list *)(uintptr_t)holder) {
        sum += buffer_of(it)->bytes;
    }
    return sum;
}

void at_buffers_move(struct at_list *from, struct at_list *to)
{
    at_list_foreach_safe (it, from) {
        at_list_remove(it);
        at_list_append(to, it);
    }
}

bool at_buffers_tidy(struct at_buffers *b)
{
    bool any;

    (void)pthread_mutex_lock(&b->lock);
    at_list_foreach_safe (it, &b->kept) {
        struct buffer *m = buffer_of(it);

        if (m->used) {
            m->used = false;
            continue;
        }
        at_list_remove(it);
        b->kept_bytes -= m->bytes;
        unmap(m);
    }
    any = !at_list_is_empty(&b->kept);
    b->keeps = any;
    (void)pthread_mutex_unlock(&b->lock);
    return any;
}
