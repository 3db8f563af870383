/* atoll call of a method that streams. */
#ifndef AT_CLI_CALL_STREAM_H
#define AT_CLI_CALL_STREAM_H

#include <atoll/atoll.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "cli/callee.h"
#include "pb/pool.h"

/*
 * `in` is the one request where only the server streams. Else requests are the words behind the
 * method, or JSON lines of @FILE or stdin: each is sent as soon as it has been read. Each reply is
 * printed as it comes. SIGINT cancels. After at_callee_become(). A code.
 */
int at_call_stream(struct at_callee *c, const struct at_pool_method *method, struct at_bytes in);
/* Prints a reply as JSON; its memory is the arena's. A code. */
int at_call_print(struct at_callee *c, const struct at_pool_method *method, struct at_bytes reply,
                  struct at_arena *arena);
/* With -v: what came of that part beside the replies, a line each on stderr. */
void at_call_show_metadata(struct at_callee *c, const struct atoll_call *call,
                           enum atoll_metadata_part part);

#endif
