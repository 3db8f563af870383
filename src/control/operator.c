/* The tables of control/operator.h, and where the operator's socket is. */
#include "control/operator.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/limits.h"
#include "control/table.h"

// clang-format off
KIND_OF(at_operator_hello, AT_OPERATOR_HELLO, 0,
    U32_AT(at_operator_hello, version_min),
    U32_AT(at_operator_hello, version_max),
    BYTES_AT(at_operator_hello, client, AT_CONTROL_NAME_MAX));

KIND_OF(at_operator_welcome, AT_OPERATOR_WELCOME, 0,
    U32_AT(at_operator_welcome, version),
    U32_AT(at_operator_welcome, anchor_pid),
    U32_AT(at_operator_welcome, supervisor_pid),
    U32_AT(at_operator_welcome, supervisors),
    BYTES_AT(at_operator_welcome, program, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_operator_welcome, system, AT_CONTROL_NAME_MAX),
    U64_AT(at_operator_welcome, started_wall_ns),
    BYTES_AT(at_operator_welcome, project, AT_CONTROL_PATH_MAX),
    BYTES_AT(at_operator_welcome, run_dir, AT_CONTROL_PATH_MAX),
    U32_AT(at_operator_welcome, state),
    BYTES_AT(at_operator_welcome, walls_missing, AT_CONTROL_LIST_MAX));

KIND_OF(at_operator_start, AT_OPERATOR_START, 2,
    U64_AT(at_operator_start, request),
    U32_AT(at_operator_start, flags));

KIND_OF(at_operator_ps, AT_OPERATOR_PS, 0,
    U64_AT(at_operator_ps, request));

KIND_OF(at_operator_status, AT_OPERATOR_STATUS, 0,
    U64_AT(at_operator_status, request),
    BYTES_AT(at_operator_status, service, AT_CONTROL_NAME_MAX));

KIND_OF(at_operator_watch, AT_OPERATOR_WATCH, 0,
    U64_AT(at_operator_watch, request));

KIND_OF(at_operator_down, AT_OPERATOR_DOWN, 0,
    U64_AT(at_operator_down, request),
    U64_AT(at_operator_down, grace_ns));

KIND_OF(at_operator_call, AT_OPERATOR_CALL, 0,
    U64_AT(at_operator_call, request));

KIND_OF(at_operator_result, AT_OPERATOR_RESULT, 0,
    U64_AT(at_operator_result, request),
    U32_AT(at_operator_result, code),
    BYTES_AT(at_operator_result, text, AT_CONTROL_REASON_MAX));

KIND_OF(at_operator_problem, AT_OPERATOR_PROBLEM, 0,
    U64_AT(at_operator_problem, request),
    BYTES_AT(at_operator_problem, service, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_operator_problem, file, AT_CONTROL_PATH_MAX),
    U32_AT(at_operator_problem, line),
    U32_AT(at_operator_problem, col),
    BYTES_AT(at_operator_problem, what, AT_CONTROL_REASON_MAX),
    BYTES_AT(at_operator_problem, hint, AT_CONTROL_REASON_MAX));

KIND_OF(at_operator_event, AT_OPERATOR_EVENT, 0,
    U64_AT(at_operator_event, request),
    U64_AT(at_operator_event, sequence),
    U64_AT(at_operator_event, wall_ns),
    U32_AT(at_operator_event, type),
    BYTES_AT(at_operator_event, service, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_operator_event, instance, AT_CONTROL_NAME_MAX),
    U32_AT(at_operator_event, state),
    U32_AT(at_operator_event, pid),
    U32_AT(at_operator_event, restarts),
    U64_AT(at_operator_event, took_ns),
    U64_AT(at_operator_event, next_start_ns),
    BYTES_AT(at_operator_event, reason, AT_CONTROL_REASON_MAX),
    U32_AT(at_operator_event, kind));

KIND_OF(at_operator_row, AT_OPERATOR_ROW, 0,
    U64_AT(at_operator_row, request),
    BYTES_AT(at_operator_row, service, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_operator_row, instance, AT_CONTROL_NAME_MAX),
    U32_AT(at_operator_row, kind),
    U32_AT(at_operator_row, state),
    U32_AT(at_operator_row, pid),
    U32_AT(at_operator_row, reaper_pid),
    U32_AT(at_operator_row, uid),
    U32_AT(at_operator_row, restarts),
    U64_AT(at_operator_row, uptime_ns),
    U64_AT(at_operator_row, memory_bytes),
    U64_AT(at_operator_row, memory_limit_bytes),
    U64_AT(at_operator_row, cpu_ns),
    U32_AT(at_operator_row, cpu_limit_milli),
    U32_AT(at_operator_row, pids),
    U32_AT(at_operator_row, pids_limit),
    BYTES_AT(at_operator_row, walls_missing, AT_CONTROL_LIST_MAX),
    BYTES_AT(at_operator_row, last_exit, AT_CONTROL_REASON_MAX),
    U32_AT(at_operator_row, channels),
    BYTES_AT(at_operator_row, contracts, AT_CONTROL_CONTRACTS_MAX));

KIND_OF(at_operator_peer, AT_OPERATOR_PEER, 0,
    U64_AT(at_operator_peer, request),
    BYTES_AT(at_operator_peer, from, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_operator_peer, to, AT_CONTROL_NAME_MAX),
    U32_AT(at_operator_peer, channels));

KIND_OF(at_operator_loss, AT_OPERATOR_LOSS, 0,
    U64_AT(at_operator_loss, request),
    BYTES_AT(at_operator_loss, instance, AT_CONTROL_NAME_MAX),
    U64_AT(at_operator_loss, wall_ns),
    U64_AT(at_operator_loss, lived_ns),
    BYTES_AT(at_operator_loss, reason, AT_CONTROL_REASON_MAX));

KIND_OF(at_operator_caller, AT_OPERATOR_CALLER, 1,
    U64_AT(at_operator_caller, request));
// clang-format on

const char *at_life_state_name(uint32_t state)
{
    static const char *const names[AT_LIFE_STATES] = {
        [AT_LIFE_DOWN] = "down",         [AT_LIFE_WAITING] = "waiting",
        [AT_LIFE_STARTING] = "starting", [AT_LIFE_READY] = "ready",
        [AT_LIFE_STOPPING] = "stopping", [AT_LIFE_BACKING_OFF] = "backing off",
        [AT_LIFE_FAILED] = "failed",
    };

    return state < AT_LIFE_STATES && names[state] != NULL ? names[state] : "?";
}

int at_operator_run_root(char *out, size_t cap)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int n;

    if (geteuid() == 0) {
        n = snprintf(out, cap, "/run/atoll");
    } else if (runtime != NULL && runtime[0] == '/') {
        n = snprintf(out, cap, "%s/atoll", runtime);
    } else {
        n = snprintf(out, cap, "/tmp/atoll-%u/atoll", (unsigned)geteuid());
    }
    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

int at_operator_socket_path(const char *system, char *out, size_t cap)
{
    int r = at_operator_run_root(out, cap);
    size_t len;
    int n;

    if (r < 0) {
        return r;
    }
    if (system[0] == '\0' || system[0] == '.' || strchr(system, '/') != NULL) {
        return -EINVAL;
    }
    len = strlen(out);
    n = snprintf(out + len, cap - len, "/%s/control.sock", system);
    return n < 0 || (size_t)n >= cap - len ? -ENAMETOOLONG : 0;
}
