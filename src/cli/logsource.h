/*
 * One instance's log files, read as one stream of lines from the oldest to the newest, while
 * telemetry may write and rotate them. For logset.c.
 */
#ifndef AT_CLI_LOGSOURCE_H
#define AT_CLI_LOGSOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "cli/logline.h"

enum { AT_LOGSOURCE_NAME_MAX = 128 };

struct at_logsource {
    char instance[AT_LOGSOURCE_NAME_MAX];
    int dir;  /* borrowed */
    int file; /* the file being read; -1: none yet */
    ino_t inode;
    char *buffer;
    size_t cap;
    size_t start; /* of what is not consumed yet */
    size_t end;
    bool dirty;       /* something may have come since the end was reached */
    bool has;         /* line holds the next line */
    size_t line_len;  /* its bytes in the buffer, with the line end */
    uint64_t last_ns; /* time of the line before: times never go backwards in a source */
    struct at_logline line;
};

/* -ENAMETOOLONG. Takes no memory and opens nothing yet. */
int at_logsource_init(struct at_logsource *s, int dir, struct at_bytes instance);
void at_logsource_deinit(struct at_logsource *s);
/* Starts where its last n lines begin, instead of at the oldest file. 0, -errno. */
int at_logsource_seek_tail(struct at_logsource *s, size_t n);
/*
 * Makes s->line the next line, if there is one. final: a last line without end counts too. 1: it
 * has one; 0: nothing more now; -errno.
 */
int at_logsource_fill(struct at_logsource *s, bool final);
/* Steps over s->line. */
void at_logsource_consume(struct at_logsource *s);

#endif
