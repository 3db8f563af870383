/* Limits of the anchor. Each line: what it stops. */
#ifndef AT_ANCHOR_LIMITS_H
#define AT_ANCHOR_LIMITS_H

enum {
    AT_ANCHOR_ENTRIES_MAX = 2048,     /* a supervisor that stores without end */
    AT_ANCHOR_EXITS_MAX = 2048,       /* exits that nobody fetches */
    AT_ANCHOR_DEATHS_MAX = 10,        /* supervisors that die young … */
    AT_ANCHOR_DEATHS_WINDOW_S = 30,   /* … within this: the system cannot be saved, end it */
    AT_ANCHOR_REST_MIN_MS = 20,       /* rest before the second restart in a row, doubled … */
    AT_ANCHOR_REST_MAX_MS = 1000,     /* … up to this */
    AT_ANCHOR_LIVED_MS = 500,         /* younger than this is young; older: restarted at once */
    AT_ANCHOR_MESSAGES_PER_TURN = 64, /* one wake-up does not starve the children's signals */
};

#endif
