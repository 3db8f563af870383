/* Starting atolld. */
#ifndef AT_CLI_LAUNCH_H
#define AT_CLI_LAUNCH_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "cli/place.h"

struct at_launch {
    pid_t pid;
    int sock;           /* our end of the operator socket; the caller's */
    uint64_t log_start; /* where atolld.log ended before */
};

/*
 * Starts atolld for that place, in a session of its own, so that Ctrl-C reaches us alone. Its
 * stderr goes to .atoll/atolld.log (which telemetry cannot reach), or stays ours when verbose. 0, or -errno with *diag.
 */
int at_launch_start(const struct at_place *place, bool verbose, struct at_launch *ret,
                    struct at_diag *diag);
/* What atolld wrote to its log since: its last lines, for a sentence about its death. */
void at_launch_last_words(const struct at_place *place, const struct at_launch *launch, char *out,
                          size_t cap);

#endif
