/* The instances of a running system, as PS and STATUS tell them. */
#ifndef AT_CLI_ROWS_H
#define AT_CLI_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/oplink.h"
#include "cli/out.h"
#include "control/operator.h"

enum { AT_ROWS_MAX = 4096 }; /* a supervisor that never stops telling */

struct at_rows {
    struct at_operator_row *at; /* bytes live in the arena */
    size_t count;
    size_t cap;
    struct at_arena arena;
    bool failed;                 /* out of memory */
    at_oplink_message *on_other; /* hears what is no row; NULL: nobody does */
    void *user;
};

void at_rows_init(struct at_rows *rows);
void at_rows_deinit(struct at_rows *rows);
/* For at_oplink_finish(): user is the struct at_rows; other messages go to on_other. */
void at_rows_take(void *user, struct at_message *message);
/* Asks PS. 0, or an exit code that was said on stderr. */
int at_rows_ask(struct at_cli *cli, struct at_oplink *link, struct at_rows *rows);

/* Is name the service or the instance of the row? */
bool at_rows_match(const struct at_operator_row *row, struct at_bytes name);
/*
 * Does every word of the command line name a service or an instance? 0, or AT_EXIT_UNKNOWN, said
 * with what was probably meant.
 */
int at_rows_check_words(struct at_cli *cli, const struct at_rows *rows);
/* Was the row asked for? Without words every row is. */
bool at_rows_wanted(const struct at_cli *cli, const struct at_operator_row *row);
/* SGR code in which a state is shown, or NULL. */
const char *at_rows_state_colour(uint32_t state);
/* "wall missing: …" on stderr for each line: fences that this machine cannot give. */
void at_rows_say_walls(struct at_cli *cli, struct at_bytes walls);
/* Prints the rows that were asked for, as `atoll ps` does. An exit code. */
int at_rows_print(struct at_cli *cli, const struct at_rows *rows);

#endif
