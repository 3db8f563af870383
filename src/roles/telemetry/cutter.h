/*
 * Cuts the bytes of one stream into lines.
 *
 * A line that does not end within AT_LOG_PIECE_MAX bytes is given in pieces, of which all but the
 * last say that they go on; nothing is lost. A piece never ends inside a UTF-8 character. Memory is
 * taken only while a line is unfinished. Pure: no clock, no I/O.
 */
#ifndef AT_ROLES_TELEMETRY_CUTTER_H
#define AT_ROLES_TELEMETRY_CUTTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* goes_on: the next piece of this stream continues the line. text is borrowed, without line end. */
typedef void at_cutter_piece(void *user, struct at_bytes text, bool goes_on);

struct at_cutter {
    char *held; /* the unfinished line; NULL when there is none */
    size_t held_len;
    at_cutter_piece *piece;
    void *user;
};

void at_cutter_init(struct at_cutter *c, at_cutter_piece *piece, void *user);
/* Forgets what is held. */
void at_cutter_deinit(struct at_cutter *c);
/* Calls piece for every line that is finished, and holds the rest. */
void at_cutter_add(struct at_cutter *c, struct at_bytes in);
/* Is a line unfinished? */
bool at_cutter_holds(const struct at_cutter *c);
/* Gives what is held: goes_on while the stream lives (a prompt), not at its end. */
void at_cutter_flush(struct at_cutter *c, bool goes_on);

#endif
