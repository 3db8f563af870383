#include "sandbox/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/limits.h"

enum { CPU_PERIOD_US = 100000, CPU_QUOTA_MIN_US = 1000, NS_PER_US = 1000 };

int at_cgroup_write(int dir, const char *file, const char *text)
{
    at_auto_close
    int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_number(int dir, const char *file, uint64_t value)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    return at_cgroup_write(dir, file, text);
}

/* These files are small; what does not fit is not for us. */
static struct at_bytes read_small(int dir, const char *file, char *buffer, size_t cap)
{
    at_auto_close
    int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buffer, cap);

    return at_bytes_over(buffer, n < 0 ? 0 : (size_t)n);
}

int at_cgroup_read_number(int dir, const char *file, uint64_t *ret)
{
    char buffer[64];
    struct at_bytes b = read_small(dir, file, buffer, sizeof(buffer));

    b = at_bytes_trim(at_bytes_before(b, at_bytes_index(b, '\n')));
    if (at_bytes_equal(b, AT_LIT("max"))) {
        *ret = UINT64_MAX;
        return 0;
    }
    return at_bytes_to_u64(b, ret) ? 0 : -EIO;
}

int at_cgroup_read_key(int dir, const char *file, const char *key, uint64_t *ret)
{
    char buffer[AT_CGROUP_FILE_MAX];
    struct at_bytes rest = read_small(dir, file, buffer, sizeof(buffer));
    struct at_bytes line;

    while (at_bytes_cut(&rest, '\n', &line)) {
        struct at_bytes word;

        if (at_bytes_cut(&line, ' ', &word) && at_bytes_equal(word, at_bytes_of(key))) {
            return at_bytes_to_u64(at_bytes_trim(line), ret) ? 0 : -EIO;
        }
    }
    return -ENOENT;
}

static int say(struct at_cgroup *g, const char *file, int r, struct at_diag *d)
{
    if (r != 0) {
        at_diag_set(d, "%s: control group file %s: %s", g->instance, file, strerrordesc_np(-r));
    }
    return r;
}

static uint64_t quota_us(uint64_t cpu_milli)
{
    uint64_t quota = cpu_milli * (CPU_PERIOD_US / 1000);

    return quota < CPU_QUOTA_MIN_US ? CPU_QUOTA_MIN_US : quota;
}

static bool read_number_if(int dir, const char *file, uint64_t *ret)
{
    return dir >= 0 && at_cgroup_read_number(dir, file, ret) == 0;
}

static void read_key_if(int dir, const char *file, const char *key, uint64_t *ret)
{
    if (dir >= 0) {
        (void)at_cgroup_read_key(dir, file, key, ret);
    }
}

/* ---- v2 ---- */

static void v2_enable(const struct at_cgroup_host *host, int dir)
{
    /* One by one: a controller that is not there must not take the others with it. */
    if (host->can_memory) {
        (void)at_cgroup_write(dir, "cgroup.subtree_control", "+memory");
    }
    if (host->can_cpu) {
        (void)at_cgroup_write(dir, "cgroup.subtree_control", "+cpu");
    }
    if (host->can_pids) {
        (void)at_cgroup_write(dir, "cgroup.subtree_control", "+pids");
    }
}

static int v2_set_limits(struct at_cgroup *g, const struct at_limits *limits, struct at_diag *d)
{
    int dir = g->dir[AT_TREE_LIFE];
    char text[64];
    int r = 0;

    if (limits->memory_bytes != 0 && g->host->can_memory) {
        r = say(g, "memory.max", write_number(dir, "memory.max", limits->memory_bytes), d);
        (void)at_cgroup_write(dir, "memory.swap.max", "0"); /* absent without swap */
    }
    if (r == 0 && limits->cpu_milli != 0 && g->host->can_cpu) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 " %d", quota_us(limits->cpu_milli),
                       CPU_PERIOD_US);
        r = say(g, "cpu.max", at_cgroup_write(dir, "cpu.max", text), d);
    }
    if (r == 0 && limits->pids != 0 && g->host->can_pids) {
        r = say(g, "pids.max", write_number(dir, "pids.max", limits->pids + 1), d);
    }
    return r;
}

/* cpu.stat has the time used in every v2 group, with or without the controller. */
static void v2_cpu_time(int dir, struct at_usage *ret)
{
    uint64_t us = 0;

    if (dir >= 0 && at_cgroup_read_key(dir, "cpu.stat", "usage_usec", &us) == 0) {
        ret->has_cpu = true;
        ret->cpu_ns = us * NS_PER_US;
    }
}

static void v2_usage(const struct at_cgroup *g, struct at_usage *ret)
{
    int dir = g->dir[AT_TREE_LIFE];
    uint64_t us = 0;

    ret->has_memory = read_number_if(dir, "memory.current", &ret->memory_bytes);
    (void)read_number_if(dir, "memory.peak", &ret->memory_peak_bytes);
    read_key_if(dir, "memory.events", "oom_kill", &ret->oom_kills);
    v2_cpu_time(dir, ret);
    read_key_if(dir, "cpu.stat", "nr_throttled", &ret->throttled_count);
    read_key_if(dir, "cpu.stat", "throttled_usec", &us);
    ret->throttled_ns = us * NS_PER_US;
    ret->has_pids = read_number_if(dir, "pids.current", &ret->pids);
    read_key_if(dir, "pids.events", "max", &ret->pids_refused);
}

const struct at_cgroup_ops at_cgroup_v2_ops = {
    .name = "cgroup v2", .enable = v2_enable, .set_limits = v2_set_limits, .usage = v2_usage};

/* ---- v1 limits, v2 life cycle ---- */

static void hybrid_enable(const struct at_cgroup_host *host, int dir)
{
    (void)host;
    (void)dir; /* v1 controllers reach every group of their tree */
}

static int hybrid_set_memory(struct at_cgroup *g, uint64_t bytes, struct at_diag *d)
{
    int dir = g->dir[AT_TREE_MEMORY];
    int r;

    /* memsw must never be below the limit, so it is out of the way while the limit moves. */
    (void)at_cgroup_write(dir, "memory.memsw.limit_in_bytes", "-1");
    r = say(g, "memory.limit_in_bytes", write_number(dir, "memory.limit_in_bytes", bytes), d);
    if (r == 0) {
        (void)write_number(dir, "memory.memsw.limit_in_bytes", bytes); /* absent: no swap counted */
    }
    return r;
}

static int hybrid_set_limits(struct at_cgroup *g, const struct at_limits *limits, struct at_diag *d)
{
    int r = 0;

    if (limits->memory_bytes != 0 && g->dir[AT_TREE_MEMORY] >= 0) {
        r = hybrid_set_memory(g, limits->memory_bytes, d);
    }
    if (r == 0 && limits->cpu_milli != 0 && g->dir[AT_TREE_CPU] >= 0) {
        int dir = g->dir[AT_TREE_CPU];

        (void)write_number(dir, "cpu.cfs_period_us", CPU_PERIOD_US);
        r = say(g, "cpu.cfs_quota_us",
                write_number(dir, "cpu.cfs_quota_us", quota_us(limits->cpu_milli)), d);
    }
    if (r == 0 && limits->pids != 0 && g->dir[AT_TREE_PIDS] >= 0) {
        /* The reaper is in the group too; the limit is the service's. */
        r = say(g, "pids.max", write_number(g->dir[AT_TREE_PIDS], "pids.max", limits->pids + 1), d);
    }
    return r;
}

static void hybrid_usage(const struct at_cgroup *g, struct at_usage *ret)
{
    int memory = g->dir[AT_TREE_MEMORY];
    int cpu = g->dir[AT_TREE_CPU];
    int pids = g->dir[AT_TREE_PIDS];

    ret->has_memory = read_number_if(memory, "memory.usage_in_bytes", &ret->memory_bytes);
    (void)read_number_if(memory, "memory.max_usage_in_bytes", &ret->memory_peak_bytes);
    read_key_if(memory, "memory.oom_control", "oom_kill", &ret->oom_kills);
    v2_cpu_time(g->dir[AT_TREE_LIFE], ret);
    read_key_if(cpu, "cpu.stat", "nr_throttled", &ret->throttled_count);
    read_key_if(cpu, "cpu.stat", "throttled_time", &ret->throttled_ns);
    ret->has_pids = read_number_if(pids, "pids.current", &ret->pids);
    read_key_if(pids, "pids.events", "max", &ret->pids_refused);
}

const struct at_cgroup_ops at_cgroup_hybrid_ops = {.name = "cgroup v1 + v2 (hybrid)",
                                                   .enable = hybrid_enable,
                                                   .set_limits = hybrid_set_limits,
                                                   .usage = hybrid_usage};

/* ---- none ---- */

static int none_set_limits(struct at_cgroup *g, const struct at_limits *limits, struct at_diag *d)
{
    (void)g;
    (void)limits; /* the child sets rlimits */
    (void)d;
    return 0;
}

static void none_usage(const struct at_cgroup *g, struct at_usage *ret)
{
    (void)g;
    (void)ret;
}

const struct at_cgroup_ops at_cgroup_none_ops = {
    .name = "none", .enable = hybrid_enable, .set_limits = none_set_limits, .usage = none_usage};
