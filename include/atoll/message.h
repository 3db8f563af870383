/*
 * Messages, services and their tables: what generated code (protoc-gen-atoll) and libatoll share.
 *
 * ABI, once 1.0 is out. A struct that begins with its own size may grow at its end: a reader looks
 * at a member only when the size says that the generator knew it, so a service built last year runs
 * with a library of today, and with last year's library a newer service does, for what it may
 * leave out. Structs without a size (a field, a name, a value: they stand in arrays that calls walk
 * through) never change; what newer generators know of a field goes into one more array, named at
 * the end of atoll_message_desc. Numbers of enums keep their meaning and are only added to.
 */
#ifndef ATOLL_MESSAGE_H
#define ATOLL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For generated code: `option deprecated` of a .proto, and a conversion that C++ takes too. */
#if defined(__GNUC__)
#define ATOLL_DEPRECATED __attribute__((deprecated))
#else
#define ATOLL_DEPRECATED
#endif
#ifdef __cplusplus
#define ATOLL_CAST(type, value) static_cast<type>(value)
#else
#define ATOLL_CAST(type, value) ((type)(value))
#endif

/* A string or bytes field: borrowed, not NUL-terminated. printf with "%.*s", (int)s.len, s.at. */
struct atoll_str {
    const char *at;
    size_t len;
};

#define ATOLL_STR(literal) ((struct atoll_str){("" literal), sizeof(literal) - 1})

/*
 * Fields that a message had and its table does not know, in wire form: a peer with a newer contract
 * sent them. Kept by decoding, written back behind the known fields by encoding. The list is a
 * ring: a message points to the last piece, whose next is the first; NULL: none.
 */
struct atoll_unknown {
    struct atoll_unknown *next;
    struct atoll_str bytes; /* whole fields: tag and value; borrowed from the decoded buffer */
};

/* The type of a field; numbers as in google.protobuf.FieldDescriptorProto.Type. */
enum atoll_type {
    ATOLL_TYPE_DOUBLE = 1,  /* double */
    ATOLL_TYPE_FLOAT = 2,   /* float */
    ATOLL_TYPE_INT64 = 3,   /* int64_t */
    ATOLL_TYPE_UINT64 = 4,  /* uint64_t */
    ATOLL_TYPE_INT32 = 5,   /* int32_t */
    ATOLL_TYPE_FIXED64 = 6, /* uint64_t */
    ATOLL_TYPE_FIXED32 = 7, /* uint32_t */
    ATOLL_TYPE_BOOL = 8,    /* bool */
    ATOLL_TYPE_STRING = 9,  /* struct atoll_str, UTF-8 */
    ATOLL_TYPE_GROUP = 10, /* as MESSAGE; on the wire between two tags instead of behind a length */
    ATOLL_TYPE_MESSAGE = 11, /* pointer; NULL is absent. Repeated: the structs themselves */
    ATOLL_TYPE_BYTES = 12,   /* struct atoll_str */
    ATOLL_TYPE_UINT32 = 13,  /* uint32_t */
    ATOLL_TYPE_ENUM = 14,    /* int32_t; a number without a name is kept, see ATOLL_FIELD_CLOSED */
    ATOLL_TYPE_SFIXED32 = 15,
    ATOLL_TYPE_SFIXED64 = 16,
    ATOLL_TYPE_SINT32 = 17,
    ATOLL_TYPE_SINT64 = 18,
};

/* How a field stands in its struct, and how it is sent. */
enum atoll_form {
    ATOLL_FORM_IMPLICIT = 0, /* the value; zero or empty is not sent. Messages: the pointer */
    ATOLL_FORM_OPTIONAL = 1, /* a bool at `presence` says whether it is there (not for messages) */
    ATOLL_FORM_ONEOF = 2,    /* a uint32_t at `presence` holds the number of the set member */
    ATOLL_FORM_REPEATED = 3, /* struct { T *at; size_t count; } */
    ATOLL_FORM_PACKED = 4,   /* the same; goes out packed. Both are read from either form */
    ATOLL_FORM_MAP = 5,      /* the same, of entries: messages with fields 1 (key) and 2 (value) */
};

enum atoll_field_flags {
    ATOLL_FIELD_DEPRECATED = 1,
    ATOLL_FIELD_REQUIRED = 2,  /* decoding and encoding fail when it is absent */
    ATOLL_FIELD_ANY_BYTES = 4, /* a string that is not checked for UTF-8 (proto2) */
    ATOLL_FIELD_CLOSED = 8,    /* an enum of proto2: a number without a name is an unknown field */
    ATOLL_FIELD_EXTENSION = 16,
    ATOLL_FIELD_SENSITIVE = 32, /* (atoll.field).sensitive: tools and logs print "***" */
};

struct atoll_message_desc;
struct atoll_enum_desc;

/* One field: what a call needs of it. 12 bytes; never changes. */
struct atoll_field_desc {
    uint32_t tag;      /* number << 3 | wire type, as it is sent; a group's: where it begins */
    uint16_t offset;   /* of the value in the message struct, which has at most 65535 bytes */
    uint16_t presence; /* offset; see enum atoll_form; else 0 */
    uint16_t of;       /* messages, groups and enums: index in the message's `types`; else 0 */
    uint8_t kind;      /* enum atoll_form << 5 | enum atoll_type */
    uint8_t flags;     /* enum atoll_field_flags */
};

#define ATOLL_KIND(form, type) (ATOLL_FORM_##form << 5 | ATOLL_TYPE_##type)

/* What a field is called: places in the message's `text`, each also ended by a NUL. Never changes. */
struct atoll_field_name {
    uint32_t name_at; /* "item_id"; of an extension its full name */
    uint32_t json_at; /* "itemId"; of an extension "[pkg.name]" */
    uint16_t name_len;
    uint16_t json_len;
};

union atoll_type_ref {
    const struct atoll_message_desc *message;
    const struct atoll_enum_desc *enumeration;
};

enum atoll_message_flags {
    ATOLL_MESSAGE_MAP_ENTRY = 1,
    ATOLL_MESSAGE_DEPRECATED = 2,
    ATOLL_MESSAGE_HAS_MAPS = 4,     /* a map field: equal keys are merged when it was read */
    ATOLL_MESSAGE_HAS_REQUIRED = 8, /* a field of its own is required */
    ATOLL_MESSAGE_SET = 16,         /* option message_set_wire_format */
};

struct atoll_message_desc {
    uint32_t size;        /* of this struct, as the generator knew it */
    uint32_t struct_size; /* of the message struct */
    uint32_t field_count;
    uint32_t dense_count;                  /* field i has number i + 1 for every i below it */
    uint32_t unknown_offset;               /* of the struct atoll_unknown * in the message struct */
    uint32_t flags;                        /* enum atoll_message_flags */
    const struct atoll_field_desc *fields; /* by ascending number */
    const union atoll_type_ref *types;     /* the types that fields name by `of` */
    const void *initial; /* an empty message with its defaults (proto2); NULL: all bytes zero */
    const struct atoll_field_name *names; /* of the fields, in the same order */
    const char *text;
    const char *full_name; /* "shop.stock.v1.GetItemRequest" */
};

/*
 * A field that is declared elsewhere than in its message (proto2 `extend`). The structs of generated
 * code have no place for it: there it stays among the unknown fields of its message, and is read
 * and written as a holder, a message whose only field it is. See <atoll/codec.h>.
 */
struct atoll_extension_desc {
    uint32_t size;                             /* of this struct, as the generator knew it */
    uint32_t flags;                            /* 0 */
    const struct atoll_message_desc *extendee; /* whose field it is */
    const struct atoll_message_desc *holder;   /* has this one field, by its number and full name */
};

struct atoll_enum_value {
    int32_t number;
    const char *name; /* "KIND_ADD" */
};

struct atoll_enum_desc {
    size_t size;
    const char *full_name;
    const struct atoll_enum_value
        *values; /* by ascending number; of aliases the first declared first */
    size_t value_count;
};

struct atoll_call;
struct atoll_stream;

enum atoll_idempotency {
    ATOLL_IDEMPOTENCY_UNKNOWN = 0, /* at most once */
    ATOLL_NO_SIDE_EFFECTS = 1,     /* may be sent again; numbers as google.protobuf.MethodOptions */
    ATOLL_IDEMPOTENT = 2,
};

enum atoll_method_flags {
    ATOLL_METHOD_CLIENT_STREAMS = 1,
    ATOLL_METHOD_SERVER_STREAMS = 2,
    ATOLL_METHOD_DEPRECATED = 4,
    ATOLL_METHOD_POOLED = 8, /* (atoll.method).pooled: the handler may block */
};

struct atoll_method_desc {
    size_t size;      /* of this struct, as the generator knew it */
    const char *name; /* "GetItem" */
    const struct atoll_message_desc *input;
    const struct atoll_message_desc *output;
    uint32_t flags;       /* enum atoll_method_flags */
    uint32_t idempotency; /* enum atoll_idempotency */
    /*
     * Calls the handler in the generated vtable; NULL handler: returns atoll_unimplemented(call).
     * NULL: the method streams.
     */
    int (*invoke)(const void *handlers, struct atoll_call *call, const void *in, void *out);
    /*
     * The same of a method that streams; else NULL. `in` is the request when only the server
     * streams, `out` the reply when only the client does, else NULL.
     */
    int (*stream)(const void *handlers, struct atoll_call *call, struct atoll_stream *stream,
                  const void *in, void *out);
    uint64_t timeout_ns;        /* of calls without a deadline: (atoll.method).timeout; 0: none */
    uint32_t max_request_bytes; /* (atoll.method).max_request_bytes; 0: none */
};

struct atoll_service_desc {
    size_t size;
    const char *full_name; /* "shop.stock.v1.StockService" */
    const struct atoll_method_desc *methods;
    size_t method_count;
    const void *contract; /* a FileDescriptorSet: the file that declares it, behind its imports */
    size_t contract_len;
};

/*
 * For generated code: notes in the ELF section .atoll.serves, a list of NUL-terminated names, that
 * this program serves a contract; .atoll.contract also holds those that it only calls. Emitted
 * where the function around it is, so only in programs that use it.
 */
#if defined(__GNUC__) && defined(__ELF__)
#define ATOLL_NOTE_SERVED(full_name)                                                               \
    __asm__(".pushsection .atoll.serves,\"aR\",%progbits\n\t.asciz \"" full_name                   \
            "\"\n\t.popsection")
#else
#define ATOLL_NOTE_SERVED(full_name) ((void)0)
#endif

/* A service contract and who serves it. */
struct atoll_service {
    const struct atoll_service_desc *desc;
    const void *handlers; /* the generated vtable; borrowed while serving */
};

#ifdef __cplusplus
}
#endif

#endif
