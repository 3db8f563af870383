/*
 * Packing by tables: u16 type, u16 zero, then the fields in order; u32 and u64 little-endian,
 * bytes as u32 length and that many bytes.
 */
#include "control/message.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fd.h"

enum { HEAD_BYTES = 4, SMALL_BYTES = 1024 };

static const void *field_in(const void *message, const struct at_field *f)
{
    return (const uint8_t *)message + f->offset;
}

static void *field_of(void *message, const struct at_field *f)
{
    return (uint8_t *)message + f->offset;
}

static struct at_bytes bytes_in(const void *message, const struct at_field *f)
{
    struct at_bytes b;

    memcpy(&b, field_in(message, f), sizeof(b));
    return b;
}

static size_t field_size(const void *message, const struct at_field *f)
{
    if (f->type == AT_FIELD_BYTES) {
        return 4 + bytes_in(message, f).len;
    }
    return f->type == AT_FIELD_U64 ? 8 : 4;
}

size_t at_message_size(const struct at_message_kind *kind, const void *message)
{
    size_t size = HEAD_BYTES;

    for (size_t i = 0; i < kind->field_count; i++) {
        size += field_size(message, &kind->fields[i]);
    }
    return size;
}

static int pack_field(const void *message, const struct at_field *f, struct at_writer *w)
{
    if (f->type == AT_FIELD_BYTES) {
        struct at_bytes b = bytes_in(message, f);

        if (b.len > f->limit) {
            return -EMSGSIZE;
        }
        at_write_sized(w, b);
    } else if (f->type == AT_FIELD_U64) {
        uint64_t value;

        memcpy(&value, field_in(message, f), sizeof(value));
        at_write_le(w, value, sizeof(value));
    } else {
        uint32_t value;

        memcpy(&value, field_in(message, f), sizeof(value));
        at_write_le(w, value, sizeof(value));
    }
    return 0;
}

int at_message_pack(const struct at_message_kind *kind, const void *message, struct at_writer *w)
{
    if (at_message_size(kind, message) > AT_MESSAGE_MAX) {
        return -EMSGSIZE;
    }
    at_write_le(w, kind->type, 2);
    at_write_le(w, 0, 2);
    for (size_t i = 0; i < kind->field_count; i++) {
        int r = pack_field(message, &kind->fields[i], w);

        if (r < 0) {
            return r;
        }
    }
    return w->failed ? -EMSGSIZE : 0;
}

int at_message_open(struct at_bytes datagram, uint16_t *ret_type, struct at_bytes *ret_body)
{
    struct at_reader r = at_reader_over(datagram.at, datagram.len);
    uint16_t type = (uint16_t)at_read_le(&r, 2);
    uint16_t zero = (uint16_t)at_read_le(&r, 2);

    if (r.failed || type == 0 || zero != 0 || datagram.len > AT_MESSAGE_MAX) {
        return AT_MESSAGE_MALFORMED;
    }
    *ret_type = type;
    *ret_body = at_bytes_after(datagram, HEAD_BYTES);
    return 0;
}

static void unpack_field(struct at_reader *r, const struct at_field *f, void *ret)
{
    if (f->type == AT_FIELD_BYTES) {
        struct at_bytes b = at_read_sized(r, f->limit);

        memcpy(field_of(ret, f), &b, sizeof(b));
    } else if (f->type == AT_FIELD_U64) {
        uint64_t value = at_read_le(r, sizeof(value));

        memcpy(field_of(ret, f), &value, sizeof(value));
    } else {
        uint32_t value = (uint32_t)at_read_le(r, sizeof(value));

        memcpy(field_of(ret, f), &value, sizeof(value));
    }
}

int at_message_unpack(const struct at_message_kind *kind, struct at_bytes body, void *ret)
{
    struct at_reader r = at_reader_over(body.at, body.len);

    memset(ret, 0, kind->struct_size);
    for (size_t i = 0; i < kind->field_count; i++) {
        if (at_reader_left(&r) == 0) {
            return 0; /* an older writer: what it does not know reads as 0 or empty */
        }
        unpack_field(&r, &kind->fields[i], ret);
        if (r.failed) {
            memset(ret, 0, kind->struct_size);
            return AT_MESSAGE_MALFORMED;
        }
    }
    return 0;
}

int at_message_send(int sock, const struct at_message_kind *kind, const void *message,
                    const int *fds, size_t n)
{
    uint8_t small[SMALL_BYTES];
    size_t size = at_message_size(kind, message);
    at_auto_free
    uint8_t *big = NULL;
    struct at_writer w;
    int r;

    if (size > AT_MESSAGE_MAX || n > kind->fds_max) {
        return -EMSGSIZE;
    }
    if (size > sizeof(small)) {
        big = malloc(size);
        if (big == NULL) {
            return -ENOMEM;
        }
    }
    w = at_writer_over(big == NULL ? small : big, size);
    r = at_message_pack(kind, message, &w);
    if (r < 0) {
        return r;
    }
    return at_fd_send(sock, at_writer_bytes(&w), fds, n);
}

int at_message_receive(int sock, struct at_message *ret)
{
    int r;

    ret->fd_count = 0;
    ret->room_len = 0;
    ret->type = 0;
    r = at_fd_receive(sock, ret->room, sizeof(ret->room), &ret->room_len, ret->fds, &ret->fd_count);
    if (r == -ECONNRESET || r == -EPIPE) {
        return AT_MESSAGE_CLOSED;
    }
    if (r == -EMSGSIZE) {
        /* Without its descriptors it can still be read. */
        (void)at_message_open(at_bytes_over(ret->room, ret->room_len), &ret->type, &ret->body);
        return AT_MESSAGE_MALFORMED;
    }
    if (r < 0) {
        return r;
    }
    if (ret->room_len == 0) {
        at_message_clear(ret);
        return AT_MESSAGE_CLOSED;
    }
    r = at_message_open(at_bytes_over(ret->room, ret->room_len), &ret->type, &ret->body);
    if (r != 0) {
        at_message_clear(ret);
    }
    return r;
}

int at_message_read(const struct at_message_kind *kind, const struct at_message *m, void *ret)
{
    if (m->type != kind->type || m->fd_count > kind->fds_max) {
        memset(ret, 0, kind->struct_size);
        return AT_MESSAGE_MALFORMED;
    }
    return at_message_unpack(kind, m->body, ret);
}

void at_message_clear(struct at_message *m)
{
    at_fd_discard_all(m->fds, m->fd_count);
    m->fd_count = 0;
}

int at_message_take_fd(struct at_message *m, size_t i)
{
    return i < m->fd_count ? at_take_fd(&m->fds[i]) : -1;
}
