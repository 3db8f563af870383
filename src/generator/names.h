/* Names for C and C++. All results live in the arena; NULL: out of memory. */
#ifndef AT_GENERATOR_NAMES_H
#define AT_GENERATOR_NAMES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"

/* "GetItem" to "get_item", "HTTPGet" to "http_get"; with upper "GET_ITEM"; dots become '_'. */
const char *at_gen_snake(struct at_arena *arena, struct at_bytes name, bool upper);
/* Is it a keyword of C or C++, or a macro of common headers? */
bool at_gen_is_taken(struct at_bytes name);
/*
 * The name, with '_' appended until it is neither taken nor in the set; it is then put there.
 */
const char *at_gen_claim(struct at_arena *arena, struct at_map *used, const char *name);

#endif
