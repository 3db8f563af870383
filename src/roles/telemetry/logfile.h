/*
 * The log of one instance: lines appended to <name>.log, rotated by size to .log.1, .log.2 …
 *
 *   2026-01-31T12:00:00.123Z stdout text      a line of the service
 *   2026-01-31T12:00:00.124Z stdout+ text     a piece of one; the next line of stdout continues it
 *   2026-01-31T12:00:00.125Z atoll text       what we have to say: lines that were lost
 *
 * Text is made visible: controls and ill-formed bytes stand as \xNN. A line that was
 * torn by a failed write is never continued by another: the next one begins on a line of its own. Nothing here fails: what cannot be written is counted and owned up to by a line once
 * writing works again. Times are passed in.
 */
#ifndef AT_ROLES_TELEMETRY_LOGFILE_H
#define AT_ROLES_TELEMETRY_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/env.h"
#include "base/text.h"
#include "roles/telemetry/limits.h"

struct at_logfile_conf {
    struct at_env *env;
    int dir;             /* of the logs; borrowed */
    uint64_t file_bytes; /* rotate before a file would grow beyond this */
    uint32_t files;      /* how many are kept, ≥ 1 */
};

struct at_logfile {
    const struct at_logfile_conf *conf;
    char name[AT_LOG_INSTANCE_NAME_MAX + 1];
    int file;               /* -1: not open */
    uint64_t end;           /* where the next byte goes */
    bool mend;              /* the file ends inside a line: write a line end first */
    struct at_text waiting; /* whole lines not written yet */
    uint64_t lost_lines;
    uint64_t lost_bytes;
    int lost_error;    /* why: an errno; 0: a flood */
    uint64_t retry_ns; /* not before this, after a failure; 0: at once */
};

/* name is an instance's: "cart.1". -EINVAL when it cannot be a file's name. Opens nothing yet. */
int at_logfile_init(struct at_logfile *l, const struct at_logfile_conf *conf, struct at_bytes name);
/* Writes what waits, if it can be, and closes. */
void at_logfile_deinit(struct at_logfile *l, uint64_t now_ns);
/* stream is "stdout", "stdout+", "stderr", "stderr+" or "atoll". Kept until at_logfile_flush(). */
void at_logfile_add(struct at_logfile *l, uint64_t wall_ns, uint64_t now_ns, const char *stream,
                    struct at_bytes text);
/* Counts a line that was not even tried, because its service floods. */
void at_logfile_drop(struct at_logfile *l, size_t bytes);
/* Writes what waits. Call it at the end of every turn. */
void at_logfile_flush(struct at_logfile *l, uint64_t wall_ns, uint64_t now_ns);
/* Lines were lost and not owned up to yet. */
bool at_logfile_owes(const struct at_logfile *l);

#endif
