/* JSON to message: what the reading loop, Any and the explanation of a failure share. */
#ifndef AT_PB_JSON_PARSER_H
#define AT_PB_JSON_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/json_value.h"
#include "pb/limits.h"

enum at_json_inside {
    AT_JSON_IN_MESSAGE, /* between members */
    AT_JSON_IN_LIST,    /* of the frame's field */
    AT_JSON_IN_MAP,
};

/* An Any that is being read: its content is the message of a frame. */
struct at_json_any {
    const struct atoll_message_desc *desc; /* of the Any itself */
    uint8_t *message;
    struct atoll_str type_url;
    bool as_value;  /* the content stands in the member "value" */
    bool type_seen; /* the member "@type" came by */
    bool value_seen;
};

/* A message that is being filled. */
struct at_json_frame {
    const struct atoll_message_desc *desc;
    uint8_t *message;
    const struct atoll_field_desc *field; /* in work; NULL: none yet */
    uint64_t *seen;                       /* a bit per field that was there; NULL: seen_few */
    uint64_t seen_few;
    struct at_json_any *any; /* it is the content of this one; else NULL */
    uint32_t next;           /* index of the field that is likely to come */
    uint8_t inside;          /* enum at_json_inside */
    bool bare;               /* a list or map that stands for the whole message, as a Struct's */
    uint8_t level;           /* messages around it on the wire, itself included */
};

struct at_json_parser {
    struct at_json_reader reader;
    struct at_json_source source;
    const struct at_json_types *types;
    uint32_t flags;           /* enum at_json_read_flags */
    uint32_t depth;           /* frames in use */
    uint32_t anys;            /* of them contents of an Any */
    bool field_only;          /* the text is the value of one field, not a message */
    struct at_bytes bad_name; /* a member that the message does not have */
    struct at_json_frame frames[AT_PB_DEPTH_MAX];
};

static inline struct at_json_frame *at_json_top(struct at_json_parser *p)
{
    return &p->frames[p->depth - 1];
}

/* The level of a message that is a value in the frame in work; a map's entry is a message too. */
static inline unsigned at_json_level_below(const struct at_json_parser *p)
{
    const struct at_json_frame *top = &p->frames[p->depth - 1];

    return p->depth == 0 ? 1 : top->level + (top->inside == AT_JSON_IN_MAP ? 2U : 1U);
}

/* One more frame; the message is empty and its JSON is an object whose '{' was read. */
int at_json_push(struct at_json_parser *p, const struct atoll_message_desc *desc, void *message,
                 unsigned level);
/*
 * Reads a message whose first token this is, or pushes the frame that will. `message` is made empty
 * here. 0, an at_json_result or -ENOMEM.
 */
int at_json_begin(struct at_json_parser *p, const struct atoll_message_desc *desc,
                  const struct at_json_token *token, void *message, unsigned level);

/* Any: behind its '{'. Finds out the type and pushes the frame of the content. */
int at_json_begin_any(struct at_json_parser *p, const struct atoll_message_desc *desc,
                      void *message);
/*
 * A member of a message in an Any. *ret_done: it was dealt with, or a frame was pushed for it; else
 * it is one of the message's own, and nothing was read.
 */
int at_json_any_member(struct at_json_parser *p, struct at_json_frame *frame, struct at_bytes name,
                       bool *ret_done);
/* The content is complete: encodes it into the Any. */
int at_json_end_any(struct at_json_parser *p, struct at_json_frame *frame);

/* Fills the fault for a result > 0. */
void at_json_explain(const struct at_json_parser *p, int result, struct at_pb_fault *fault);
/* "shop.v1.Item has no field "itemid"; did you mean "itemId"?" */
void at_json_explain_name(const struct atoll_message_desc *desc, struct at_bytes name,
                          char out[AT_PB_WHAT_MAX]);
/*
 * Adds ".name" and, unless element is SIZE_MAX, "[element]" to a path of AT_PB_FIELD_PATH_MAX that
 * has len characters; an empty name is left out. Returns the new length.
 */
size_t at_json_add_step(char *path, size_t len, const char *name, size_t element);

#endif
