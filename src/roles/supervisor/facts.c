/*
 * atolld --facts: what this machine offers, for `atoll doctor`. Looks and changes nothing. One fact
 * a line on stdout: state (ok, missing, note), name, text, advice, with tabs between them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/anchor.h"
#include "control/operator.h"
#include "sandbox/cgroup.h"
#include "sandbox/sandbox.h"

static void put(const char *state, const char *name, const char *text, const char *advice)
{
    (void)printf("%s\t%s\t%s\t%s\n", state, name, text, advice);
}

static void put_if(bool good, const char *name, const char *text, const char *otherwise,
                   const char *advice)
{
    put(good ? "ok" : "missing", name, good ? text : otherwise, good ? "" : advice);
}

static void put_walls(const struct at_sandbox_facts *f)
{
    char text[256];

    put_if(f->has_namespaces, "namespaces", "own network, mounts, processes, ipc and host name",
           f->namespaces_why,
           "Run as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 "
           "(Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu).");
    put_if(f->is_root, "user ids", "each service gets a uid of its own",
           "all services run under your uid",
           "Run as root when services must not touch each other's files.");
    put_if(f->has_seccomp, "seccomp", "system calls are filtered", "the kernel has none",
           "Use a kernel with CONFIG_SECCOMP_FILTER.");
    (void)snprintf(text, sizeof(text), "version %d", f->landlock_abi);
    if (f->landlock_abi == 0) {
        put("missing", "landlock", "the kernel has none",
            "Linux 5.13 and later have it; it may be missing from the kernel's lsm= list.");
    } else {
        put(f->landlock_abi < 6 ? "note" : "ok", "landlock", text,
            f->landlock_abi < 6 ? "Version 6 (Linux 6.12) fences signals and abstract sockets too."
                                : "");
    }
    put_if(f->has_memfd_seals, "sealed memory", "shared memory cannot be changed behind our back",
           "calls will not work", "Use a kernel with memfd_create (Linux 3.17).");
}

/* The sentence that `up`, `ps` and `status` say of that limit. */
static const char *missing(const struct at_cgroup_host *host, const char *what)
{
    const char *sentence;

    for (size_t i = 0; (sentence = at_cgroup_missing(host, i)) != NULL; i++) {
        if (strncmp(sentence, what, strlen(what)) == 0) {
            return sentence;
        }
    }
    return "not held";
}

static void put_limits(const struct at_sandbox_facts *f)
{
    const struct at_cgroup_host *host = &f->cgroup;
    const char *advice = "Start atoll in a delegated cgroup: systemd-run --user --scope -p "
                         "Delegate=yes atoll up, or as root.";

    put(host->kind == AT_CGROUP_NONE ? "missing" : "ok", "cgroups", at_cgroup_name(host),
        host->kind == AT_CGROUP_NONE ? host->why : "");
    put_if(host->can_memory, "memory limit", "held for each instance", missing(host, "Memory"),
           advice);
    put_if(host->can_cpu, "cpu limit", "held for each instance", missing(host, "CPU"), advice);
    put_if(host->can_pids, "pids limit", "held for each instance", missing(host, "Process"),
           advice);
    put(f->has_cgroup_kill ? "ok" : "note", "group kill",
        f->has_cgroup_kill ? "an instance is killed in one step"
                           : "an instance is killed through its pid namespace",
        "");
}

int at_supervisor_facts(void)
{
    struct at_sandbox_facts facts;
    char text[256];

    at_sandbox_look(getenv("ATOLL_CGROUP"), &facts);
    (void)snprintf(text, sizeof(text), "Linux %s", facts.kernel);
    put(facts.has_pidfd_info ? "ok" : "note", "kernel", text,
        facts.has_pidfd_info ? ""
                             : "Linux 6.15 and later also tell how a sandbox ended that nobody "
                               "waited for.");
    put_walls(&facts);
    put_limits(&facts);
    if (at_operator_run_root(text, sizeof(text)) == 0) {
        put("ok", "run directory", text, "");
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
