/* Limits of control messages. Each line: which attack or accident it stops. */
#ifndef AT_CONTROL_LIMITS_H
#define AT_CONTROL_LIMITS_H

enum {
    AT_CONTROL_NAME_MAX = 64,      /* a name that overflows paths and tables: service, instance */
    AT_CONTROL_CONTRACT_MAX = 255, /* full name of a proto service */
    AT_CONTROL_KEY_MAX = 127,      /* path of a request's field */
    AT_CONTROL_CONTRACTS_MAX = 33024, /* HELLO that fills the registry: 128 names of 255 */
    AT_CONTROL_REASON_MAX = 1024,     /* a sentence; more is a flood into logs and tables */
    AT_CONTROL_CONFIG_MAX = 60000,    /* a role's slice of the plan in one WELCOME */
    AT_CONTROL_HAVE_MAX = 24576,      /* channel ids after RESUME: over a thousand of them */
    AT_CONTROL_PATH_MAX = 4096,       /* a directory */
    AT_CONTROL_LIST_MAX = 4096,       /* missing walls, one a line */
    AT_CONTROL_RECORD_MAX = 60000,    /* what a supervisor stores under one name */
    AT_CONTROL_UIDS_MAX = 4096,       /* the uids of all services, 4 bytes each */
    AT_CONTROL_EXITS_MAX = 512,       /* remembered exits of one instance: 64 times */
};

#endif
