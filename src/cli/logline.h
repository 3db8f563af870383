/*
 * One line of a log file, as telemetry writes it: "TIME STREAM text". Files are input: a line that
 * is no such line is given as it stands, with the time that it begins with ("time=…", as our own
 * logs have it), or of the line before it.
 */
#ifndef AT_CLI_LOGLINE_H
#define AT_CLI_LOGLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct at_logline {
    uint64_t wall_ns;       /* 0: not told */
    struct at_bytes stream; /* "stdout", "stderr", "atoll"; empty: not told */
    bool goes_on;           /* the next line of the stream continues this one */
    struct at_bytes text;
};

/*
 * line is without its end. Borrows. False: it has not that form; then all of it is text, and
 * wall_ns is set when it begins with a time.
 */
bool at_logline_parse(struct at_bytes line, struct at_logline *ret);

/* "2026-01-31T12:00:00.123Z", with any number of decimals, "Z" or "+01:00", or only a date. */
bool at_logline_parse_time(struct at_bytes text, uint64_t *ret_wall_ns);
/* A time, or a duration before now ("10m"). */
bool at_logline_parse_when(struct at_bytes text, uint64_t now_wall_ns, uint64_t *ret_wall_ns);

/*
 * "cart.1.log" and "cart.1.log.3": the instance "cart.1", and 0 or 3. False: no log's name.
 */
bool at_logline_parse_file(struct at_bytes name, struct at_bytes *ret_instance,
                           uint32_t *ret_number);
/* "cart.1" → "cart". */
struct at_bytes at_logline_service(struct at_bytes instance);

#endif
