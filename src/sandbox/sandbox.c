/* The maker of cages: what is opened and compiled once per supervisor. */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "sandbox/build.h"
#include "sandbox/cgroup.h"
#include "sandbox/room.h"

enum { SWEEP_TRIES = 500, SWEEP_PAUSE_NS = 2000000 };

static int say_no_namespaces(const struct at_sandbox_facts *f, struct at_diag *d)
{
    at_diag_set(d, "sandboxes cannot be made here: %s", f->namespaces_why);
    if (f->is_root) {
        at_diag_hint(d, "inside a container, give it CAP_SYS_ADMIN or run atoll on the host");
    } else {
        at_diag_hint(d, "run atoll as root, or let the administrator allow user namespaces: "
                        "sysctl user.max_user_namespaces=15000, and "
                        "kernel.unprivileged_userns_clone=1 or "
                        "kernel.apparmor_restrict_unprivileged_userns=0 where these exist");
    }
    return -EPERM;
}

static int open_reaper(struct at_sandbox *s, const char *path, struct at_diag *d)
{
    s->reaper_fd = open(path, O_PATH | O_CLOEXEC);
    if (s->reaper_fd < 0 || faccessat(s->reaper_fd, "", X_OK, AT_EMPTY_PATH) != 0) {
        int error = errno;

        at_diag_set(d, "%s: %s", path, strerrordesc_np(error));
        at_diag_hint(d,
                     "atoll is not installed completely; ATOLL_LIBEXEC says where its parts are");
        return -error;
    }
    return 0;
}

static int fill(struct at_sandbox *s, const char *reaper, struct at_diag *d)
{
    int r;

    if (!s->facts.has_namespaces) {
        return say_no_namespaces(&s->facts, d);
    }
    r = open_reaper(s, reaper, d);
    if (r != 0) {
        return r;
    }
    s->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (s->null_fd < 0) {
        r = -errno;
        at_diag_set(d, "/dev/null: %s", strerrordesc_np(-r));
        return r;
    }
    r = at_seccomp_compile(&s->filter);
    if (r != 0) {
        at_diag_set(d, "the system-call filter cannot be compiled: %s", strerrordesc_np(-r));
    }
    return r;
}

int at_sandbox_new(const char *system, const char *reaper, const char *cgroup_forced,
                   struct at_sandbox **ret, struct at_diag *ret_diag)
{
    struct at_sandbox *s = calloc(1, sizeof(*s));
    int r;

    if (s == NULL) {
        at_diag_set(ret_diag, "out of memory");
        return -ENOMEM;
    }
    s->reaper_fd = -1;
    s->null_fd = -1;
    s->uid = geteuid();
    s->gid = getegid();
    (void)snprintf(s->system, sizeof(s->system), "%s", system);
    at_sandbox_look(cgroup_forced, &s->facts);
    at_cgroup_make_room(&s->facts.cgroup);
    r = fill(s, reaper, ret_diag);
    if (r != 0) {
        (void)at_sandbox_free(s);
        return at_up(r);
    }
    *ret = s;
    return 0;
}

struct at_sandbox *at_sandbox_free(struct at_sandbox *s)
{
    if (s != NULL) {
        at_close(&s->reaper_fd);
        at_close(&s->null_fd);
        free(s->filter.filter);
        free(s);
    }
    return NULL;
}

const struct at_sandbox_facts *at_sandbox_facts(const struct at_sandbox *s)
{
    return &s->facts;
}

void at_sandbox_sweep(struct at_sandbox *s)
{
    const struct timespec pause = {.tv_nsec = SWEEP_PAUSE_NS};

    /* What was killed just now holds its group, and its sockets, for some milliseconds more. */
    for (int i = 0; i < SWEEP_TRIES; i++) {
        if (at_cgroup_sweep(&s->facts.cgroup, s->system) != AT_CGROUP_BUSY) {
            return;
        }
        (void)nanosleep(&pause, NULL);
    }
}
