/* Names for C and C++. All results live in the arena; NULL: out of memory. */
#ifndef AT_GENERATOR_NAMES_H
#define AT_GENERATOR_NAMES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"

/* "GetItem" to "get_item", "HTTPGet" to "http_get"; with upper "GET_ITEM"; dots become '_'. */
const char *at_gen_snake(struct at_arena *arena, struct at_bytes name, bool upper);
/*
 * ".shop.v1.Item" to "shop_v1_Item": the C name of a type, a function of its full name alone, so that
 * every file that uses the type agrees. Different names stay different: an underscore of the .proto
 * becomes two, a name that begins with one gets '0' before it, and what C has taken (possible only
 * without a package) gets an underscore behind it, which no other name ends with.
 */
const char *at_gen_c_name(struct at_arena *arena, struct at_bytes full_name);
/* Is it a keyword of C or C++, or a macro of common headers? */
bool at_gen_is_taken(struct at_bytes name);
/*
 * The name, with '_' appended until it is neither taken nor in the set; it is then put there.
 */
const char *at_gen_claim(struct at_arena *arena, struct at_map *used, const char *name);

#endif
