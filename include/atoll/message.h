/*
 * Messages, services and their tables: what generated code (protoc-gen-atoll) and libatoll share.
 *
 * ABI: tables only grow. Each table struct begins with its own size as the generator knew it, so
 * that a service built last year runs with a library of today. Fields are added at the end.
 */
#ifndef ATOLL_MESSAGE_H
#define ATOLL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
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
    ATOLL_TYPE_DOUBLE = 1,   /* double */
    ATOLL_TYPE_FLOAT = 2,    /* float */
    ATOLL_TYPE_INT64 = 3,    /* int64_t */
    ATOLL_TYPE_UINT64 = 4,   /* uint64_t */
    ATOLL_TYPE_INT32 = 5,    /* int32_t */
    ATOLL_TYPE_FIXED64 = 6,  /* uint64_t */
    ATOLL_TYPE_FIXED32 = 7,  /* uint32_t */
    ATOLL_TYPE_BOOL = 8,     /* bool */
    ATOLL_TYPE_STRING = 9,   /* struct atoll_str, UTF-8 */
    ATOLL_TYPE_GROUP = 10,   /* not made by this generator */
    ATOLL_TYPE_MESSAGE = 11, /* pointer; NULL is absent. Repeated: the structs themselves */
    ATOLL_TYPE_BYTES = 12,   /* struct atoll_str */
    ATOLL_TYPE_UINT32 = 13,  /* uint32_t */
    ATOLL_TYPE_ENUM = 14,    /* int32_t; a number without a name is kept */
    ATOLL_TYPE_SFIXED32 = 15,
    ATOLL_TYPE_SFIXED64 = 16,
    ATOLL_TYPE_SINT32 = 17,
    ATOLL_TYPE_SINT64 = 18,
};

/* How a field stands in its struct. */
enum atoll_mode {
    ATOLL_MODE_IMPLICIT = 0, /* the value; zero or empty is not sent. Messages: the pointer */
    ATOLL_MODE_OPTIONAL = 1, /* a bool at presence_offset says whether it is there */
    ATOLL_MODE_ONEOF = 2,    /* a uint32_t at presence_offset holds the number of the set member */
    ATOLL_MODE_REPEATED = 3, /* struct { T *at; size_t count; } */
};

enum atoll_field_flags {
    ATOLL_FIELD_PACKED = 1, /* repeated scalars go out packed; both forms are read */
    ATOLL_FIELD_MAP = 2,    /* repeated map entries: messages with fields 1 (key) and 2 (value) */
    ATOLL_FIELD_DEPRECATED = 4,
    ATOLL_FIELD_REQUIRED = 8,
    ATOLL_FIELD_ANY_BYTES = 16, /* a string that is not checked for UTF-8 (proto2) */
};

struct atoll_message_desc;
struct atoll_enum_desc;

/* One field. 64 bytes where pointers have 8: a field costs one cache line on the way of a call. */
struct atoll_field_desc {
    uint32_t size; /* of this struct, as the generator knew it: the step through the array */
    uint32_t number;
    uint32_t tag;             /* number << 3 | wire type, as it is sent */
    uint32_t offset;          /* of the value in the message struct */
    uint32_t presence_offset; /* see enum atoll_mode; else 0 */
    uint16_t flags;           /* enum atoll_field_flags */
    uint8_t type;             /* enum atoll_type */
    uint8_t mode;             /* enum atoll_mode */
    uint16_t name_len;
    uint16_t json_name_len;
    uint32_t reserved;     /* 0 */
    const char *name;      /* "item_id" */
    const char *json_name; /* "itemId" */
    union {
        const struct atoll_message_desc *message;  /* ATOLL_TYPE_MESSAGE */
        const struct atoll_enum_desc *enumeration; /* ATOLL_TYPE_ENUM */
    } of;
    const void *default_value; /* NULL: zero or empty */
};

enum atoll_message_flags {
    ATOLL_MESSAGE_MAP_ENTRY = 1,
    ATOLL_MESSAGE_DEPRECATED = 2,
};

struct atoll_message_desc {
    size_t size;                           /* of this struct, as the generator knew it */
    const char *full_name;                 /* "shop.stock.v1.GetItemRequest" */
    const struct atoll_field_desc *fields; /* by ascending number */
    uint32_t field_count;
    uint32_t field_stride; /* sizeof(struct atoll_field_desc) as the generator knew it */
    uint32_t dense_count;  /* fields[i].number == i + 1 for every i below it */
    uint32_t struct_size;
    uint32_t unknown_offset; /* of the struct atoll_unknown * in the message struct */
    uint32_t flags;          /* enum atoll_message_flags */
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

enum atoll_idempotency {
    ATOLL_IDEMPOTENCY_UNKNOWN = 0, /* at most once */
    ATOLL_NO_SIDE_EFFECTS = 1,     /* may be sent again; numbers as google.protobuf.MethodOptions */
    ATOLL_IDEMPOTENT = 2,
};

enum atoll_method_flags {
    ATOLL_METHOD_CLIENT_STREAMS = 1,
    ATOLL_METHOD_SERVER_STREAMS = 2,
};

struct atoll_method_desc {
    size_t size;      /* of this struct, as the generator knew it */
    const char *name; /* "GetItem" */
    const struct atoll_message_desc *input;
    const struct atoll_message_desc *output;
    uint32_t flags;       /* enum atoll_method_flags */
    uint32_t idempotency; /* enum atoll_idempotency */
    /* Calls the handler in the generated vtable; NULL handler: returns atoll_unimplemented(call). */
    int (*invoke)(const void *handlers, struct atoll_call *call, const void *in, void *out);
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
