/* Printing log lines: for people with a coloured prefix, for programs as JSON. */
#ifndef AT_CLI_LOGPRINT_H
#define AT_CLI_LOGPRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"
#include "cli/logset.h"

struct at_logprint {
    struct at_cli *cli;
    bool prefix;     /* whose line it is */
    bool timestamps; /* when it was written */
    size_t width;    /* of the prefix */
    bool is_open;    /* the array of -o json has begun */
};

/* One line to cli->out (JSON lines with -o json and jsonl). 0, or -EPIPE and the like. */
int at_logprint_line(struct at_logprint *p, const struct at_logset_line *line);
/* Prints everything that is there now, then flushes. 0, -errno. */
int at_logprint_all(struct at_logprint *p, struct at_logset *set);

/* After the last line: closes the array of -o json. */
void at_logprint_end(struct at_logprint *p);

#endif
