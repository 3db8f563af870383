/* What a descriptor set may ask of this room. Each line names the attack that it stops. */
#ifndef AT_CONTRACT_LIMITS_H
#define AT_CONTRACT_LIMITS_H

enum {
    AT_SET_FILES_MAX = 4096,      /* files of one set: quadratic comparing */
    AT_SET_SYMBOLS_MAX = 1 << 17, /* types and services: a set as a memory bomb */
    AT_SET_NEST_MAX = 32,         /* types declared within types: names without end */
    AT_SET_NAME_MAX = 1024,       /* bytes of a full name: nested names grow quadratically */
    AT_SET_BYTES_MAX = 64 << 20,  /* bytes of a set */
    AT_SET_HTTP_RULES_MAX = 256,  /* bindings of a method that are compared: quadratic */
    AT_SET_VALUES_MAX = 1024,     /* values of an enum that a default is looked for in: quadratic */
    AT_SET_IMPORTS_MAX = 1 << 16, /* imports of all files of a set: walked for each of them */
    AT_FINDINGS_MAX = 10000,      /* a set made to flood the terminal */
    AT_SET_MEMORY_MAX = 512 << 20,     /* what callers should allow the arena of one set */
    AT_OPENAPI_QUERY_NEST_MAX = 8,     /* messages in messages in a query: parameters without end */
    AT_OPENAPI_QUERY_MAX = 256,        /* parameters of one query: what the door takes of them */
    AT_OPENAPI_QUERY_LOOKS_MAX = 4096, /* fields looked at for one query: types that multiply */
    AT_REFLECTION_FILES_BYTES = 3 << 20, /* of files in one answer: clients take 4 MiB */
};

#endif
