/*
 * The system-call filter of every service: a list of what no service needs, everything else is
 * allowed. A list of what is allowed would break every runtime that learns a new call.
 *
 * Most answers are EPERM, because libraries try these calls and cope. Those that nobody tries by
 * accident kill the process. clone3 hides its flags behind a pointer that a filter cannot follow,
 * so it says ENOSYS and libc falls back to clone, whose flags are looked at.
 */
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/build.h"
#include "sandbox/limits.h"

#if defined(__SANITIZE_ADDRESS__)
#define LEAK_CHECK_NEEDS_PTRACE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAK_CHECK_NEEDS_PTRACE 1
#endif
#endif
#ifndef LEAK_CHECK_NEEDS_PTRACE
#define LEAK_CHECK_NEEDS_PTRACE 0
#endif

#define REFUSE(error) SCMP_ACT_ERRNO(error)
#define KILL SCMP_ACT_KILL_PROCESS

#ifndef __SNR_fsopen
#define __SNR_fsopen __NR_fsopen
#endif

struct rule {
    int nr;
    uint32_t action;
};

static const struct rule rules[] = {
    /* Mounts: the shape of the cage. */
    {SCMP_SYS(mount), REFUSE(EPERM)},
    {SCMP_SYS(umount2), REFUSE(EPERM)},
    {SCMP_SYS(pivot_root), REFUSE(EPERM)},
    {SCMP_SYS(chroot), REFUSE(EPERM)},
    {SCMP_SYS(open_tree), REFUSE(EPERM)},
    {SCMP_SYS(move_mount), REFUSE(EPERM)},
    {SCMP_SYS(fsopen), REFUSE(EPERM)},
    {SCMP_SYS(fsconfig), REFUSE(EPERM)},
    {SCMP_SYS(fsmount), REFUSE(EPERM)},
    {SCMP_SYS(fspick), REFUSE(EPERM)},
    {SCMP_SYS(mount_setattr), REFUSE(EPERM)},
    {SCMP_SYS(quotactl), REFUSE(EPERM)},
    {SCMP_SYS(open_by_handle_at), REFUSE(EPERM)},
    {SCMP_SYS(name_to_handle_at), REFUSE(EPERM)},
    /* New or other namespaces; clone's flags are below. */
    {SCMP_SYS(unshare), REFUSE(EPERM)},
    {SCMP_SYS(setns), REFUSE(EPERM)},
    {SCMP_SYS(clone3), REFUSE(ENOSYS)},
    /* Other processes' memory and descriptors. */
    {SCMP_SYS(process_vm_readv), REFUSE(EPERM)},
    {SCMP_SYS(process_vm_writev), REFUSE(EPERM)},
    {SCMP_SYS(process_madvise), REFUSE(EPERM)},
    {SCMP_SYS(pidfd_getfd), REFUSE(EPERM)},
    {SCMP_SYS(kcmp), REFUSE(EPERM)},
    /* Large kernel surfaces with a history. */
    {SCMP_SYS(bpf), REFUSE(EPERM)},
    {SCMP_SYS(perf_event_open), REFUSE(EPERM)},
    {SCMP_SYS(userfaultfd), REFUSE(EPERM)},
    {SCMP_SYS(io_uring_setup), REFUSE(EPERM)},
    {SCMP_SYS(io_uring_enter), REFUSE(EPERM)},
    {SCMP_SYS(io_uring_register), REFUSE(EPERM)},
    {SCMP_SYS(fanotify_init), REFUSE(EPERM)},
    {SCMP_SYS(vmsplice), REFUSE(EPERM)},
    /* Its completions fill an eventfd to the last place: a peer that rings it would block. As a
     * kernel without it answers, so that programs do without. */
    {SCMP_SYS(io_setup), REFUSE(ENOSYS)},
    /* Keys, clocks, the console, accounting: the machine's, not a service's. */
    {SCMP_SYS(add_key), REFUSE(EPERM)},
    {SCMP_SYS(request_key), REFUSE(EPERM)},
    {SCMP_SYS(keyctl), REFUSE(EPERM)},
    {SCMP_SYS(settimeofday), REFUSE(EPERM)},
    {SCMP_SYS(clock_settime), REFUSE(EPERM)},
    {SCMP_SYS(clock_adjtime), REFUSE(EPERM)},
    {SCMP_SYS(adjtimex), REFUSE(EPERM)},
    {SCMP_SYS(sethostname), REFUSE(EPERM)},
    {SCMP_SYS(setdomainname), REFUSE(EPERM)},
    {SCMP_SYS(syslog), REFUSE(EPERM)},
    {SCMP_SYS(acct), REFUSE(EPERM)},
    {SCMP_SYS(vhangup), REFUSE(EPERM)},
    {SCMP_SYS(move_pages), REFUSE(EPERM)},
    {SCMP_SYS(migrate_pages), REFUSE(EPERM)},
    /* Nobody calls these by accident. */
    {SCMP_SYS(kexec_load), KILL},
    {SCMP_SYS(kexec_file_load), KILL},
    {SCMP_SYS(init_module), KILL},
    {SCMP_SYS(finit_module), KILL},
    {SCMP_SYS(delete_module), KILL},
    {SCMP_SYS(reboot), KILL},
    {SCMP_SYS(swapon), KILL},
    {SCMP_SYS(swapoff), KILL},
    {SCMP_SYS(nfsservctl), KILL},
    {SCMP_SYS(lookup_dcookie), KILL},
#if defined(__x86_64__)
    {SCMP_SYS(iopl), KILL},
    {SCMP_SYS(ioperm), KILL},
    {SCMP_SYS(modify_ldt), REFUSE(EPERM)},
    {SCMP_SYS(uselib), KILL},
#endif
};

static int add_plain_rules(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        int r = seccomp_rule_add(filter, rules[i].action, rules[i].nr, 0);

        if (r != 0) {
            return r;
        }
    }
    return LEAK_CHECK_NEEDS_PTRACE ? 0
                                   : seccomp_rule_add(filter, REFUSE(EPERM), SCMP_SYS(ptrace), 0);
}

static int add_clone_rules(scmp_filter_ctx filter)
{
    static const uint64_t flags[] = {CLONE_NEWNS,  CLONE_NEWUSER, CLONE_NEWPID,   CLONE_NEWNET,
                                     CLONE_NEWIPC, CLONE_NEWUTS,  CLONE_NEWCGROUP};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        int r = seccomp_rule_add(filter, REFUSE(EPERM), SCMP_SYS(clone), 1,
                                 SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));

        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* Families of their own that ignore network namespaces, or that nobody audits. */
static int add_socket_rules(scmp_filter_ctx filter)
{
    for (unsigned family = 3; family <= 15; family++) {
        int r = 0;

        if (family != AF_INET6) {
            r = seccomp_rule_add(filter, REFUSE(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                 SCMP_A0(SCMP_CMP_EQ, family, 0));
        }
        if (r != 0) {
            return r;
        }
    }
    return seccomp_rule_add(filter, REFUSE(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0));
}

static int add_ioctl_rules(scmp_filter_ctx filter)
{
    static const uint32_t requests[] = {0x5412 /* TIOCSTI */, 0x541C /* TIOCLINUX */};

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int r = seccomp_rule_add(filter, REFUSE(EPERM), SCMP_SYS(ioctl), 1,
                                 SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, requests[i]));

        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int fill(scmp_filter_ctx filter)
{
    int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    if (r == 0) {
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    }
    if (r == 0) {
        r = add_plain_rules(filter);
    }
    if (r == 0) {
        r = add_clone_rules(filter);
    }
    if (r == 0) {
        r = add_socket_rules(filter);
    }
    return r == 0 ? add_ioctl_rules(filter) : r;
}

static int read_code(int file, void *code, struct sock_fprog *ret)
{
    ssize_t n = pread(file, code, AT_SECCOMP_BYTES_MAX, 0);

    if (n <= 0 || n % (ssize_t)sizeof(struct sock_filter) != 0) {
        return -EIO;
    }
    ret->len = (unsigned short)((size_t)n / sizeof(struct sock_filter));
    ret->filter = code;
    return 0;
}

static int export_filter(scmp_filter_ctx filter, struct sock_fprog *ret)
{
    at_auto_close
    int file = memfd_create("atoll-filter", MFD_CLOEXEC);
    void *code;
    int r;

    if (file < 0) {
        return -errno;
    }
    r = seccomp_export_bpf(filter, file);
    if (r != 0) {
        return r;
    }
    code = malloc(AT_SECCOMP_BYTES_MAX);
    if (code == NULL) {
        return -ENOMEM;
    }
    r = read_code(file, code, ret);
    if (r != 0) {
        free(code);
    }
    return r;
}

int at_seccomp_compile(struct sock_fprog *ret)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r;

    if (filter == NULL) {
        return -ENOMEM;
    }
    r = fill(filter);
    if (r == 0) {
        r = export_filter(filter, ret);
    }
    seccomp_release(filter);
    return r;
}
