/*
 * The small languages inside of a configuration's texts: ${VARIABLES}, .env files, command lines.
 * They mean what they mean in Docker Compose.
 */
#ifndef AT_CLI_CONFIG_TEXT_H
#define AT_CLI_CONFIG_TEXT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "cli/config_error.h"
#include "plan/plan.h"

/* Where a variable is looked for, in this order. */
struct at_config_vars {
    const char *const *environ;   /* "A=b", NULL-terminated; may be NULL */
    const struct at_map *maps[2]; /* name → const char *; may be NULL */
};

/* The value, or NULL when nobody sets it. Borrowed. */
const char *at_config_var(const struct at_config_vars *vars, struct at_bytes name);

/*
 * Appends `in` to out with $A, ${A}, ${A:-word}, ${A-word}, ${A:?word}, ${A?word}, ${A:+word},
 * ${A+word} replaced and $$ made $; words may hold more of them. 0; AT_CONFIG_WRONG with the mistake
 * said at `place`; -ENOMEM. A variable without value and default is a warning and empty.
 */
int at_config_interpolate(const struct at_config_vars *vars, struct at_bytes in,
                          struct at_config_place place, struct at_config_errors *errors,
                          struct at_text *out);

/*
 * Reads the lines of a .env file into values (name → const char * in the arena); a later line
 * replaces an earlier one. vars.maps[0] should be `values`, so that lines see the ones above. 0,
 * AT_CONFIG_WRONG with each mistake said, -ENOMEM.
 */
int at_config_dotenv(struct at_arena *arena, const char *file, struct at_bytes content,
                     const struct at_config_vars *vars, struct at_config_errors *errors,
                     struct at_map *values);
/* A name that a shell would take for a variable. */
bool at_config_is_variable(struct at_bytes name);

/*
 * Splits a command as a shell does, without any expansion: blanks, '…', "…", backslash. 0 and the
 * words in the arena; AT_CONFIG_WRONG and *ret_why (static text); -ENOMEM.
 */
int at_config_split(struct at_arena *arena, struct at_bytes command, struct at_plan_strings *ret,
                    const char **ret_why);

#endif
