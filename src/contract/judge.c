#include "contract/judge.h"

#include "base/arena.h"
#include "base/error.h"
#include "contract/set.h"

int at_judge_file(const struct at_set_file *file, struct at_arena *arena, struct at_diag *diag)
{
    return 0;
}

int at_judge_set(const struct at_set *set, struct at_arena *arena, struct at_diag *diag)
{
    return 0;
}
