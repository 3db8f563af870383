/*
 * Judges a descriptor set, for at_set_load() only: what it promises to everybody behind it is
 * checked here. protoc makes no such sets; a stranger, a bug or a wrong file does.
 */
#ifndef AT_CONTRACT_JUDGE_H
#define AT_CONTRACT_JUDGE_H

#include "base/arena.h"
#include "base/error.h"
#include "contract/set.h"

/* Before its types are listed: its name, package and imports. 0, AT_SET_MALFORMED. */
int at_judge_file(const struct at_set_file *file, struct at_diag *diag);
/* Everything in it, once names can be found. 0, AT_SET_MALFORMED, -ENOMEM. */
int at_judge_set(const struct at_set *set, struct at_arena *arena, struct at_diag *diag);

#endif
