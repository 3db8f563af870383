/*
 * atolld: the anchor, and with --supervisor the supervisor. Started by `atoll up`, with the
 * operator's socket in ATOLL_OPERATOR_FD.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "control/anchor.h"
#include "roles/anchor/anchor.h"

enum { SUPERVISOR_FD = 3, USAGE_CODE = 2 };

static int usage(FILE *out, int code)
{
    (void)fprintf(out, "atolld is started by `atoll up`; it is of no use by hand.\n"
                       "  atolld --version    print the version\n");
    return code;
}

/* Half a dozen descriptors for each instance: the usual soft limit of 1024 is for select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run_anchor(void)
{
    const char *text = getenv("ATOLL_OPERATOR_FD");
    uint64_t fd;

    if (text == NULL || !at_bytes_to_u64(at_bytes_of(text), &fd) || fd > INT16_MAX ||
        fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) {
        return usage(stderr, USAGE_CODE);
    }
    (void)unsetenv("ATOLL_OPERATOR_FD");
    /* Ctrl-C is for the command line, which then says DOWN; it must not kill us on the way. */
    (void)setsid();
    raise_descriptor_limit();
    return at_anchor_run((int)fd);
}

int main(int argc, char **argv)
{
    enum at_log_level least = getenv("ATOLL_DEBUG") == NULL ? AT_LOG_WARN : AT_LOG_DEBUG;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_NAME, "atolld"); /* the supervisor was executed as /proc/self/exe */
    at_error_trace(getenv("ATOLL_TRACE_ERRORS") != NULL);
    if (argc == 2 && strcmp(argv[1], "--supervisor") == 0) {
        at_log_init("supervisor", least);
        return at_supervisor_run(SUPERVISOR_FD);
    }
    if (argc == 2 && strcmp(argv[1], "--facts") == 0) {
        at_log_init("facts", least);
        return at_supervisor_facts();
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("atolld %s\n", ATOLL_VERSION);
        return 0;
    }
    if (argc > 1) {
        return usage(argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr,
                     argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : USAGE_CODE);
    }
    at_log_init("anchor", least);
    return run_anchor();
}
