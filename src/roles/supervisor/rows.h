/* Rows of `atoll ps` and `atoll status`: what an instance is, has, uses, and how it ended before. */
#ifndef AT_SUPERVISOR_ROWS_H
#define AT_SUPERVISOR_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"

struct at_operator_conn;
struct at_system;

void at_rows_tell_all(struct at_operator_conn *c, uint64_t request);
/* Rows, peers and losses of a service or of one instance. false: there is no such. */
bool at_rows_tell_service(struct at_operator_conn *c, uint64_t request, struct at_bytes name);
/* The fences that this machine cannot give, one a line. */
void at_rows_missing_walls(const struct at_system *s, struct at_text *out);

#endif
