/* What a peer may ask of the codec. Each line names the attack that it stops. */
#ifndef AT_PB_LIMITS_H
#define AT_PB_LIMITS_H

enum {
    AT_PB_DEPTH_MAX = 101, /* messages within messages, with the outermost: exhausting our frames */
    AT_PB_MESSAGE_MAX = 0x7FFFFFFF, /* bytes of one message: lengths that overflow 32-bit sums */
    AT_PB_COUNT_MAX = 1 << 24,      /* elements of one repeated field: 2 bytes in, a struct out */
    AT_PB_FIELD_NUMBER_MAX = 536870911,
    AT_JSON_DEPTH_MAX = 256,          /* a million '[': exhausting the stack of containers */
    AT_JSON_NUMBER_MAX = 400,         /* bytes of one number: quadratic conversion of long digits */
    AT_PBTEXT_NUMBER_MAX = 400,       /* characters of a number with a point: the same */
    AT_PBTEXT_NAME_MAX = 512,         /* characters of a name in brackets */
    AT_PBTEXT_UNKNOWN_DEPTH_MAX = 10, /* guesses that bytes are a message: each reads them again */
    AT_PBTEXT_ANY_BYTES_MAX = 256 << 20, /* what Anys hold, while they are printed */
    AT_JSON_ANY_DEPTH_MAX = 20,       /* Any within Any: text read again for each, "@type" last */
    AT_JSON_ANY_BYTES_MAX = 64 << 20, /* memory for the contents of Any in one printing */
    AT_POOL_MESSAGES_MAX = 65536, /* message types of one pool: a descriptor set as a memory bomb */
    AT_POOL_FIELDS_MAX = 65535,   /* fields of one message type */
    AT_POOL_SERVICES_MAX = 4096,  /* services of one pool: each is looked at for a short name */
    AT_POOL_STRUCT_MAX = 65535,   /* bytes of a message struct: its table has 16 bits for a place */
    AT_POOL_NEST_MAX = 32,        /* types declared within types */
    AT_POOL_NAME_MAX = 4096,      /* bytes of a full name: names made longer by each nesting */
    AT_POOL_RANGES_MAX = 1024, /* extension ranges of a message: each is looked at per extension */
    AT_POOL_HTTP_RULES_MAX = 32,    /* additional_bindings of one method */
    AT_TEMPLATE_SEGMENTS_MAX = 64,  /* of a path: matching work per request */
    AT_TEMPLATE_VARIABLES_MAX = 16, /* of one path template */
    AT_POOL_BYTES_MAX = 64 << 20,   /* memory of one pool */
};

#endif
