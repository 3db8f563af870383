/* atoll init: a starter atoll.yaml, or a copy of an installed example. Overwrites nothing, ever. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/cli.h"

enum { BLOCK = 16384, DIR_MODE = 0755 };

static const char starter[] =
    "# What `atoll up` starts. `atoll config` checks it, `man atoll.yaml` explains every key.\n"
    "\n"
    "services:\n"
    "  # Each service is a program in a sandbox of its own: own uid, network, processes, /state.\n"
    "  hello:\n"
    "    command: [\"sh\", \"-c\", \"while true; do echo hello; sleep 5; done\"]\n"
    "    # environment:\n"
    "    #   GREETING: hello\n"
    "    # uses: [other]          # the services it may call: its address book and its fence\n"
    "    # depends_on: [other]    # started first, and ready first\n"
    "    # stop_grace_period: 10s\n"
    "    deploy:\n"
    "      replicas: 1\n"
    "      resources:\n"
    "        limits: {memory: 64M, pids: 32}\n"
    "\n"
    "# The front door: HTTP/JSON for services with a contract (.proto).\n"
    "# gateway:\n"
    "#   listen:\n"
    "#     - {address: \"127.0.0.1:8080\", services: [hello]}\n";

static int write_starter(struct at_cli *cli, const char *dir)
{
    char path[PATH_MAX];

    if (mkdir(dir, DIR_MODE) < 0 && errno != EEXIST) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s cannot be made: %s", dir, strerror(errno));
    }
    snprintf(path, sizeof(path), "%s/atoll.yaml", dir);
    at_auto_close
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0 && errno == EEXIST) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s is there already; it stays as it is", path);
    }
    int r = fd < 0 ? -errno : at_fd_write_all(fd, starter, sizeof(starter) - 1);

    if (r < 0) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s cannot be written: %s", path, strerror(-r));
    }
    at_cli_say(cli, "Wrote %s.\nNext: atoll up", path);
    return AT_EXIT_OK;
}

/* ---- examples ---- */

/* Where examples lie: told, installed, or in the source tree that a build folder is part of. */
static bool find_examples(char *out, size_t cap)
{
    const char *told = getenv("ATOLL_EXAMPLES");
    const char *called = (const char *)getauxval(AT_EXECFN);
    const char *slash = called == NULL ? NULL : strrchr(called, '/');
    static const char *const near[] = {"../share/atoll/examples", "../../examples"};

    if (told != NULL && told[0] != '\0') {
        snprintf(out, cap, "%s", told);
        return access(out, R_OK) == 0;
    }
    for (size_t i = 0; slash != NULL && i < sizeof(near) / sizeof(near[0]); i++) {
        snprintf(out, cap, "%.*s/%s", (int)(slash - called), called, near[i]);
        if (access(out, R_OK) == 0) {
            return true;
        }
    }
    snprintf(out, cap, "%s", ATOLL_DATADIR "/examples");
    return access(out, R_OK) == 0;
}

static int copy_file(const char *from, const char *to, mode_t mode)
{
    char block[BLOCK];
    at_auto_close
    int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    at_auto_close
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0777);
    ssize_t n = 0;

    if (out < 0) {
        return -errno;
    }
    while ((n = read(in, block, sizeof(block))) > 0) {
        int r = at_fd_write_all(out, block, (size_t)n);
        if (r < 0) {
            return r;
        }
    }
    return n < 0 ? -errno : 0;
}

/* A running copy's own files are no part of the example. */
static bool is_left_out(const char *name)
{
    return name[0] == '.' || strcmp(name, "__pycache__") == 0 || strcmp(name, "meson.build") == 0;
}

static int copy_entry(FTS *tree, FTSENT *e, const char *from, const char *to, size_t *files)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s%s", to, e->fts_path + strlen(from));

    if (n < 0 || (size_t)n >= sizeof(path)) {
        return -ENAMETOOLONG;
    }
    if (e->fts_level > 0 && is_left_out(e->fts_name)) {
        fts_set(tree, e, FTS_SKIP);
        return 0;
    }
    switch (e->fts_info) {
    case FTS_D: return mkdir(path, DIR_MODE) < 0 ? -errno : 0;
    case FTS_F: ++*files; return copy_file(e->fts_path, path, e->fts_statp->st_mode);
    case FTS_DNR:
    case FTS_ERR: return -e->fts_errno;
    default: return 0;
    }
}

static int copy_tree(const char *from, const char *to, size_t *files)
{
    char *roots[] = {(char *)(uintptr_t)from, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *e;
    int r = 0;

    if (tree == NULL) {
        return -errno;
    }
    while (r == 0 && (e = fts_read(tree)) != NULL) {
        r = copy_entry(tree, e, from, to, files);
    }
    fts_close(tree);
    return r;
}

static int copy_example(struct at_cli *cli, const char *name, const char *to)
{
    char examples[PATH_MAX - 256];
    char from[PATH_MAX];
    size_t files = 0;

    if (!find_examples(examples, sizeof(examples))) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "no examples are installed (%s)", examples);
    }
    snprintf(from, sizeof(from), "%s/%s", examples, name);
    if (access(from, R_OK) != 0) {
        return at_cli_fail(cli, AT_EXIT_UNKNOWN, "%s is not there", from);
    }
    if (access(to, F_OK) == 0) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s is there already; it stays as it is", to);
    }
    int r = copy_tree(from, to, &files);

    if (r < 0) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s cannot be copied to %s: %s", from, to,
                           strerror(-r));
    }
    at_cli_say(cli, "Created %s (%zu files).\nNext: cd %s && atoll up", to, files, to);
    return AT_EXIT_OK;
}

static int list_examples(struct at_cli *cli)
{
    char examples[PATH_MAX];
    struct dirent *e;
    DIR *d = find_examples(examples, sizeof(examples)) ? opendir(examples) : NULL;

    if (d == NULL) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "no examples are installed (%s)", examples);
    }
    while ((e = readdir(d)) != NULL) {
        char path[PATH_MAX + 300];

        snprintf(path, sizeof(path), "%s/%s/atoll.yaml", examples, e->d_name);
        if (e->d_name[0] != '.' && access(path, R_OK) == 0) {
            fprintf(cli->out, "%s\n", e->d_name);
        }
    }
    closedir(d);
    return AT_EXIT_OK;
}

int at_verb_init(struct at_cli *cli)
{
    const char *demo = at_cli_value(cli, "demo");
    const char *dir = cli->word_count > 0 ? cli->words[0] : NULL;

    if (at_cli_has(cli, "list")) {
        return list_examples(cli);
    }
    if (demo != NULL) {
        return copy_example(cli, demo, dir == NULL ? demo : dir);
    }
    return write_starter(cli, dir == NULL ? "." : dir);
}
