/*
 * One thread's event loop: descriptors by epoll, timers on a heap, signals by signalfd, children
 * by pidfd. Time comes from the struct at_env that the loop was made with.
 *
 * All functions belong to the thread that runs the loop, except at_loop_wake(). A callback may
 * remove any source, its own too: a removed source never fires again, also not in this turn.
 */
#ifndef AT_LOOP_LOOP_H
#define AT_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/env.h"

struct at_loop;
struct at_io;
struct at_timer;

/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLET … as in epoll_ctl(2). */
typedef void at_io_fn(void *user, int fd, uint32_t events);
typedef void at_timer_fn(void *user);
typedef void at_signal_fn(void *user, int signal);
typedef void at_turn_fn(void *user);

int at_loop_new(struct at_env *env, struct at_loop **ret);
/* Every source must have been removed; NULL is accepted. Returns NULL. */
struct at_loop *at_loop_free(struct at_loop *loop);

/* The descriptor stays the caller's and must outlive the source. */
int at_loop_add_io(struct at_loop *loop, int fd, uint32_t events, at_io_fn *fn, void *user,
                   struct at_io **ret);
int at_io_change(struct at_io *io, uint32_t events);
/* NULL is accepted. Returns NULL. */
struct at_io *at_io_remove(struct at_io *io);

/* A timer exists until removed and fires once per at_timer_set(). */
int at_loop_add_timer(struct at_loop *loop, at_timer_fn *fn, void *user, struct at_timer **ret);
/* Absolute, in the clock of the loop's env. 0 disarms. Never fails. */
void at_timer_set(struct at_timer *timer, uint64_t deadline_ns);
struct at_timer *at_timer_remove(struct at_timer *timer);

/* Blocks the signal for the calling thread and reports it through fn. One handler per signal. */
int at_loop_add_signal(struct at_loop *loop, int signal, at_signal_fn *fn, void *user);

/* Called once at the end of every turn, before sleeping: the place to flush batches. NULL: none. */
void at_loop_on_turn(struct at_loop *loop, at_turn_fn *fn, void *user);

uint64_t at_loop_now_ns(const struct at_loop *loop); /* of the start of this turn */
/* One turn: waits for at most timeout_ms (-1: no limit), runs what is due. 0, or -errno. */
int at_loop_turn(struct at_loop *loop, int timeout_ms);
/* Turns until at_loop_stop(). Returns the code given there, or -errno. */
int at_loop_run(struct at_loop *loop);
void at_loop_stop(struct at_loop *loop, int code);
/* Any thread, and signal handlers: makes the current or next turn return from its wait. */
void at_loop_wake(struct at_loop *loop);
/* epoll descriptor for a foreign loop: readable = call at_loop_turn(loop, 0). */
int at_loop_fd(const struct at_loop *loop);
/* When the next timer is due, or 0: none. */
uint64_t at_loop_next_deadline(const struct at_loop *loop);

#endif
