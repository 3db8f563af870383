/*
 * Landlock: a second wall behind the read-only mounts, and the only one between cages for abstract
 * Unix sockets and signals when they share a network by mistake. Best effort: each version of the
 * kernel's interface knows more rights; we ask for what it knows.
 *
 * The numbers are the kernel's ABI; Debian's header is older than the kernels we run on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "sandbox/build.h"

enum {
    LL_CREATE = 444,
    LL_ADD = 445,
    LL_RESTRICT = 446,
    LL_VERSION_FLAG = 1,
    LL_RULE_PATH_BENEATH = 1,
};

enum {
    FS_WRITE_FILE = 1 << 1,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,    /* version 2 */
    FS_TRUNCATE = 1 << 14, /* version 3 */

    FS_WRITES = FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG |
                FS_MAKE_SOCK | FS_MAKE_FIFO | FS_MAKE_SYM,
    FS_NEVER = FS_MAKE_CHAR | FS_MAKE_BLOCK,
    FS_FOR_FILES = FS_WRITE_FILE | FS_TRUNCATE,

    SCOPE_ABSTRACT_UNIX = 1 << 0, /* version 6 */
    SCOPE_SIGNAL = 1 << 1,
};

struct ruleset_attr {
    uint64_t handled_fs;
    uint64_t handled_net; /* version 4 */
    uint64_t scoped;      /* version 6 */
};

struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

int at_landlock_abi(void)
{
    long version = syscall(LL_CREATE, NULL, 0, LL_VERSION_FLAG);

    return version < 0 ? 0 : (int)version;
}

static uint64_t writes_of(int abi)
{
    return (uint64_t)FS_WRITES | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0);
}

static size_t attr_size(int abi)
{
    if (abi >= 6) {
        return sizeof(struct ruleset_attr);
    }
    return abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

/* A path that does not exist is no rule; a plain file takes the rights of files only. */
static int allow(int rules, const char *path, uint64_t rights)
{
    struct path_rule rule = {.allowed = rights,
                             .parent = open(path, O_PATH | O_CLOEXEC | O_DIRECTORY)};
    int r = 0;

    if (rule.parent < 0 && errno == ENOTDIR) {
        rule.parent = open(path, O_PATH | O_CLOEXEC);
        rule.allowed &= FS_FOR_FILES;
    }
    if (rule.parent < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (syscall(LL_ADD, rules, LL_RULE_PATH_BENEATH, &rule, 0) != 0) {
        r = -errno;
    }
    (void)close(rule.parent);
    return r;
}

int at_landlock_apply(int abi, const char *const *writable, size_t n)
{
    struct ruleset_attr attr = {.handled_fs = writes_of(abi) | FS_NEVER,
                                .scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL};
    int rules;
    int r = 0;

    if (abi <= 0) {
        return 0;
    }
    rules = (int)syscall(LL_CREATE, &attr, attr_size(abi), 0);
    if (rules < 0) {
        return -errno;
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        r = allow(rules, writable[i], writes_of(abi));
    }
    if (r == 0 && syscall(LL_RESTRICT, rules, 0) != 0) {
        r = -errno;
    }
    (void)close(rules);
    return r;
}
