/* Limits of reading a configuration. Each line: what it stops. */
#ifndef AT_CLI_CONFIG_LIMITS_H
#define AT_CLI_CONFIG_LIMITS_H

enum {
    AT_CONFIG_FILE_MAX = 4 << 20,         /* a file that eats the memory */
    AT_CONFIG_FILES_MAX = 8,              /* -f without end */
    AT_CONFIG_MEMORY_MAX = 64 << 20,      /* many files, each within its limit */
    AT_CONFIG_DEPTH_MAX = 32,             /* nesting that overflows whoever walks it */
    AT_CONFIG_NODES_MAX = 100000,         /* alias bombs: counted with every alias expanded */
    AT_CONFIG_SCALAR_MAX = 32768,         /* a name of a megabyte */
    AT_CONFIG_INTERPOLATION_DEPTH = 16,   /* ${A:-${B:-… without end */
    AT_CONFIG_ERRORS_MAX = 100,           /* a wrong file that floods the terminal */
    AT_CONFIG_ERRORS_BYTES_MAX = 4 << 20, /* the same, in bytes */
    AT_CONFIG_VARIABLE_MAX = 255,         /* names that no YAML key can hold */
    AT_CONFIG_VARIABLES_MAX = 10000,      /* lines of .env files */
    AT_CONFIG_BINARY_MAX = 1 << 30,       /* a program that is no program */
    AT_CONFIG_SECTIONS_MAX = 65535,       /* ELF section tables made up to be long */
    AT_CONFIG_CONTRACT_MAX = 16 << 20,    /* one service's descriptor set */
    AT_CONFIG_PROTO_FILES_MAX = 1024,     /* files in one descriptor set: quadratic comparing */
};

#endif
