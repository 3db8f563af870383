/* Where a system lives: its name, its project directory, and the paths below it. */
#ifndef AT_CLI_PLACE_H
#define AT_CLI_PLACE_H

#include <stddef.h>

#include "cli/cli.h"
#include "plan/limits.h"

struct at_place {
    char system[AT_PLAN_NAME_MAX + 1];
    char project_dir[AT_PLAN_PATH_MAX + 1];
};

/* By -f, -p and the files; the configuration is not judged. 0, or an exit code, said on stderr. */
int at_place_find(struct at_cli *cli, struct at_place *ret);
/* "<project>/.atoll/logs" into out. -ENAMETOOLONG. */
int at_place_logs(const struct at_place *place, char *out, size_t cap);

/*
 * The program of that name: in ATOLL_LIBEXEC, else beside this one, else where it was installed.
 * 0; -ENOENT with *ret_looked (cap bytes) naming the places that were tried.
 */
int at_place_program(const char *name, char *ret_path, size_t cap, char *ret_looked,
                     size_t looked_cap);

#endif
