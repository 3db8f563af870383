#include "base/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/checks.h"
#include "base/clock.h"

static uint64_t real_now(struct at_env *env)
{
    return at_now_ns();
}

static uint64_t real_wall(struct at_env *env)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * AT_SECOND_NS + (uint64_t)t.tv_nsec;
}

static void real_random(struct at_env *env, void *at, size_t len)
{
    char *p = at;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        at_check(n > 0); /* getrandom cannot fail once the pool is seeded (getrandom(2)) */
        p += n;
        len -= (size_t)n;
    }
}

static int real_open(struct at_env *env, int dir, const char *path, int flags, mode_t mode)
{
    int fd = openat(dir, path, flags | O_CLOEXEC, mode);

    return fd < 0 ? -errno : fd;
}

static ssize_t real_pread(struct at_env *env, int file, void *at, size_t len, uint64_t offset)
{
    ssize_t n = pread(file, at, len, (off_t)offset);

    return n < 0 ? -errno : n;
}

static ssize_t real_pwrite(struct at_env *env, int file, const void *at, size_t len,
                           uint64_t offset)
{
    ssize_t n = pwrite(file, at, len, (off_t)offset);

    return n < 0 ? -errno : n;
}

static int real_sync(struct at_env *env, int file)
{
    return fdatasync(file) < 0 ? -errno : 0;
}

static int real_rename(struct at_env *env, int dir, const char *from, const char *to)
{
    return renameat(dir, from, dir, to) < 0 ? -errno : 0;
}

static int real_unlink(struct at_env *env, int dir, const char *path)
{
    return unlinkat(dir, path, 0) < 0 ? -errno : 0;
}

static int real_close(struct at_env *env, int file)
{
    return close(file) < 0 ? -errno : 0;
}

static const struct at_env_ops real_ops = {
    .now_ns = real_now,
    .wall_ns = real_wall,
    .random = real_random,
    .open = real_open,
    .pread = real_pread,
    .pwrite = real_pwrite,
    .sync = real_sync,
    .rename = real_rename,
    .unlink = real_unlink,
    .close = real_close,
};

struct at_env *at_env_real(void)
{
    static struct at_env real = {.ops = &real_ops};

    return &real;
}

uint64_t at_env_random(struct at_env *env)
{
    uint64_t value;

    env->ops->random(env, &value, sizeof(value));
    return value;
}
