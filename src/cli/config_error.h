/*
 * How the parts of the configuration reader report mistakes. A mistake is said where it is found
 * and everyone reads on, so that the user sees all of them at once.
 */
#ifndef AT_CLI_CONFIG_ERROR_H
#define AT_CLI_CONFIG_ERROR_H

#include "base/bytes.h"
#include "base/text.h"
#include "cli/config.h"

struct at_config_place {
    const char *file; /* as the user named it; borrowed */
    int line;         /* from 1; 0: none */
    int col;
};

/* A user's text in a message: shortened when it is long. */
struct at_config_quoted {
    char at[96];
};
const char *at_config_quote(struct at_bytes text, struct at_config_quoted *room);

/*
 * Adds a mistake (say) or a warning (warn). The result may be NULL (too many, no memory) and is
 * good for at_config_hint() until the next one is added.
 */
struct at_config_error *at_config_say(struct at_config_errors *errors, enum at_config_code code,
                                      struct at_config_place place, const char *field,
                                      const char *format, ...)
    __attribute__((format(printf, 5, 6)));
struct at_config_error *at_config_warn(struct at_config_errors *errors, enum at_config_code code,
                                       struct at_config_place place, const char *field,
                                       const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* e may be NULL. */
void at_config_hint(struct at_config_errors *errors, struct at_config_error *e, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));
/* By file, line, column. */
void at_config_errors_sort(struct at_config_errors *errors);
/* s as a JSON string that YAML reads too; what is not UTF-8 becomes U+FFFD. */
void at_config_add_json(struct at_text *out, struct at_bytes s);

#endif
