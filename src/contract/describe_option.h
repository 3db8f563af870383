/* Options as a .proto writes them. Inner header of describe*.c. */
#ifndef AT_CONTRACT_DESCRIBE_OPTION_H
#define AT_CONTRACT_DESCRIBE_OPTION_H

#include <stddef.h>

#include <atoll/message.h>

#include "base/text.h"
#include "contract/describe.h"

enum at_option_style {
    AT_OPTION_STATEMENTS, /* "option deprecated = true;" each on a line of its own */
    AT_OPTION_BRACKETS,   /* "deprecated = true, packed = false" */
};

/*
 * Appends every option that is set. desc: of the generated struct; options: NULL writes nothing.
 * level: of indentation, for statements. The count of options written is added to *count; before
 * the first one in brackets nothing is written, so that the caller may. 0 or -ENOMEM.
 */
int at_describe_options(const struct at_describer *d, const struct atoll_message_desc *desc,
                        const void *options, enum at_option_style style, size_t level,
                        struct at_text *out, size_t *count);

#endif
