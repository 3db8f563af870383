/*
 * What the maker of a cage and its reaper say to each other: plain structs, no pointers.
 *
 *   arguments  atoll-reaper INSTANCE STATUS:RECORD:EXEC PATH ARGV…   (PATH "" = execute EXEC itself)
 *   STATUS     SEQPACKET socket for one struct at_step_report by the service process right before
 *              its exec, or by whoever failed; end of file without a failure means it runs
 *   RECORD     sealed memfd with one struct at_reaper_record, written when the service has ended
 *   EXEC       the program
 */
#ifndef AT_SANDBOX_RECORD_H
#define AT_SANDBOX_RECORD_H

#include <stdint.h>

enum {
    AT_REAPER_MAGIC = 0x52704161, /* "aApR" */
    AT_REAPER_VERSION = 1,
    AT_REAPER_RECORD_BYTES = 32,
};

struct at_reaper_record {
    uint32_t magic; /* written last of all words would not help: one pwrite is one copy */
    uint32_t version;
    int32_t wait_status; /* of the service process, as from wait4(2) */
    uint32_t reserved;
    uint64_t ended_ns; /* CLOCK_MONOTONIC */
    uint64_t reserved2;
};

_Static_assert(sizeof(struct at_reaper_record) == AT_REAPER_RECORD_BYTES, "fixed on both sides");

/* Steps in their order. The texts are in step.c. */
enum at_step {
    AT_STEP_NONE,
    AT_STEP_CGROUP,
    AT_STEP_USER_MAP,
    AT_STEP_SESSION,
    AT_STEP_LOOPBACK,
    AT_STEP_HOSTNAME,
    AT_STEP_NEW_ROOT,
    AT_STEP_ENTRY, /* detail: which entry of the root */
    AT_STEP_PROC,
    AT_STEP_PIVOT,
    AT_STEP_RLIMIT,
    AT_STEP_FDS,
    AT_STEP_IDS,
    AT_STEP_CAPS,
    AT_STEP_LANDLOCK,
    AT_STEP_WORKING_DIR,
    AT_STEP_SECCOMP,
    AT_STEP_REAPER,
    AT_STEP_FORK,
    AT_STEP_ABOUT_TO_EXEC, /* no failure: the service process says who it is */
    AT_STEP_EXEC,
    AT_STEPS,
};

enum { AT_STEP_DETAIL_MAX = 128 };

struct at_step_report {
    uint32_t step;
    int32_t error;                   /* errno */
    char detail[AT_STEP_DETAIL_MAX]; /* which path; cut off when longer; may be empty */
};

#endif
