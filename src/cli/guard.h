/*
 * Output that Ctrl-C can interrupt: `atoll up` writes to terminals and pipes whose reader may have
 * stopped reading, and must hear a signal all the same.
 */
#ifndef AT_CLI_GUARD_H
#define AT_CLI_GUARD_H

#include <stdio.h>

struct at_guard {
    int fd;          /* where the bytes go; borrowed */
    int alarm_fd;    /* a signalfd; borrowed. While it is readable, nothing is waited for */
    int patience_ms; /* how long one write may wait for room; -1: until the alarm */
};

/*
 * A line-buffered stream over g, which must outlive it; the caller fcloses it, which leaves both
 * descriptors open. A write that was given up sets the stream's error flag and drops its bytes.
 * NULL: out of memory.
 */
FILE *at_guard_open(struct at_guard *g);

#endif
