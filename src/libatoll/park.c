/* Sleeping on one word: one thread waits, any thread wakes; and the lock made of such a word. */
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libatoll/process.h"

void at_park_wait(struct at_park *park, uint64_t timeout_ns)
{
    struct timespec ts = {.tv_sec = (time_t)(timeout_ns / 1000000000U),
                          .tv_nsec = (long)(timeout_ns % 1000000000U)};

    if (atomic_load_explicit(&park->woken, memory_order_acquire) == 0) {
        (void)syscall(SYS_futex, &park->woken, FUTEX_WAIT_PRIVATE, 0, timeout_ns == 0 ? NULL : &ts,
                      NULL, 0);
    }
}

void at_park_wake(struct at_park *park)
{
    if (atomic_exchange_explicit(&park->woken, 1, memory_order_acq_rel) == 0) {
        (void)syscall(SYS_futex, &park->woken, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

void at_lock_wait(struct at_lock *lock)
{
    while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0) {
        (void)syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    }
}

void at_lock_wake(struct at_lock *lock)
{
    (void)syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
