/* The anchor as a function; main.c calls it. */
#ifndef AT_ANCHOR_ANCHOR_H
#define AT_ANCHOR_ANCHOR_H

/*
 * Becomes the subreaper, keeps operator_fd on the shelf (it is the anchor's from now on; -1: none),
 * starts the supervisor and runs until the system has ended. The exit code.
 */
int at_anchor_run(int operator_fd);

#endif
