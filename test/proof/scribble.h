/*
 * For the proof against malice: what a hostile process does to the end of a channel that is its own.
 * It writes honest records, records with one thing wrong, and anything at all, without a pause,
 * while the other side reads.
 */
#ifndef AT_PROOF_SCRIBBLE_H
#define AT_PROOF_SCRIBBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/channel.h"

/* The victim counts in this cancel word how often it begins anew; so does the liar when it has seen
 * it. */
enum { SCRIBBLE_WORD = 7 };

struct scribbler {
    struct at_channel channel; /* the liar's end: its region is writable here */
    uint8_t *window;           /* AT_WINDOW_BYTES, or NULL */
    uint64_t random;
    uint16_t forgiven;
    uint32_t started;   /* calls, of a lying caller */
    uint32_t heard[64]; /* calls that a lying server was asked for, not answered yet */
    uint32_t heard_count;
    bool calls; /* speaks of calls that there are, mostly: for engines */
    bool serves;
};

/* A lying server hears what it is asked. */
void scribble_hear(struct scribbler *s);
/* One act. */
void scribble(struct scribbler *s);
uint64_t scribble_random(uint64_t *state);

#endif
