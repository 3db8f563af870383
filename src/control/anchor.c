/* The tables of control/anchor.h. */
#include "control/anchor.h"

#include "base/fd.h"
#include "control/limits.h"
#include "control/message.h"
#include "control/table.h"

// clang-format off
KIND_OF(at_anchor_drop, AT_ANCHOR_DROP, 0,
    BYTES_AT(at_anchor_drop, name, AT_CONTROL_NAME_MAX * 2));

KIND_OF(at_anchor_restore, AT_ANCHOR_RESTORE, 0,
    U32_AT(at_anchor_restore, pid));

KIND_OF(at_anchor_finished, AT_ANCHOR_FINISHED, 0,
    U32_AT(at_anchor_finished, code));

KIND_OF(at_anchor_exited, AT_ANCHOR_EXITED, 0,
    U32_AT(at_anchor_exited, pid),
    U32_AT(at_anchor_exited, status));

KIND_OF(at_anchor_restored, AT_ANCHOR_RESTORED, 0,
    U32_AT(at_anchor_restored, supervisors),
    U32_AT(at_anchor_restored, anchor_pid),
    BYTES_AT(at_anchor_restored, last_end, AT_CONTROL_REASON_MAX));

KIND_OF(at_anchor_system, 1, 0,
    U64_AT(at_anchor_system, next_generation),
    U64_AT(at_anchor_system, next_channel),
    U64_AT(at_anchor_system, started_wall_ns),
    U32_AT(at_anchor_system, flags),
    U64_AT(at_anchor_system, start_request),
    U32_AT(at_anchor_system, state),
    BYTES_AT(at_anchor_system, run_dir, AT_CONTROL_PATH_MAX),
    U32_AT(at_anchor_system, start_answered),
    U64_AT(at_anchor_system, grace_ns),
    BYTES_AT(at_anchor_system, uids, AT_CONTROL_UIDS_MAX));

KIND_OF(at_anchor_instance, 2, 0,
    BYTES_AT(at_anchor_instance, name, AT_CONTROL_NAME_MAX),
    U64_AT(at_anchor_instance, generation),
    U32_AT(at_anchor_instance, fd_mask),
    U32_AT(at_anchor_instance, state),
    U32_AT(at_anchor_instance, pid),
    U32_AT(at_anchor_instance, reaper_pid),
    U64_AT(at_anchor_instance, started_ns),
    U64_AT(at_anchor_instance, ready_ns),
    U32_AT(at_anchor_instance, restarts),
    U32_AT(at_anchor_instance, early_exits),
    BYTES_AT(at_anchor_instance, exits, AT_CONTROL_EXITS_MAX),
    BYTES_AT(at_anchor_instance, cgroup, AT_CONTROL_PATH_MAX),
    BYTES_AT(at_anchor_instance, contracts, AT_CONTROL_CONTRACTS_MAX),
    BYTES_AT(at_anchor_instance, last_exit, AT_CONTROL_REASON_MAX),
    U64_AT(at_anchor_instance, next_start_ns));

/* STORE and ENTRY are the same struct under two numbers. */
static const struct at_field entry_fields[] = {
    BYTES_AT(at_anchor_entry, name, AT_CONTROL_NAME_MAX * 2),
    BYTES_AT(at_anchor_entry, record, AT_CONTROL_RECORD_MAX),
};
// clang-format on

const struct at_message_kind at_anchor_store_kind = {.type = AT_ANCHOR_STORE,
                                                     .field_count = 2,
                                                     .fds_max = AT_FDS_PER_MESSAGE,
                                                     .name = "AT_ANCHOR_STORE",
                                                     .fields = entry_fields,
                                                     .struct_size = sizeof(struct at_anchor_entry)};
const struct at_message_kind at_anchor_entry_kind = {.type = AT_ANCHOR_ENTRY,
                                                     .field_count = 2,
                                                     .fds_max = AT_FDS_PER_MESSAGE,
                                                     .name = "AT_ANCHOR_ENTRY",
                                                     .fields = entry_fields,
                                                     .struct_size = sizeof(struct at_anchor_entry)};
