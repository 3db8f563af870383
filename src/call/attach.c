/* The one message of a lifeline: my region (descriptor), its layout, and what I serve. */
#include <stddef.h>

#include "call/limits.h"
#include "call/link.h"
#include "control/message.h"

static const struct at_field fields[] = {
    {AT_FIELD_U32, offsetof(struct at_attach, version_min), 0},
    {AT_FIELD_U32, offsetof(struct at_attach, version_max), 0},
    {AT_FIELD_U32, offsetof(struct at_attach, region_bytes), 0},
    {AT_FIELD_U32, offsetof(struct at_attach, slots), 0},
    {AT_FIELD_BYTES, offsetof(struct at_attach, methods), AT_CALL_ATTACH_METHODS_MAX},
};

const struct at_message_kind at_attach_kind = {.type = AT_ATTACH,
                                               .field_count = sizeof(fields) / sizeof(fields[0]),
                                               .fds_max = 1,
                                               .name = "ATTACH",
                                               .fields = fields,
                                               .struct_size = sizeof(struct at_attach)};
