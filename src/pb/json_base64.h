/* base64 (RFC 4648 sections 4 and 5), as JSON carries bytes. Pure. */
#ifndef AT_PB_JSON_BASE64_H
#define AT_PB_JSON_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Bytes that a text of len characters may become. */
static inline size_t at_json_base64_room(size_t len)
{
    return len / 4 * 3 + 3;
}

/* Characters that len bytes become, with padding. */
static inline size_t at_json_base64_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

/*
 * Either alphabet, mixed too; padded to a multiple of four, or not at all. Bits that are left over
 * may be anything. False: it is no base64; out is then of no use.
 */
bool at_json_read_base64(struct at_bytes text, uint8_t *out, size_t *ret_len);
/* The standard alphabet with padding; out has room for at_json_base64_len(). */
void at_json_write_base64(struct at_bytes bytes, char *out);

#endif
