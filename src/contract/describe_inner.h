/*
 * A declaration in work: what describe*.c share. describe.c walks types in types, describe_field.c
 * writes fields, describe_option.c options.
 */
#ifndef AT_CONTRACT_DESCRIBE_INNER_H
#define AT_CONTRACT_DESCRIBE_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/text.h"
#include "contract/describe.h"
#include "contract/limits.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

struct at_describe_frame {
    const struct at_set_symbol *message;
    size_t next; /* among the children, which are sorted by what is around them */
};

struct at_describe_work {
    const struct at_describer *d;
    struct at_text *out;
    struct at_text comment;
    size_t level;
    const struct at_set_symbol **children; /* by parent, then in the order of declaration */
    size_t child_count;
    struct at_describe_frame frames[AT_SET_NEST_MAX + 2];
    size_t depth;
    int result;
};

/* ---- describe_field.c ---- */

void at_describe_indent(struct at_describe_work *w);
void at_describe_text(struct at_describe_work *w, struct atoll_str s);
/* What at_comment_add() left in w->comment, as lines of a comment; empties it. */
void at_describe_comment(struct at_describe_work *w);
/* Options as statements. True: there were some. */
bool at_describe_statements(struct at_describe_work *w, const struct atoll_message_desc *desc,
                            const void *options);
/* Without the package, when it is that of the file. */
void at_describe_type_name(struct at_describe_work *w, const struct at_set_file *from,
                           const struct at_set_symbol *type);
/* A line with a field, behind its comment. */
void at_describe_field(struct at_describe_work *w, const struct at_set_file *file,
                       const struct google_protobuf_FieldDescriptorProto *f);
/* "repeated group Part = 8", when the type is of a group; else false and nothing. */
bool at_describe_group(struct at_describe_work *w, const struct at_set_symbol *type);
/* All fields of a message, then its ranges and what it reserves. */
void at_describe_fields(struct at_describe_work *w, const struct at_set_symbol *message);
/* "reserved 5, 7 to 9", a piece of it: end is the last number that belongs to the range. */
void at_describe_range(struct at_describe_work *w, const char *before, int32_t start, int32_t end,
                       int32_t max);
void at_describe_reserved_names(struct at_describe_work *w, const struct atoll_str *names,
                                size_t count);

#endif
