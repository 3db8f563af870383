/*
 * Who kept `up` from getting ready: the cause, once for the replicas that share it, and the last
 * lines that one of them wrote.
 */
#ifndef AT_CLI_CULPRITS_H
#define AT_CLI_CULPRITS_H

#include <stdint.h>

#include "cli/cli.h"
#include "cli/place.h"
#include "cli/progress.h"

struct at_culprits {
    struct at_cli *cli;
    const struct at_place *place;
    const struct at_progress *progress;
    uint64_t since_ns;   /* wall clock: lines of this run */
    const char *verdict; /* what was said already */
};

/* On stderr. Once everything is down, so that telemetry has written all of it. */
void at_culprits_show(const struct at_culprits *c);

#endif
