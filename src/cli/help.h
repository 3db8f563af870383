/* Help, the manual page and the completion scripts, all from the tables of verbs.c. */
#ifndef AT_CLI_HELP_H
#define AT_CLI_HELP_H

#include <stdbool.h>

#include "base/text.h"
#include "cli/cli.h"

/* `atoll help`. */
void at_help_overview(struct at_text *out, bool colour);
/* `atoll help VERB`. */
void at_help_verb(struct at_text *out, const struct at_cli_verb *verb, bool colour);
/* The same as one JSON object; verb may be NULL: all of them. */
void at_help_json(struct at_text *out, const struct at_cli_verb *verb);
/* atoll(1) as roff. */
void at_help_man(struct at_text *out);
/* A page for one verb, atoll-VERB(1). */
void at_help_man_verb(struct at_text *out, const struct at_cli_verb *verb);
/* Text of a roff line, escaped, with a line end. Paragraphs are separated by an empty line. */
void at_help_roff(struct at_text *out, const char *text);

#endif
