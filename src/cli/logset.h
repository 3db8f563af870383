/*
 * The logs of many instances as one: the files of .atoll/logs, rotated ones too, merged in the
 * order of time, and followed as they grow.
 *
 * Reads while telemetry writes and rotates: a file is known by its inode, so that a rotation in the
 * middle loses and repeats nothing. What a file holds is input: lines have a limit, and the order
 * within a file is kept whatever its times say.
 */
#ifndef AT_CLI_LOGSET_H
#define AT_CLI_LOGSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "cli/logline.h"

enum {
    AT_LOGSET_SOURCES_MAX = 2048,     /* a directory full of names */
    AT_LOGSET_LINE_MAX = 64 * 1024,   /* a line without end: given in pieces */
    AT_LOGSET_FILES_MAX = 16,         /* rotated files of one instance that are read */
    AT_LOGSET_TAIL_MAX = 1000 * 1000, /* --tail */
};

struct at_logset;

struct at_logset_conf {
    const char *dir;          /* borrowed during at_logset_open() */
    const char *daemon_dir;   /* where atolld.log lies, borrowed so, too; NULL: nowhere */
    const char *const *names; /* services and instances; none: all. Borrowed */
    size_t name_count;
    uint64_t since_ns; /* wall clock; only lines at or after it */
    uint64_t until_ns; /* only lines before it; 0: no end */
    bool has_tail;     /* only the last `tail` lines of all */
    size_t tail;
    bool follow; /* at_logset_fd() and at_logset_again() will be used */
};

struct at_logset_line {
    struct at_logline line;
    struct at_bytes instance; /* borrowed until the next call */
};

/* 0; -ENOENT: no such directory; -errno. */
int at_logset_open(const struct at_logset_conf *conf, struct at_logset **ret);
struct at_logset *at_logset_close(struct at_logset *set); /* NULL */
/* The next line in the order of time. 1: *ret; 0: nothing more now; -errno. */
int at_logset_next(struct at_logset *set, struct at_logset_line *ret);
/* Readable when something may have come: then at_logset_again(), and at_logset_next() until 0. */
int at_logset_fd(const struct at_logset *set);
/* Looks for new files and new lines. 0, -errno. */
int at_logset_again(struct at_logset *set);
/* How many instances have a log among those asked for. */
size_t at_logset_count(const struct at_logset *set);
/* Is there a log of that service or instance? */
bool at_logset_has(const struct at_logset *set, const char *name);
/* The i-th instance's name, or NULL. */
const char *at_logset_instance(const struct at_logset *set, size_t i);
/* The longest name, in bytes: for aligned prefixes. */
size_t at_logset_width(const struct at_logset *set);

#endif
