/*
 * The protobuf text format, for tools: `item_id: 7 tags { name: "new" }`.
 *
 * Reading takes the published text format language: both kinds of brackets, lists, comments,
 * adjacent strings, extensions as [pkg.name], an expanded Any as [type.googleapis.com/pkg.Name].
 * A field that can be there once must not be there twice; of equal map keys the last one stays.
 * Names are those of the .proto file; a group goes by the name of its type. Names that a .proto only
 * reserves are unknown like any other.
 *
 * Writing prints fields by ascending number, which reading takes back to the same message, except
 * that unknown fields (AT_PBTEXT_UNKNOWN) go by number and are not read.
 */
#ifndef AT_PB_PBTEXT_H
#define AT_PB_PBTEXT_H

#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/fault.h"
#include "pb/json_message.h"

enum at_pbtext_flags {
    AT_PBTEXT_UNKNOWN = 1,        /* writing: fields without a name, by number */
    AT_PBTEXT_ONE_LINE = 2,       /* writing: without line feeds */
    AT_PBTEXT_MASK_SENSITIVE = 4, /* writing: fields marked (atoll.field).sensitive are "***" */
};

enum at_pbtext_result {
    AT_PBTEXT_OK = 0,
    AT_PBTEXT_BAD_TEXT = 1,  /* not the text format */
    AT_PBTEXT_BAD_VALUE = 2, /* text format, but not this message */
};

/* How to read or to write; all zero: on several lines, without Any. */
struct at_pbtext_how {
    uint32_t flags;                    /* enum at_pbtext_flags */
    const struct at_json_types *types; /* NULL: an Any is read and written as its two fields */
    struct at_pb_fault *fault;         /* NULL: nobody wants to know */
};

/*
 * Text into a message of desc->struct_size bytes, which is made empty first. Everything lives in
 * the arena; the text may go. 0, an at_pbtext_result with fault filled in: "line 3, column 5: field
 * items[1].price: …", or -ENOMEM.
 */
int at_pbtext_read(const struct at_pbtext_how *how, const struct atoll_message_desc *desc,
                   struct at_bytes text, struct at_arena *arena, void *message);

/*
 * The message behind what is in out already. An Any whose type is known and whose value decodes is
 * printed expanded, any other as its two fields. 0; -ENOMEM; AT_PBTEXT_BAD_VALUE: nested deeper
 * than the limit.
 */
int at_pbtext_write(const struct at_pbtext_how *how, const struct atoll_message_desc *desc,
                    const void *message, struct at_text *out);

#endif
