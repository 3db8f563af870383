/* For at_set_load() alone: what it needs of set_places.c beside what set.h offers to all. */
#ifndef AT_CONTRACT_SET_PLACES_H
#define AT_CONTRACT_SET_PLACES_H

#include "base/arena.h"
#include "contract/set.h"

/* Sorts the places of the file's source info by path, into the arena. 0, -ENOMEM. */
int at_set_sort_places(struct at_set_file *file, struct at_arena *arena);
/* How many types stand around it, itself included: 1 for one at the top of its file. */
int at_set_depth_of(const struct at_set_symbol *symbol);

#endif
