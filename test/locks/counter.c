/*
 * A service that counts in a file under a lock, for stories: counter LOCK HOLD_MS.
 *
 * In its state directory, which its instances share:
 *   value      the count and the largest token that has written it: a store that fences
 *   owner      who is between lock and unlock; another one there is a broken lock
 *   journal    a line for each count: token, instance, flags of the lock, count
 *   wrong      what must never be
 *   fenced     a line for each late owner whose write was refused
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atoll/atoll.h>

static const char *instance;

static void note(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)!write(fd, text, strlen(text));
        (void)close(fd);
    }
}

static void rest(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    (void)nanosleep(&t, NULL);
}

/* The store: refuses who comes with a smaller token than somebody before. */
static int store(uint64_t token, uint64_t *ret_value)
{
    uint64_t largest = 0;
    uint64_t value = 0;
    char text[128] = "";
    int fd = open("value", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) < 0) {
        return -1;
    }
    (void)sscanf(text, "%" SCNu64 " %" SCNu64, &value, &largest);
    if (token < largest) {
        (void)close(fd);
        return 1;
    }
    (void)snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " \n", ++value, token);
    (void)!pwrite(fd, text, strlen(text), 0);
    (void)close(fd);
    *ret_value = value;
    return 0;
}

/* Nobody else may be here, unless it died here. */
static void enter(const struct atoll_lock *lock)
{
    int fd = open("owner", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && (lock->flags & ATOLL_LOCK_OWNER_DIED) == 0) {
        note("wrong", "two owners, and none was said to have died\n");
    }
    if (fd < 0) {
        fd = open("owner", O_WRONLY | O_TRUNC | O_CLOEXEC);
    }
    (void)!write(fd, instance, strlen(instance));
    (void)close(fd);
}

static void count(const struct atoll_lock *lock, long hold_ms)
{
    uint64_t value = 0;
    char line[160];
    int r;

    enter(lock);
    rest(hold_ms);
    r = store(lock->token, &value);
    if (r != 0) {
        note(r > 0 ? "fenced" : "wrong", instance);
        return;
    }
    (void)snprintf(line, sizeof(line), "%" PRIu64 " %s %u %" PRIu64 "\n", lock->token, instance,
                   lock->flags, value);
    note("journal", line);
    (void)unlink("owner");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "counter";
    long hold_ms = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    struct atoll_call *call = atoll_call_new();

    instance = getenv("ATOLL_INSTANCE");
    if (call == NULL || instance == NULL || chdir(getenv("STATE_DIRECTORY")) != 0) {
        return 1;
    }
    for (;;) {
        struct atoll_lock lock;
        int status;

        atoll_call_reset(call);
        atoll_call_set_timeout(call, UINT64_C(20000000000));
        status = atoll_lock(call, name, &lock);
        if (status != ATOLL_OK) {
            fprintf(stderr, "no lock: %s: %s\n", atoll_status_name(status),
                    atoll_call_reason(call));
            rest(100);
            continue;
        }
        count(&lock, hold_ms);
        if ((lock.flags & ATOLL_LOCK_OWNER_DIED) != 0) {
            (void)atoll_lock_repaired(call, &lock);
        }
        status = atoll_unlock(call, &lock);
        if (status != ATOLL_OK) {
            fprintf(stderr, "not unlocked: %s\n", atoll_call_reason(call));
        }
        rest(1);
    }
}
