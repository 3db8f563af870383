/*
 * Control messages: a head and fields in order, packed by tables. Pure but for send and receive.
 *
 * A message kind is a table of fields of a plain struct: u32, u64 and bytes. Readers are lenient
 * forwards (unknown trailing bytes are ignored, missing trailing fields are 0 or empty) and strict
 * on lengths: every bytes field has a limit.
 */
#ifndef AT_CONTROL_MESSAGE_H
#define AT_CONTROL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fd.h"

enum { AT_MESSAGE_MAX = 65536, AT_MESSAGE_FIELDS_MAX = 24 };

enum at_field_type { AT_FIELD_U32 = 1, AT_FIELD_U64 = 2, AT_FIELD_BYTES = 3 };

struct at_field {
    uint8_t type;    /* enum at_field_type */
    uint16_t offset; /* in the struct */
    uint32_t limit;  /* of bytes: more is refused, when packing too */
};

struct at_message_kind {
    uint16_t type; /* number on the wire */
    uint8_t field_count;
    uint8_t fds_max; /* descriptors it may carry; more: refused and closed */
    const char *name;
    const struct at_field *fields;
    size_t struct_size;
};

/* A received datagram: fields of an unpacked message borrow from it. */
struct at_message {
    uint16_t type;
    struct at_bytes body;
    int fds[AT_FDS_PER_MESSAGE]; /* owned: take what you keep, then at_message_clear() */
    size_t fd_count;
    size_t room_len;
    uint8_t room[AT_MESSAGE_MAX];
};

enum at_message_result {
    AT_MESSAGE_CLOSED = 1,    /* receive: the peer is gone */
    AT_MESSAGE_MALFORMED = 2, /* the peer broke the rules: drop it */
};

/* Writes head and fields. -EMSGSIZE: does not fit or a field is over its limit. */
int at_message_pack(const struct at_message_kind *kind, const void *message, struct at_writer *w);
/* Splits head from body. 0 or AT_MESSAGE_MALFORMED. */
int at_message_open(struct at_bytes datagram, uint16_t *ret_type, struct at_bytes *ret_body);
/* How many bytes at_message_pack() would write: head and fields. */
size_t at_message_size(const struct at_message_kind *kind, const void *message);
/* Fills the struct; bytes borrow from body. 0 or AT_MESSAGE_MALFORMED. */
int at_message_unpack(const struct at_message_kind *kind, struct at_bytes body, void *ret);

/* Packs and sends with n descriptors (which stay the caller's). -EAGAIN when the socket is full. */
int at_message_send(int sock, const struct at_message_kind *kind, const void *message,
                    const int *fds, size_t n);
/*
 * 0, AT_MESSAGE_CLOSED, AT_MESSAGE_MALFORMED, -EAGAIN, -errno. Malformed with a type that is not 0:
 * only its descriptors are missing, because this process has no number free for them.
 */
int at_message_receive(int sock, struct at_message *ret);
/* Unpacks a received message; more descriptors than the kind may carry: AT_MESSAGE_MALFORMED. */
int at_message_read(const struct at_message_kind *kind, const struct at_message *m, void *ret);
/* Discards the descriptors nobody took (those ≥ 0); see at_fd_discard(). */
void at_message_clear(struct at_message *m);
/* Takes descriptor i out, or -1 when there is none. */
int at_message_take_fd(struct at_message *m, size_t i);

#endif
