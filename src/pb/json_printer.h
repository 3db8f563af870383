/* Message to JSON: what the printing loop and Any share. */
#ifndef AT_PB_JSON_PRINTER_H
#define AT_PB_JSON_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/json_value.h"
#include "pb/limits.h"

/* A message that is being printed. */
struct at_json_print_frame {
    const struct atoll_message_desc *desc;
    const uint8_t *message;
    uint32_t field;   /* index of the field in work */
    uint32_t end;     /* fields from here on are not ours to print */
    size_t element;   /* of a repeated field: the next one */
    bool in_repeated; /* the list or map of the field is open */
    bool as_value;    /* the form of the message is still to be printed, as an Any's "value" */
    bool bare;        /* prints a field's value alone: no braces, no name */
    bool any;         /* the content of an Any */
};

struct at_json_printer {
    struct at_json_writer *out;
    const struct at_json_types *types;
    struct at_arena *scratch; /* contents of Any */
    struct at_arena own;      /* when none is given; takes memory only when there is an Any */
    uint32_t flags;           /* enum at_json_write_flags */
    uint32_t depth;
    char why[AT_JSON_WHY_MAX]; /* of AT_JSON_BAD_VALUE */
    struct at_json_print_frame frames[AT_PB_DEPTH_MAX];
};

int at_json_print_refuse(struct at_json_printer *p, const char *why);
/* One more frame: an object of the message's fields, whose '{' was written. */
int at_json_print_push(struct at_json_printer *p, const struct atoll_message_desc *desc,
                       const void *message);
/* Prints a message, or pushes the frame that will. */
int at_json_print_begin(struct at_json_printer *p, const struct atoll_message_desc *desc,
                        const void *message);
/* The same for google.protobuf.Any. */
int at_json_print_any(struct at_json_printer *p, const struct atoll_message_desc *desc,
                      const uint8_t *message);

#endif
