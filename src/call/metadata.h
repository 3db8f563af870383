/*
 * Metadata of a call: pairs of lower-case key and value, packed as u8 key length, key, u16 value
 * length, value. A key that begins with ':' is ours: ":caller" is the caller that a gateway
 * states. Pure; works on private copies only.
 */
#ifndef AT_CALL_METADATA_H
#define AT_CALL_METADATA_H

#include <stdbool.h>

#include "base/bytes.h"

#define AT_METADATA_CALLER AT_LIT(":caller")
/* What stands behind this key (its value is empty) are trailers; before it, what was sent first. */
#define AT_METADATA_TRAILERS AT_LIT(":trailers")

/* Appends a pair. A key of 0 or over 255 bytes or a value over 65535 fails the writer. */
void at_metadata_add(struct at_writer *w, struct at_bytes key, struct at_bytes value);
/* The next pair, cut off the front of *rest; false at the end or when the rest is malformed. */
bool at_metadata_next(struct at_bytes *rest, struct at_bytes *ret_key, struct at_bytes *ret_value);
/* The first value of key. */
bool at_metadata_get(struct at_bytes packed, struct at_bytes key, struct at_bytes *ret_value);
/* The two parts of a response's metadata; both borrow from packed, either may be empty. */
void at_metadata_split(struct at_bytes packed, struct at_bytes *ret_first,
                       struct at_bytes *ret_trailers);
/* May a user set this key: [a-z0-9_.-]{1,255}? */
bool at_metadata_is_key(struct at_bytes key);

#endif
