/*
 * Whether to look at the rings for a moment before going to sleep. Worth it only while the peer runs
 * on another CPU and answers sooner than a sleep and a wake would take. Nothing is measured at the
 * start: the first sleeps show what a wake costs here. Pure; the owner reads clock and rings.
 */
#ifndef AT_LIBATOLL_SPIN_H
#define AT_LIBATOLL_SPIN_H

#include <stdint.h>

struct at_spin {
    uint64_t wake_ns;   /* the shortest sleeps took so long; 0: not known yet */
    uint64_t wait_ns;   /* moving average of what sleeps took beyond that */
    uint64_t budget_ns; /* of the next look; 0: none */
    uint32_t rest;      /* sleeps before it is tried again */
    uint32_t next_rest; /* the same after the next failure */
};

/* Between two looks: the other thread of this core works faster meanwhile. */
static inline void at_spin_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

/* A sleep took so long, with a peer on another CPU. */
void at_spin_slept(struct at_spin *s, uint64_t took_ns);
/* Something came while we looked. */
void at_spin_hit(struct at_spin *s);
/* Nothing came, and the look took so long: far longer than its budget when others need this CPU. */
void at_spin_missed(struct at_spin *s, uint64_t took_ns);

#endif
