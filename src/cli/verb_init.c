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

#include "base/bytes.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "pb/json.h"

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
    "    # depends_on: [other]    # ready before this one starts\n"
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

/* What was made, for programs; files: one a line. */
static int tell_programs(struct at_cli *cli, const char *dir, const char *example,
                         const struct at_text *files)
{
    struct at_text text;
    struct at_json_writer j;

    if (cli->output == AT_OUTPUT_TABLE) {
        return AT_EXIT_OK;
    }
    at_text_init(&text);
    at_json_writer_init(&j, &text, 0);
    at_json_begin_object(&j);
    at_json_key(&j, "directory");
    at_json_str(&j, dir);
    at_json_key(&j, "example");
    if (example == NULL) {
        at_json_null(&j);
    } else {
        at_json_str(&j, example);
    }
    at_json_key(&j, "files");
    at_out_json_lines(&j, at_text_bytes(files));
    at_json_end_object(&j);
    text.failed = text.failed || files->failed;
    int code = at_out_line(cli, &text);

    at_text_deinit(&text);
    return code;
}

static int write_starter(struct at_cli *cli, const char *dir)
{
    struct at_text files;
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
    at_text_init(&files);
    at_text_add_str(&files, "atoll.yaml");
    r = tell_programs(cli, dir, NULL, &files);
    at_text_deinit(&files);
    return r;
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

static int copy_entry(FTS *tree, FTSENT *e, const char *from, const char *to, struct at_text *files)
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
    case FTS_F:
        at_text_addf(files, "%s\n", path + strlen(to) + 1);
        return copy_file(e->fts_path, path, e->fts_statp->st_mode);
    case FTS_DNR:
    case FTS_ERR: return -e->fts_errno;
    default: return 0;
    }
}

static int copy_tree(const char *from, const char *to, struct at_text *files)
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

/* "bin/cart": what a build folder has for the example's sources. */
static int copy_program(const char *built, const char *name, const char *to, struct at_text *files)
{
    char from[PATH_MAX];
    char path[PATH_MAX];
    struct stat st;

    int n = snprintf(from, sizeof(from), "%s/%s", built, name);
    int m = snprintf(path, sizeof(path), "%s/bin/%s", to, name);

    if (n < 0 || (size_t)n >= sizeof(from) || m < 0 || (size_t)m >= sizeof(path)) {
        return -ENAMETOOLONG;
    }
    if (lstat(from, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 0100) == 0 ||
        strstr(name, "_test") != NULL) {
        return 0;
    }
    at_text_addf(files, "bin/%s\n", name);
    return copy_file(from, path, st.st_mode);
}

/*
 * An installed example has its programs in bin; in a source tree they lie in the build folder, at
 * ../examples/NAME of this program.
 */
static int copy_programs(const char *name, const char *to, struct at_text *files)
{
    const char *called = (const char *)getauxval(AT_EXECFN);
    const char *slash = called == NULL ? NULL : strrchr(called, '/');
    char built[PATH_MAX];
    char bin[PATH_MAX];
    struct dirent *e;
    DIR *d = NULL;
    int r = 0;

    snprintf(bin, sizeof(bin), "%s/bin", to);
    if (slash == NULL || access(bin, F_OK) == 0) {
        return 0;
    }
    snprintf(built, sizeof(built), "%.*s/../examples/%s", (int)(slash - called), called, name);
    d = opendir(built);
    if (d == NULL) {
        return 0; /* not built; `atoll up` says what is missing */
    }
    r = mkdir(bin, DIR_MODE) < 0 ? -errno : 0;
    while (r == 0 && (e = readdir(d)) != NULL) {
        r = copy_program(built, e->d_name, to, files);
    }
    closedir(d);
    return r;
}

static size_t count_lines(const struct at_text *files)
{
    struct at_bytes rest = at_text_bytes(files);
    struct at_bytes line;
    size_t n = 0;

    while (at_bytes_cut(&rest, '\n', &line)) {
        n += line.len > 0;
    }
    return n;
}

static int copy_all(struct at_cli *cli, const char *name, const char *from, const char *to)
{
    struct at_text files;

    at_text_init(&files);
    int r = copy_tree(from, to, &files);

    if (r == 0) {
        r = copy_programs(name, to, &files);
    }
    if (r < 0) {
        at_text_deinit(&files);
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s cannot be copied to %s: %s", from, to,
                           strerror(-r));
    }
    at_cli_say(cli, "Created %s (%zu files).\nNext: cd %s && atoll up", to, count_lines(&files),
               to);
    r = tell_programs(cli, to, name, &files);
    at_text_deinit(&files);
    return r;
}

static int copy_example(struct at_cli *cli, const char *name, const char *to)
{
    char examples[PATH_MAX - 256];
    char from[PATH_MAX];

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
    return copy_all(cli, name, from, to);
}

static const struct at_column example_columns[] = {{.title = "NAME", .field = "name"}};

static int list_examples(struct at_cli *cli)
{
    char examples[PATH_MAX];
    struct dirent *e;
    struct at_table t;
    DIR *d = find_examples(examples, sizeof(examples)) ? opendir(examples) : NULL;

    if (d == NULL) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "no examples are installed (%s)", examples);
    }
    at_table_init(&t, example_columns, sizeof(example_columns) / sizeof(example_columns[0]));
    while ((e = readdir(d)) != NULL) {
        char path[PATH_MAX + 300];

        snprintf(path, sizeof(path), "%s/%s/atoll.yaml", examples, e->d_name);
        if (e->d_name[0] != '.' && access(path, R_OK) == 0) {
            if (cli->output == AT_OUTPUT_TABLE) {
                fprintf(cli->out, "%s\n", e->d_name);
            }
            at_table_text(&t, e->d_name);
        }
    }
    closedir(d);
    int code = cli->output == AT_OUTPUT_TABLE ? AT_EXIT_OK : at_table_print(&t, cli);

    at_table_deinit(&t);
    return code;
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
