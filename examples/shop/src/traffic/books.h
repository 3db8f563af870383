/*
 * Holds the books of the services against each other: their SQLite files, read only, side by side.
 * What this finds wrong no answer at the door could have shown.
 */
#ifndef SHOP_TRAFFIC_BOOKS_H
#define SHOP_TRAFFIC_BOOKS_H

#include "traffic/tally.h"

/*
 * directory: the project's .atoll/state. Waits until no checkout is under way, at most wait_ms.
 * Findings go to the tally. 0, or -errno when the files cannot be read.
 */
int books_check(const char *directory, unsigned wait_ms, struct tally *t);

#endif
