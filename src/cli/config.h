/*
 * atoll.yaml → plan.
 *
 * Reads the files with positions, merges them as Docker Compose does, fills in ${VARIABLES}, binds
 * every key by one table (cli/config_keys.h, from which the JSON Schema and atoll.yaml(5) are made
 * too), and makes the packed plan with its contracts. Every mistake is reported, not only the
 * first, each with file, line, column, field, message and hint. All files are input: judged, with
 * limits in cli/config_limits.h.
 *
 *   struct at_config_errors errors;
 *   at_config_errors_init(&errors);
 *   r = at_config_load(&options, &config, &errors);      0, or AT_CONFIG_WRONG: print, exit 2
 *   r = at_config_plan(config, &files, &errors);         the same
 *   … send START with files.plan_fd, files.contracts_fd …
 *
 * Not thread-safe.
 */
#ifndef AT_CLI_CONFIG_H
#define AT_CLI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/text.h"
#include "plan/plan.h"

struct at_config;

enum at_config_result {
    AT_CONFIG_WRONG = 1,   /* the errors say what */
    AT_CONFIG_NO_FILE = 2, /* no file was named and none was found; one error says so */
};

/* Everything may be zero. Strings are borrowed during the call. */
struct at_config_options {
    const char *const *files; /* -f, in order; none: atoll.yaml (or .yml) and atoll.override.yaml,
                                 looked for in `start_dir` and its parents */
    size_t file_count;
    const char *start_dir;   /* NULL: the working directory */
    const char *project_dir; /* NULL: the directory of the first file */
    const char *name;        /* system name given by option or ATOLL_PROJECT; NULL: by the file */
    const char *const *profiles;
    size_t profile_count;
    const char *const *services; /* only these and what they depend on; none: all */
    size_t service_count;
    bool no_deps;               /* with services: without what they depend on */
    const char *const *environ; /* "A=b", NULL-terminated, for ${A}; NULL: nothing is set */
};

enum at_config_code {
    AT_CONFIG_FILE = 1,      /* a file is missing, unreadable or too big */
    AT_CONFIG_SYNTAX,        /* not YAML, or YAML that we refuse (tags, several documents, …) */
    AT_CONFIG_DUPLICATE,     /* a key, port or name stands twice */
    AT_CONFIG_LIMIT,         /* too long, too deep, too many */
    AT_CONFIG_INTERPOLATION, /* ${…} that is malformed or has no value */
    AT_CONFIG_UNKNOWN_KEY,   /* no such key here */
    AT_CONFIG_NOT_HONOURED,  /* a key of Docker Compose that atoll cannot honour */
    AT_CONFIG_TYPE,          /* a list where text is expected, … */
    AT_CONFIG_VALUE,         /* right type, wrong value */
    AT_CONFIG_MISSING,       /* a required key is not there */
    AT_CONFIG_UNKNOWN_NAME,  /* names a service that is not there */
    AT_CONFIG_CYCLE,         /* depends_on goes round, or a service names itself */
    AT_CONFIG_CONTRACT,      /* a contract cannot be read or is served twice */
    AT_CONFIG_BINARY,        /* warning: the program is missing or not executable */
    AT_CONFIG_CODES
};

/* Strings are owned by the list's arena, NUL-terminated, never NULL, safe for a terminal. */
struct at_config_error {
    enum at_config_code code;
    bool warning;        /* does not stop anything */
    const char *file;    /* as the user named it; "" when none is meant */
    int line;            /* from 1; 0: none */
    int col;             /* from 1, in characters; 0: none */
    const char *field;   /* "services.cart.uses[1]"; "" for none */
    const char *message; /* what is wrong */
    const char *hint;    /* what was probably meant, what to do; "" for none */
};

struct at_config_errors {
    struct at_arena arena;
    struct at_config_error *at; /* by file, line, column once loading is done */
    size_t count;
    size_t cap;
    size_t wrong;  /* those that are not warnings */
    bool overflow; /* there were more than AT_CONFIG_ERRORS_MAX */
    bool failed;   /* out of memory */
};

void at_config_errors_init(struct at_config_errors *errors);
void at_config_errors_deinit(struct at_config_errors *errors);
/* "error", "unknown-key", …: stable, for -o json. */
const char *at_config_code_name(enum at_config_code code);
/*
 * For people: "file:line:col: message" and an indented hint a mistake; warnings say so. Without
 * colour and safe for a terminal.
 */
void at_config_errors_print(const struct at_config_errors *errors, struct at_text *out);
/* One JSON array of {code, severity, file, line, col, field, message, hint}. */
void at_config_errors_json(const struct at_config_errors *errors, struct at_text *out);

/*
 * 0 and a configuration without mistakes (there may be warnings); AT_CONFIG_WRONG,
 * AT_CONFIG_NO_FILE; -ENOMEM. The caller frees it.
 */
int at_config_load(const struct at_config_options *options, struct at_config **ret,
                   struct at_config_errors *errors);
struct at_config *at_config_free(struct at_config *config); /* NULL */

const char *at_config_name(const struct at_config *config);        /* borrowed */
const char *at_config_project_dir(const struct at_config *config); /* absolute; borrowed */
/* The plan as structs, checked; contracts are filled in by at_config_plan(). Borrowed. */
const struct at_plan *at_config_plan_view(const struct at_config *config);
/* The resolved file: the whole, with defaults, interpolated. */
void at_config_print_yaml(const struct at_config *config, struct at_text *out);
void at_config_print_json(const struct at_config *config, struct at_text *out);

struct at_config_files {
    int plan_fd;      /* sealed memfds, owned by the caller once handed out */
    int contracts_fd; /* FileDescriptorSets one behind another */
};

/*
 * Reads the contracts out of the binaries or `contract:` files, completes the plan and packs it.
 * 0, AT_CONFIG_WRONG, -errno. A missing or unexecutable program is only a warning here: starting
 * it will say so.
 */
int at_config_plan(struct at_config *config, struct at_config_files *ret,
                   struct at_config_errors *errors);

/*
 * For verbs that only need to find the running system (down, ps, logs, …): its name and project
 * directory, as at_config_load() would say them, but without judging the rest. out_name holds
 * AT_PLAN_NAME_MAX + 1, out_dir AT_PLAN_PATH_MAX + 1. 0, AT_CONFIG_NO_FILE, -errno.
 */
int at_config_identify(const struct at_config_options *options, char *out_name, char *out_dir);

/* JSON Schema (draft 2020-12) of atoll.yaml, and the source of atoll.yaml(5) in man format. */
void at_config_schema(struct at_text *out);
void at_config_man(struct at_text *out);

#endif
