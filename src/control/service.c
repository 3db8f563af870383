/* The tables of control/service.h. */
#include "control/service.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "control/limits.h"
#include "control/table.h"

// clang-format off
#if AT_CONTROL_VERSION >= 2
#define HELLO_2 , BYTES_AT(at_service_hello, build, AT_CONTROL_NAME_MAX)
#define OPEN_2 , U64_AT(at_service_open, opened_ns)
#else
#define HELLO_2
#define OPEN_2
#endif

KIND_OF(at_service_hello, AT_SERVICE_HELLO, 0,
    U32_AT(at_service_hello, version_min),
    U32_AT(at_service_hello, version_max),
    BYTES_AT(at_service_hello, library, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_service_hello, contracts, AT_CONTROL_CONTRACTS_MAX),
    U64_AT(at_service_hello, generation),
    U32_AT(at_service_hello, layout_min),
    U32_AT(at_service_hello, layout_max) HELLO_2);

KIND_OF(at_service_welcome, AT_SERVICE_WELCOME, AT_FDS_PER_MESSAGE,
    U32_AT(at_service_welcome, version),
    U64_AT(at_service_welcome, generation),
    BYTES_AT(at_service_welcome, system, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_service_welcome, service, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_service_welcome, instance, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_service_welcome, config, AT_CONTROL_CONFIG_MAX));

KIND_OF(at_service_refused, AT_SERVICE_REFUSED, 0,
    BYTES_AT(at_service_refused, reason, AT_CONTROL_REASON_MAX));

KIND_OF(at_service_ready, AT_SERVICE_READY, 0,
    BYTES_AT(at_service_ready, status, AT_CONTROL_REASON_MAX));

KIND_OF(at_service_want, AT_SERVICE_WANT, 0,
    U64_AT(at_service_want, request),
    BYTES_AT(at_service_want, service, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_service_want, contract, AT_CONTROL_CONTRACT_MAX),
    BYTES_AT(at_service_want, have, AT_CONTROL_HAVE_MAX));

KIND_OF(at_service_open, AT_SERVICE_OPEN, 3,
    U64_AT(at_service_open, channel),
    U64_AT(at_service_open, request),
    U32_AT(at_service_open, side),
    U32_AT(at_service_open, flags),
    BYTES_AT(at_service_open, peer_service, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_service_open, peer_instance, AT_CONTROL_NAME_MAX),
    U64_AT(at_service_open, peer_generation),
    U32_AT(at_service_open, layout),
    U32_AT(at_service_open, balance),
    U32_AT(at_service_open, bound),
    U64_AT(at_service_open, slow_start_ns),
    BYTES_AT(at_service_open, key, AT_CONTROL_KEY_MAX),
    U32_AT(at_service_open, weight),
    U32_AT(at_service_open, replicas),
    U64_AT(at_service_open, ready_ns),
    U32_AT(at_service_open, max_message) OPEN_2);

KIND_OF(at_service_edge, AT_SERVICE_EDGE, 0,
    U64_AT(at_service_edge, request),
    U32_AT(at_service_edge, state),
    BYTES_AT(at_service_edge, service, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_service_edge, reason, AT_CONTROL_REASON_MAX));

KIND_OF(at_service_gone, AT_SERVICE_GONE, 0,
    U64_AT(at_service_gone, channel),
    BYTES_AT(at_service_gone, reason, AT_CONTROL_REASON_MAX));

KIND_OF(at_service_broken, AT_SERVICE_BROKEN, 0,
    U64_AT(at_service_broken, channel),
    BYTES_AT(at_service_broken, reason, AT_CONTROL_REASON_MAX));

KIND_OF(at_service_stop, AT_SERVICE_STOP, 0,
    U64_AT(at_service_stop, grace_ns));

KIND_OF(at_service_stopping, AT_SERVICE_STOPPING, 0,
    BYTES_AT(at_service_stopping, reason, AT_CONTROL_REASON_MAX));

KIND_OF(at_service_resume, AT_SERVICE_RESUME, 0,
    U64_AT(at_service_resume, supervisor));

KIND_OF(at_service_pipes, AT_SERVICE_PIPES, 2,
    BYTES_AT(at_service_pipes, service, AT_CONTROL_NAME_MAX),
    BYTES_AT(at_service_pipes, instance, AT_CONTROL_NAME_MAX),
    U64_AT(at_service_pipes, generation));
// clang-format on

int at_service_make_bell(void)
{
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}
