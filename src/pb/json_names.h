/*
 * Finding fields and enum values by what JSON calls them. Inner header of pb.
 *
 * A field is looked for behind the one found last, as writers keep the order; so one look is the
 * rule. A peer may choose any other order: when looking has cost much more than reading, the names
 * of that type are sorted once, and from then on searched by halving. Nothing is hashed.
 */
#ifndef AT_PB_JSON_NAMES_H
#define AT_PB_JSON_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"

struct at_json_index;

/* What one run of a reader knows about names. Zero-initialised but for the arena. */
struct at_json_names {
    struct at_arena *arena; /* borrowed; a full one makes searching slow, not wrong */
    struct at_json_index *indexes;
    size_t work; /* names looked at since the last one that was sorted in */
};

/*
 * By JSON name ("itemId"; of an extension "[pkg.name]") or original name ("item_id"); *next is the
 * index of the field that is likely to come, and moves on. NULL: there is none.
 */
const struct atoll_field_desc *at_json_find_field(struct at_json_names *n,
                                                  const struct atoll_message_desc *desc,
                                                  uint32_t *next, struct at_bytes name);
/* Case counts when both spellings exist, and else not. */
bool at_json_find_enum(struct at_json_names *n, const struct atoll_enum_desc *desc,
                       struct at_bytes name, int32_t *ret);

#endif
