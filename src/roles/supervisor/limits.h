/* Limits of the supervisor. Each line: which attack or accident it stops. */
#ifndef AT_SUPERVISOR_LIMITS_H
#define AT_SUPERVISOR_LIMITS_H

enum {
    AT_SUPER_MESSAGES_PER_TURN = 16,     /* a chatty instance does not starve the others */
    AT_SUPER_MESSAGES_PER_SECOND = 4096, /* a flood on a control socket: the instance is dropped */
    AT_SUPER_WANTS_MAX = 512,            /* WANTs of one instance that eat memory and descriptors */
    AT_SUPER_REOPEN_MS = 1000,           /* BROKEN and WANT in a loop: rest between two OPENs */
    AT_SUPER_BROKEN_BLAMED = 16,         /* … and who did it so often pays for a full outbox */
    AT_SUPER_NOTES_MS = 1000,            /* one line in the log for the BROKENs of that time */
    AT_SUPER_PARTY_BYTES_MAX =
        1 << 20,                   /* an instance that never reads; a descriptor counts 1 KiB */
    AT_SUPER_OPERATORS_MAX = 64,   /* connections on control.sock */
    AT_SUPER_OPERATORS_SPARE = 16, /* … and so many more where none may watch: room for ps, down */
    AT_SUPER_CALLERS_MAX = 256,    /* calls of operators at once: each has channels of its own */
    AT_SUPER_OUTBOX_BYTES_MAX = 1 << 20, /* an operator that never reads */
    AT_SUPER_EVENTS_BYTES_MAX = 1 << 16, /* … loses events beyond this (it sees the gap) */
    AT_SUPER_LOSSES_KEPT = 8,            /* remembered ends per instance, for `atoll status` */
    AT_SUPER_PROBLEMS_MAX = 64,          /* START: problems told at once */
    AT_SUPER_SETTLE_MS = 200,         /* a program that dies at once passes for ready at its exec */
    AT_SUPER_LAST_BREATH_MS = 500,    /* a process that lives on without its control socket */
    AT_SUPER_FLUSH_MS = 1000,         /* last words to operators before leaving */
    AT_SUPER_KILL_GRACE_MS = 5000,    /* from SIGKILL until an end is taken for granted */
    AT_SUPER_UIDS_FILE_MAX = 1 << 20, /* /var/lib/atoll/uids */
    AT_SUPER_UIDS_LOCK_MS = 5000,     /* somebody who never lets go of their lock */
    AT_SUPER_UID_FIRST = 300000,      /* uids are allotted from here … */
    AT_SUPER_UID_LAST = 365535,       /* … to here */
};

#endif
