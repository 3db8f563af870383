/* Limits of the loop. */
#ifndef AT_LOOP_LIMITS_H
#define AT_LOOP_LIMITS_H

enum {
    AT_LOOP_EVENTS_PER_TURN = 64, /* events taken at once: one busy peer cannot starve timers */
    AT_LOOP_SIGNAL_MAX = 64,      /* highest signal number that can be handled */
};

#endif
