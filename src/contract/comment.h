/*
 * The comments of a .proto as plain text, from the source info of its set. Sets that programs
 * carry have none; those that protoc writes with --include_source_info do.
 */
#ifndef AT_CONTRACT_COMMENT_H
#define AT_CONTRACT_COMMENT_H

#include <stdbool.h>

#include "base/text.h"
#include "contract/set.h"

/*
 * Appends the comment before and behind a declaration: without the marks, without the blank that
 * follows them, lines ended by '\n' but for the last. Nothing when there is none.
 */
void at_comment_add(const struct at_set_file *file, const struct at_set_path *path,
                    struct at_text *out);
/* The same of a message, enum, service or extension. */
void at_comment_add_of(const struct at_set_symbol *symbol, struct at_text *out);
/* The same of the index-th entry of a list in its descriptor: field 2 of a message is its fields. */
void at_comment_add_in(const struct at_set_symbol *symbol, int32_t field, size_t index,
                       struct at_text *out);

#endif
