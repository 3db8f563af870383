/* Pieces that header and source print alike, and the parts of the header. */
#ifndef AT_GENERATOR_EMIT_H
#define AT_GENERATOR_EMIT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/text.h"
#include "generator/model.h"

/* Around what names deprecated things itself: the warning is for those who use them. */
#define AT_GEN_QUIET_BEGIN                                                                         \
    "#if defined(__GNUC__)\n"                                                                      \
    "#pragma GCC diagnostic push\n"                                                                \
    "#pragma GCC diagnostic ignored \"-Wdeprecated-declarations\"\n"                               \
    "#endif\n\n"
#define AT_GEN_QUIET_END                                                                           \
    "#if defined(__GNUC__)\n"                                                                      \
    "#pragma GCC diagnostic pop\n"                                                                 \
    "#endif\n\n"

/*
 * The comments of the .proto that belong to a thing, at this indent: those that stand by themselves
 * before it, then the one above it and the one behind it as one. Nothing when it has none. What C
 * would take for more than text is defused; all else is kept, whatever the script.
 */
void at_gen_emit_comment(const struct at_gen_file *file, const struct at_gen_path *path,
                         const char *indent, struct at_text *out);
/* "int32_t": of a field that is no message; NULL for one. */
const char *at_gen_scalar_type(const struct at_gen_field *f);
/* "Made by protoc-gen-atoll from …". */
void at_gen_emit_opening(const struct at_gen_file *file, struct at_text *out);
/* service.c: everything about a service that stands in the header. */
void at_gen_emit_service(const struct at_gen_file *file, const struct at_gen_service *s,
                         struct at_text *out);
/* helpers.c: functions that make work with a message easier. */
void at_gen_emit_helpers(const struct at_gen_message *m, struct at_text *out);
/*
 * initial.c: the image with the defaults of a message, "X__initial". 1: there is one; 0: none is
 * needed; -EBADMSG: a default is no value of its field; -ENOMEM.
 */
int at_gen_emit_initial(const struct at_gen_file *file, const struct at_gen_message *m,
                        struct at_text *out);
/* Do the images of a file name INFINITY or NAN? */
bool at_gen_needs_math(const struct at_gen_file *file);
/* Text inside of a C string: what is not plainly itself as three octal digits. */
void at_gen_emit_escaped(struct at_bytes text, struct at_text *out);
/* service_tables.c: thunks and table of a service; the contract, once for all of a file. */
void at_gen_emit_service_table(const struct at_gen_service *s, struct at_text *out);
int at_gen_emit_contract(const struct at_gen_file *file, struct at_text *out);

#endif
