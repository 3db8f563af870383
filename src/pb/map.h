/*
 * Maps. On the wire and in a message a map is a list of entries, in which a key may come more than
 * once; the last one counts. Decoding makes that so when a message is complete.
 *
 * Peers choose the keys and how often a message is taken up again, so nothing here costs more than
 * n log n in the bytes of the message, whatever they choose, and nothing depends on a secret.
 */
#ifndef AT_PB_MAP_H
#define AT_PB_MAP_H

#include <stdbool.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "pb/table.h"

/*
 * Of the entries with the same key the last stays; those that stay keep their order. In place;
 * scratch memory comes from the arena. entry: the type of the entries. 0, or -ENOMEM with the map
 * unchanged.
 */
int at_pb_merge_map(const struct atoll_message_desc *entry, struct at_pb_array *map,
                    struct at_arena *arena);
/* The same, and brings them into ascending order of their keys: numbers by value, text by bytes. */
int at_pb_sort_map(const struct atoll_message_desc *entry, struct at_pb_array *map,
                   struct at_arena *arena);

/*
 * The maps that one run of the decoder has to merge. All zero at its beginning. A message that is
 * a field comes once or in several pieces, with other fields between them; to merge after each
 * piece would cost n for a piece of a few bytes. So its maps are noted and merged when all is read.
 */
struct at_pb_maps {
    struct at_pb_noted_map *last;
};

/*
 * A message with ATOLL_MESSAGE_HAS_MAPS ends, perhaps not for the last time. `moves`: it is an
 * element of a list; as that comes in one piece but may be moved when the list grows, its maps are
 * merged at once. Only for maps that at_pb_array_append() made with this arena. 0 or -ENOMEM.
 */
int at_pb_maps_note(struct at_pb_maps *maps, const struct atoll_message_desc *desc, void *message,
                    bool moves, struct at_arena *arena);
/* All is read. 0, or -ENOMEM with the others forgotten. */
int at_pb_maps_finish(struct at_pb_maps *maps, struct at_arena *arena);
/* Reading failed: the maps are left as they are, and noted again when their message is read on. */
void at_pb_maps_forget(struct at_pb_maps *maps);

#endif
