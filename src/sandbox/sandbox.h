/*
 * The cage: one instance of a service, fenced. Its pid 1 is atoll-reaper, which starts the service
 * process, forwards signals to it, reaps orphans, and ends when the service process ends; the
 * kernel then kills whatever is left in the cage.
 *
 * Inside there are: own network (only lo), mounts, pids, ipc, hostname, cgroup view; a read-only
 * root; /state and /tmp to write; no capability, no_new_privs, Landlock, a seccomp filter; exactly
 * the declared descriptors.
 *
 * Life:   at_cage_begin → (start_fd readable) → at_cage_finish → … → (pidfd readable)
 *         → waitid(P_PIDFD) by whoever is its parent → at_cage_ended → at_cage_destroy
 *
 * The easy rule to break: struct at_cage_spec and all it points to is only borrowed for the call,
 * and the descriptors in it stay the caller's. The caller must be single-threaded in at_cage_begin.
 */
#ifndef AT_SANDBOX_SANDBOX_H
#define AT_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "sandbox/cgroup.h"

/* ---- What the machine allows ---- */

struct at_sandbox_facts {
    char kernel[65];          /* uname release */
    bool is_root;             /* may make cages with a uid of their own per service */
    bool has_namespaces;      /* the six kinds can be made (with a user namespace when not root) */
    bool has_user_namespaces; /* an ordinary user may */
    bool has_seccomp;
    bool has_pidfd_info;  /* PIDFD_GET_INFO with exit status (Linux 6.15) */
    bool has_memfd_seals; /* SHRINK, GROW, WRITE, SEAL */
    bool has_cgroup_kill;
    int landlock_abi; /* 0: none */
    struct at_cgroup_host cgroup;
    char namespaces_why[160]; /* why not, when has_namespaces is false */
};

/* Looks, changes nothing. cgroup_forced as at_cgroup_detect() (pass getenv("ATOLL_CGROUP")). */
void at_sandbox_look(const char *cgroup_forced, struct at_sandbox_facts *ret);
/*
 * The i-th missing wall as one sentence ("All services run under your uid …"), NULL when i is past
 * the last. Borrowed, valid as long as f. `up` prints them once, `doctor` always.
 */
const char *at_sandbox_missing(const struct at_sandbox_facts *f, size_t i);

/* ---- The maker of cages: one per supervisor ---- */

struct at_sandbox;

/*
 * system: the system's name (groups lie in atoll/<system>). reaper: path of atoll-reaper. Fails
 * with a sentence what to do when cages cannot be made here at all (no user namespaces for an
 * ordinary user), or the reaper is missing.
 */
int at_sandbox_new(const char *system, const char *reaper, const char *cgroup_forced,
                   struct at_sandbox **ret, struct at_diag *ret_diag);
/* Closes; running cages go on. Accepts NULL. Returns NULL. */
struct at_sandbox *at_sandbox_free(struct at_sandbox *s);
const struct at_sandbox_facts *at_sandbox_facts(const struct at_sandbox *s);
/* Kills and removes whatever is left of the system's groups, waiting for it up to 1 s. */
void at_sandbox_sweep(struct at_sandbox *s);

/* ---- One cage ---- */

struct at_cage_fd {
    int from; /* the caller's descriptor */
    int to;   /* its number in the service, ≥ 3 (0, 1, 2 have fields of their own) */
};

struct at_cage_bind {
    const char *from; /* absolute path outside; file or directory */
    const char *to;   /* absolute path inside; made when missing */
    bool writable;
    bool optional; /* leave out when `from` does not exist */
};

struct at_cage_spec {
    const char *service;     /* "cart" */
    const char *instance;    /* "cart.1": hostname and name of the group */
    const char *const *argv; /* NULL at the end; argv[0] with '/' is relative to the working
                                 directory, without it is looked up in PATH of envp */
    const char *const *envp; /* complete; NULL at the end */
    const char *project_dir; /* absolute; seen read-only at the same path, .atoll masked; NULL */
    const char *working_dir; /* absolute; NULL: project_dir, or / */
    const char *state_dir;   /* absolute, exists, belongs to uid; seen as /state; NULL: none */
    uid_t uid;               /* ignored for an ordinary user: everything runs as the caller */
    gid_t gid;
    const struct at_cage_fd *fds;
    size_t fd_count; /* ≤ AT_CAGE_FDS_MAX */
    int out_fd;      /* 1 in the service; -1: /dev/null */
    int err_fd;      /* 2 in the service; -1: /dev/null */
    struct at_limits limits;
    const struct at_cage_bind *binds;
    size_t bind_count; /* ≤ AT_CAGE_BINDS_MAX */
    const char *hosts; /* lines added to /etc/hosts; NULL: none */
    bool is_role;      /* a process of ours: the root has only /usr, no project, no /etc */
};

enum { AT_CAGE_FDS_MAX = 32, AT_CAGE_BINDS_MAX = 64 };

/* Positive results, besides AT_CGROUP_BUSY and AT_CGROUP_UNSUPPORTED. */
enum at_cage_result { AT_CAGE_NOT_YET = 1 };

enum at_cage_state { AT_CAGE_EMPTY, AT_CAGE_STARTING, AT_CAGE_RUNNING };

struct at_cage {
    enum at_cage_state state;
    int pidfd;         /* of the reaper; readable when the whole cage has ended */
    int record_fd;     /* memfd where the reaper writes how the service ended; for the anchor too */
    int start_fd;      /* readable while STARTING means: call at_cage_finish(); else -1 */
    pid_t reaper_pid;  /* as the caller sees it */
    pid_t service_pid; /* as the caller sees it; 0 until RUNNING */
    struct at_cgroup group;
    /* For the sentence when the start fails. */
    char program[256];
    char instance[80];
    uid_t uid;
    bool about_to_exec; /* the service process has said who it is */
};

/*
 * Starts building a cage and returns at once (≈ 0.7 ms). What can be known before is refused here
 * with a sentence: program missing, not executable, state directory not writable or another's.
 * Failure leaves nothing behind.
 */
int at_cage_begin(struct at_sandbox *s, const struct at_cage_spec *spec, struct at_cage *ret,
                  struct at_diag *ret_diag);
/*
 * 0: the service program runs (its exec succeeded). AT_CAGE_NOT_YET: wait for start_fd.
 * -errno: it failed; the diag says at which step and why; the cage is killed. The caller still
 * waits for pidfd, reaps it, and calls at_cage_destroy().
 */
int at_cage_finish(struct at_cage *cage, struct at_diag *ret_diag);
/*
 * at_cage_begin, wait for at most timeout_ms, at_cage_finish. On failure everything is gone, the
 * child reaped, and *ret is empty. ≈ 1.5–2.5 ms.
 */
int at_cage_start(struct at_sandbox *s, const struct at_cage_spec *spec, int timeout_ms,
                  struct at_cage *ret, struct at_diag *ret_diag);
/*
 * Takes a running cage over from an earlier supervisor. The descriptors become the cage's; the
 * pids are those it had. Works for a cage that has ended meanwhile, too.
 */
int at_cage_adopt(struct at_sandbox *s, const char *instance, int pidfd, int record_fd,
                  pid_t reaper_pid, pid_t service_pid, struct at_cage *ret);

/* Sends a signal to the service process, through the reaper. -ESRCH: it has ended. */
int at_cage_signal(struct at_cage *cage, int signal);
/* Kills every process in the cage at once. Fine when it has ended. */
int at_cage_kill(struct at_cage *cage);
/* What the instance uses; AT_CGROUP_UNSUPPORTED when the back end cannot know. */
int at_cage_usage(const struct at_cage *cage, struct at_usage *ret);

struct at_cage_end {
    bool known;       /* false: nobody can tell any more */
    int exit_code;    /* valid when signal is 0 */
    int signal;       /* the service process was killed by it; 0: it exited */
    bool core;        /* dumped core */
    bool by_memory;   /* its memory limit was the cause */
    bool cage_killed; /* the cage was killed as a whole, before its service process ended */
};

/*
 * How the service ended; call it once pidfd is readable. wait_status: what waitpid gave for the
 * reaper (as in waitpid(2)), or -1 when another process reaped it. Never fails: see `known`.
 */
void at_cage_ended(const struct at_cage *cage, int wait_status, struct at_cage_end *ret);
/* "exited with code 3", "was killed by signal 9 (Killed)", … into out. */
void at_cage_end_text(const struct at_cage_end *end, char *out, size_t cap);

/*
 * Removes the groups and closes the descriptors, after the cage has ended and was reaped. AT_CGROUP_BUSY:
 * the kernel is not done with the group yet; the cage is unchanged, call again a little later.
 */
int at_cage_destroy(struct at_cage *cage);
/* Closes the descriptors only: the instance goes on (hand-over to another supervisor). */
void at_cage_let_go(struct at_cage *cage);

/*
 * A socket that belongs for its life to the cage's network, made from outside (root only): a
 * listener in the cage that we serve, or a connection to what the service listens on. CLOEXEC.
 */
int at_cage_socket(const struct at_cage *cage, int domain, int type, int *ret_fd);

#endif
