/* Pieces that header and source print alike. */
#ifndef AT_GENERATOR_EMIT_H
#define AT_GENERATOR_EMIT_H

#include "base/text.h"
#include "generator/model.h"

/* The comment of the .proto above a thing, at this indent; nothing when it has none. */
void at_gen_emit_comment(const struct at_gen_file *file, const struct at_gen_path *path,
                         const char *indent, struct at_text *out);
/* "Made by protoc-gen-atoll from …". */
void at_gen_emit_opening(const struct at_gen_file *file, struct at_text *out);

#endif
