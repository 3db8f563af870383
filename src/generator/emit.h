/* Pieces that header and source print alike, and the parts of the header. */
#ifndef AT_GENERATOR_EMIT_H
#define AT_GENERATOR_EMIT_H

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
/* service_tables.c: thunks and table of a service; the contract, once for all of a file. */
void at_gen_emit_service_table(const struct at_gen_service *s, struct at_text *out);
int at_gen_emit_contract(const struct at_gen_file *file, struct at_text *out);

#endif
