/* Limits of telemetry: what services write is a stranger's bytes. Each line: what it stops. */
#ifndef AT_ROLES_TELEMETRY_LIMITS_H
#define AT_ROLES_TELEMETRY_LIMITS_H

enum {
    AT_LOG_PIECE_MAX = 8192,       /* a line without end that fills memory; longer ones are cut */
    AT_LOG_READ_MAX = 65536,       /* one busy stream that starves the others in a turn */
    AT_LOG_FILE_BYTES = 8 << 20,   /* a log that fills the disk: rotated at this size … */
    AT_LOG_FILES = 5,              /* … and so many are kept for an instance */
    AT_LOG_RATE_BYTES = 4 << 20,   /* a flood that eats a processor: kept per second … */
    AT_LOG_BURST_BYTES = 8 << 20,  /* … after such a start; what is beyond is dropped */
    AT_LOG_STREAMS_MAX = 4096,     /* pipes without end from a confused supervisor */
    AT_LOG_INSTANCE_NAME_MAX = 80, /* a name that no file may have */
    AT_LOG_WRITE_BUFFER_MAX = 131072, /* lines waiting for one write: many tiny lines in one read */
};

/* How long a line may stay without its end before what there is of it is written. */
#define AT_LOG_PARTIAL_NS (1000 * UINT64_C(1000000))
/* After a write failed (a full disk), how long until the next attempt. */
#define AT_LOG_RETRY_NS (1000 * UINT64_C(1000000))
/* How often dropped lines are owned up to while a flood lasts. */
#define AT_LOG_NOTE_NS (1000 * UINT64_C(1000000))

#endif
