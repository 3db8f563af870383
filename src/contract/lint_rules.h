/* What the files lint*.c share: the state of a run, and the checks of the table in lint.c. */
#ifndef AT_CONTRACT_LINT_RULES_H
#define AT_CONTRACT_LINT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/finding.h"
#include "contract/index.h"
#include "contract/lint.h"
#include "contract/set.h"
#include "contract/thing.h"

struct at_lint_run;

/* Looks at one thing and says what is wrong with at_lint_say(). */
typedef void at_lint_check(struct at_lint_run *run, const struct at_thing *thing);

struct at_lint_row {
    struct at_rule rule;
    enum at_thing_kind kind; /* what it looks at */
    at_lint_check *check;
    int32_t place[2]; /* of files: the path of the statement that a finding points at; 0: none */
    size_t offset;    /* of check_same_option: the option in struct google_protobuf_FileOptions */
    bool is_bool;     /* that option is a bool, else a string */
};

struct at_lint_run {
    const struct at_set *set;
    const struct at_lint_options *options;
    struct at_findings *out;
    const struct at_lint_row *row;   /* the rule at work */
    const struct at_thing *things;   /* of the file at work */
    size_t thing_count;              /* the same */
    bool *used;                      /* by index of file: the file at work uses something of it */
    bool *seen;                      /* by index of file: scratch */
    size_t *queue;                   /* by index of file: scratch */
    const struct at_set_file **same; /* by index: the first given file of the same package */
    const struct at_set_file **next; /* by index: the next file of the same package; NULL: none */
    size_t *package;                 /* by index: the index of the first file of the package */
    uint32_t *uses;                  /* by index of symbol: how many requests and responses */
    const struct at_set_symbol **extensions;    /* all of the set */
    struct at_index options_of[AT_THING_KINDS]; /* by kind: the extensions of its options */
};

static inline bool at_lint_is_given(const struct at_lint_run *run, const struct at_set_file *file)
{
    return run->options->given == NULL ? !at_set_is_standard(file)
                                       : run->options->given[file->index];
}

/* "shop/cart/v1" of "shop/cart/v1/cart.proto"; empty at the root. */
struct at_bytes at_lint_folder_of(const struct at_set_file *file);

/*
 * A finding of the rule at work, unless a comment switches it off. advice: what to write instead;
 * NULL: the advice of the rule.
 */
void at_lint_say(struct at_lint_run *run, const struct at_thing *thing, const char *advice,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* For run->used, before the rules look at a file. */
void at_lint_mark_used(struct at_lint_run *run);

/* lint_names.c */
at_lint_check at_lint_message_pascal, at_lint_enum_pascal, at_lint_service_pascal,
    at_lint_rpc_pascal, at_lint_field_snake, at_lint_oneof_snake, at_lint_value_snake,
    at_lint_value_prefix, at_lint_zero_suffix, at_lint_first_zero, at_lint_no_alias,
    at_lint_not_required, at_lint_service_suffix, at_lint_request_name, at_lint_response_name,
    at_lint_unique;
/* lint_files.c */
at_lint_check at_lint_package_defined, at_lint_package_snake, at_lint_package_version,
    at_lint_package_folder, at_lint_package_one_folder, at_lint_folder_one_package,
    at_lint_same_option, at_lint_file_snake, at_lint_syntax, at_lint_no_public, at_lint_no_weak,
    at_lint_import_used, at_lint_no_cycle;

#endif
