/*
 * Request targets: one normal form for routing, authorising and logging alike.
 *
 * The path is percent-decoded and its dot segments and doubled slashes are resolved exactly once,
 * here. What could read differently to someone who decodes once more or once less is refused: an
 * encoded slash or NUL, control characters, ill-formed (also overlong) UTF-8, `..` above the root.
 */
#ifndef AT_WIRE_HTTP1_PATH_H
#define AT_WIRE_HTTP1_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum at_http1_path_result {
    AT_HTTP1_PATH_OK = 0,
    AT_HTTP1_PATH_BAD_FORM = 1,    /* neither /path nor http://host/path */
    AT_HTTP1_PATH_BAD_PERCENT = 2, /* '%' without two hex digits */
    AT_HTTP1_PATH_ENCODED_SLASH = 3,
    AT_HTTP1_PATH_CONTROL = 4, /* NUL or another control character */
    AT_HTTP1_PATH_NOT_UTF8 = 5,
    AT_HTTP1_PATH_ABOVE_ROOT = 6,
    AT_HTTP1_PATH_TOO_LONG = 7,
};
const char *at_http1_path_reason(int result);

/*
 * Splits a target (origin-form or absolute-form) and normalises its path into room[0..cap): at
 * least target.len bytes are always enough. *ret_path borrows from room, *ret_query (still encoded,
 * without '?') from target.
 */
int at_http1_path(struct at_bytes target, char *room, size_t cap, struct at_bytes *ret_path,
                  struct at_bytes *ret_query);
/*
 * The next key=value of a query, decoded ('+' is a blank) into *room, which is advanced. *ret_more
 * is false at the end. room must hold at least the query's length in all.
 */
struct at_http1_query {
    struct at_bytes rest;
    char *room;
    size_t cap;
};
int at_http1_query_next(struct at_http1_query *q, bool *ret_more, struct at_bytes *ret_key,
                        struct at_bytes *ret_value);

#endif
