/*
 * Property: any bytes are refused or give a value, and that value packed and unpacked again is the
 * same; what was given stays within the limits of its table.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "control/anchor.h"
#include "control/message.h"
#include "control/operator.h"
#include "control/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STRUCT_MAX = 512 };

static const struct at_message_kind *const kinds[] = {
    &at_service_hello_kind,    &at_service_welcome_kind,  &at_service_want_kind,
    &at_service_open_kind,     &at_service_edge_kind,     &at_service_gone_kind,
    &at_service_pipes_kind,    &at_anchor_store_kind,     &at_anchor_instance_kind,
    &at_anchor_system_kind,    &at_anchor_restored_kind,  &at_operator_hello_kind,
    &at_operator_welcome_kind, &at_operator_start_kind,   &at_operator_status_kind,
    &at_operator_down_kind,    &at_operator_problem_kind, &at_operator_event_kind,
    &at_operator_row_kind,     &at_operator_result_kind,
};

static struct at_bytes bytes_of(const uint8_t *message, const struct at_field *f)
{
    struct at_bytes b;

    memcpy(&b, message + f->offset, sizeof(b));
    return b;
}

static void must_be_equal(const struct at_field *f, const uint8_t *a, const uint8_t *b)
{
    if (f->type == AT_FIELD_BYTES) {
        if (!at_bytes_equal(bytes_of(a, f), bytes_of(b, f)) || bytes_of(a, f).len > f->limit) {
            abort();
        }
    } else if (memcmp(a + f->offset, b + f->offset, f->type == AT_FIELD_U64 ? 8 : 4) != 0) {
        abort();
    }
}

static void round_trip(const struct at_message_kind *kind, struct at_bytes body)
{
    static uint8_t room[AT_MESSAGE_MAX];
    _Alignas(8) uint8_t first[STRUCT_MAX];
    _Alignas(8) uint8_t second[STRUCT_MAX];
    struct at_writer w = at_writer_over(room, sizeof(room));
    uint16_t type;
    struct at_bytes again;

    if (kind->struct_size > STRUCT_MAX) {
        abort();
    }
    if (at_message_unpack(kind, body, first) != 0) {
        return;
    }
    if (at_message_pack(kind, first, &w) != 0) {
        /* Only when absent fields, which read as zero, no longer fit behind a full message. */
        if (at_message_size(kind, first) <= AT_MESSAGE_MAX) {
            abort();
        }
        return;
    }
    if (at_message_open(at_writer_bytes(&w), &type, &again) != 0 || type != kind->type ||
        at_message_unpack(kind, again, second) != 0) {
        abort();
    }
    for (size_t i = 0; i < kind->field_count; i++) {
        must_be_equal(&kind->fields[i], first, second);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t type;
    struct at_bytes body;

    if (at_message_open(at_bytes_over(data, size), &type, &body) != 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        round_trip(kinds[i], body);
    }
    return 0;
}
