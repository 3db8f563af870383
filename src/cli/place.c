#include "cli/place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/config.h"

int at_place_find(struct at_cli *cli, struct at_place *ret)
{
    struct at_config_options options = {.files = cli->file_count > 0 ? cli->files : NULL,
                                        .file_count = cli->file_count,
                                        .name = cli->project,
                                        .environ = (const char *const *)environ};
    int r = at_config_identify(&options, ret->system, ret->project_dir);

    if (r == 0) {
        return 0;
    }
    if (cli->project != NULL && getcwd(ret->project_dir, sizeof(ret->project_dir)) != NULL) {
        snprintf(ret->system, sizeof(ret->system), "%s", cli->project);
        return 0; /* a running system is found by its name alone */
    }
    if (r == AT_CONFIG_NO_FILE) {
        at_cli_fail(cli, AT_EXIT_USAGE, "there is no atoll.yaml here or above");
        (void)fputs("  Go to a project, name its file with -f FILE, or make one: atoll init\n",
                    cli->err);
        return AT_EXIT_USAGE;
    }
    return at_cli_fail(cli, AT_EXIT_USAGE, "the system cannot be found: %s",
                       r < 0 ? strerror(-r) : "its files are wrong; see: atoll config");
}

int at_place_logs(const struct at_place *place, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s/.atoll/logs", place->project_dir);

    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

static bool try_program(const char *dir, const char *name, char *ret_path, size_t cap, char *looked,
                        size_t looked_cap)
{
    int n = snprintf(ret_path, cap, "%s/%s", dir, name);
    size_t len = strlen(looked);

    if (n < 0 || (size_t)n >= cap) {
        return false;
    }
    if (access(ret_path, X_OK) == 0) {
        return true;
    }
    snprintf(looked + len, looked_cap - len, "%s%s", len == 0 ? "" : ", ", dir);
    return false;
}

/* The directory of path, with symlinks as they are. False: it has none. */
static bool directory_of(const char *path, char *out, size_t cap)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL || (size_t)(slash - path) >= cap) {
        return false;
    }
    snprintf(out, cap, "%.*s", (int)(slash - path), path);
    return true;
}

int at_place_program(const char *name, char *ret_path, size_t cap, char *ret_looked,
                     size_t looked_cap)
{
    const char *libexec = getenv("ATOLL_LIBEXEC");
    /* As we were called (a folder of symlinks in a build tree), then where we really are. */
    const char *called = (const char *)getauxval(AT_EXECFN);
    char self[PATH_MAX];
    char dir[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    ret_looked[0] = '\0';
    if (libexec != NULL && libexec[0] != '\0') {
        return try_program(libexec, name, ret_path, cap, ret_looked, looked_cap) ? 0 : -ENOENT;
    }
    self[n > 0 ? n : 0] = '\0';
    if (called != NULL && directory_of(called, dir, sizeof(dir)) &&
        try_program(dir, name, ret_path, cap, ret_looked, looked_cap)) {
        return 0;
    }
    if (directory_of(self, dir, sizeof(dir)) &&
        try_program(dir, name, ret_path, cap, ret_looked, looked_cap)) {
        return 0;
    }
    /* PREFIX/bin/atoll of a tree that was moved, or installed with DESTDIR. */
    size_t len = strlen(dir);
    snprintf(dir + len, sizeof(dir) - len, "/../libexec/atoll");
    if (try_program(dir, name, ret_path, cap, ret_looked, looked_cap)) {
        return 0;
    }
    return try_program(ATOLL_LIBEXECDIR, name, ret_path, cap, ret_looked, looked_cap) ? 0 : -ENOENT;
}
