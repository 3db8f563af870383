/* Runs protoc and tells what it had to say. */
#include "cli/protoc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/cli.h"
#include "contract/limits.h"

enum {
    FIXED_ARGS = 16,
    SAID_MAX = 1 << 20, /* what protoc says: a file made to flood the terminal */
};

struct running {
    struct at_cli *cli;
    struct at_arena *arena;
    const struct at_protoc_inputs *inputs;
    const char **roots; /* distinct */
    size_t root_count;
    char **argv;
    size_t argc;
    bool failed; /* out of memory */
};

/* ---- the command line ---- */

static void add_root(struct running *run, const char *root)
{
    for (size_t i = 0; i < run->root_count; i++) {
        if (strcmp(run->roots[i], root) == 0) {
            return;
        }
    }
    run->roots[run->root_count++] = root;
}

static int longest_first(const void *a, const void *b)
{
    const char *const *one = a;
    const char *const *two = b;
    size_t one_len = strlen(*one);
    size_t two_len = strlen(*two);

    return (one_len < two_len) - (one_len > two_len);
}

/*
 * The .proto files that atoll brings (google/api/annotations.proto, …): installed, or in the source
 * tree that a build folder is part of.
 */
static const char *own_protos(struct at_arena *arena)
{
    static const char *const near[] = {"../share/atoll/proto", "../../proto"};
    const char *called = (const char *)getauxval(AT_EXECFN);
    const char *slash = called == NULL ? NULL : strrchr(called, '/');
    char path[PATH_MAX];
    char real[PATH_MAX];

    for (size_t i = 0; slash != NULL && i < sizeof(near) / sizeof(near[0]); i++) {
        (void)snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - called), called, near[i]);
        if (realpath(path, real) != NULL) {
            return at_arena_copy(arena, at_bytes_of(real));
        }
    }
    return access(ATOLL_DATADIR "/proto", R_OK) == 0 ? ATOLL_DATADIR "/proto" : NULL;
}

/*
 * Roots that were told first, in their order; then those of the files, deeper ones first, since
 * protoc names a file by the first root it lies in; ours last.
 */
static int list_roots(struct running *run)
{
    size_t told_count = 0;
    const char *told;
    const char *own = own_protos(run->arena);
    size_t sorted_from;

    while (at_cli_value_at(run->cli, "proto-path", told_count) != NULL) {
        told_count++;
    }
    run->roots =
        at_arena_zalloc(run->arena, told_count + run->inputs->count + 1, sizeof(*run->roots));
    if (run->roots == NULL) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "out of memory");
    }
    for (size_t i = 0; i < told_count; i++) {
        char real[PATH_MAX];
        const char *copy;

        told = at_cli_value_at(run->cli, "proto-path", i);
        if (realpath(told, real) == NULL) {
            return at_cli_fail(run->cli, AT_EXIT_USAGE, "--proto-path %s cannot be read: %s", told,
                               strerror(errno));
        }
        copy = at_arena_copy(run->arena, at_bytes_of(real));
        if (copy == NULL) {
            return at_cli_fail(run->cli, AT_EXIT_FAILURE, "out of memory");
        }
        add_root(run, copy);
    }
    sorted_from = run->root_count;
    for (size_t i = 0; i < run->inputs->count; i++) {
        add_root(run, run->inputs->at[i].root);
    }
    qsort(run->roots + sorted_from, run->root_count - sorted_from, sizeof(*run->roots),
          longest_first);
    if (own != NULL) {
        add_root(run, own);
    }
    return 0;
}

static void add_arg(struct running *run, const char *flag, const char *value)
{
    char *arg = at_arena_printf(run->arena, "%s%s", flag, value);

    run->failed = run->failed || arg == NULL;
    run->argv[run->argc++] = arg;
}

static int make_command(struct running *run)
{
    int code = list_roots(run);

    if (code != 0) {
        return code;
    }
    run->argv = at_arena_zalloc(run->arena, run->inputs->count + run->root_count + FIXED_ARGS,
                                sizeof(*run->argv));
    if (run->argv == NULL) {
        return at_cli_fail(run->cli, AT_EXIT_FAILURE, "out of memory");
    }
    add_arg(run, "protoc", "");
    add_arg(run, "--include_imports", "");
    add_arg(run, "--include_source_info", "");
    add_arg(run, "--descriptor_set_out=", "/dev/stdout");
    for (size_t i = 0; i < run->root_count; i++) {
        add_arg(run, "--proto_path=", run->roots[i]);
    }
    for (size_t i = 0; i < run->inputs->count; i++) {
        add_arg(run, "", run->inputs->at[i].path);
    }
    return run->failed ? at_cli_fail(run->cli, AT_EXIT_FAILURE, "out of memory") : 0;
}

/* ---- the child ---- */

static int wait_for(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* stdout and stderr go to memory files, so that nobody has to read while it writes. */
static int spawn(struct running *run, int out, int err, int *ret_status)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int r = -posix_spawn_file_actions_init(&actions);

    if (r < 0) {
        return r;
    }
    r = -posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0) {
        r = -posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    }
    if (r == 0) {
        r = -posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    }
    if (r == 0) {
        r = -posix_spawnp(&pid, "protoc", &actions, NULL, run->argv, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    return r == 0 ? wait_for(pid, ret_status) : r;
}

static int read_back(int fd, size_t limit, struct at_text *out)
{
    struct stat st;
    char *room;

    if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        return -errno;
    }
    if (st.st_size > (off_t)limit) {
        return -EFBIG;
    }
    if (st.st_size == 0) {
        return 0;
    }
    room = at_text_claim(out, (size_t)st.st_size);
    return room == NULL ? -ENOMEM : at_fd_read_all(fd, room, (size_t)st.st_size);
}

/* ---- what it said ---- */

static const char *shown_name(const struct running *run, struct at_bytes name)
{
    for (size_t i = 0; i < run->inputs->count; i++) {
        if (at_bytes_equal(at_bytes_of(run->inputs->at[i].name), name)) {
            return run->inputs->at[i].shown;
        }
    }
    return at_arena_copy(run->arena, name);
}

/* "shop/cart.proto:3:1: text" into place and text; a line of another form is the text. */
static void take_apart(const struct running *run, struct at_bytes line, struct at_diag *diag)
{
    struct at_bytes rest = line;
    struct at_bytes file;
    struct at_bytes row;
    struct at_bytes col;
    uint64_t r;
    uint64_t c;

    if (at_bytes_cut(&rest, ':', &file) && at_bytes_cut(&rest, ':', &row) &&
        at_bytes_cut(&rest, ':', &col) && at_bytes_to_u64(row, &r) && at_bytes_to_u64(col, &c) &&
        r <= INT_MAX && c <= INT_MAX) {
        const char *shown = shown_name(run, file);

        rest = at_bytes_trim(rest);
        at_diag_set(diag, "%.*s", (int)rest.len, (const char *)rest.at);
        at_diag_place(diag, shown == NULL ? "" : shown, (int)r, (int)c);
    } else {
        at_diag_set(diag, "protoc: %.*s", (int)line.len, (const char *)line.at);
    }
}

static void tell(const struct running *run, struct at_bytes said)
{
    struct at_bytes line;

    while (at_bytes_cut(&said, '\n', &line)) {
        struct at_diag diag;

        if (line.len == 0 || memmem(line.at, line.len, ": warning: ", 11) != NULL) {
            continue;
        }
        take_apart(run, line, &diag);
        if (memmem(line.at, line.len, "File not found", 14) != NULL) {
            at_diag_hint(&diag, "-I names the folders that imports are relative to");
        }
        (void)at_cli_diag(run->cli, AT_EXIT_USAGE, &diag);
    }
}

static int no_protoc(struct at_cli *cli)
{
    struct at_diag diag;

    at_diag_set(&diag, "protoc reads .proto files, and it is not on the PATH");
    at_diag_hint(&diag, "install it (Debian: apt install protobuf-compiler), or name a descriptor "
                        "set or a program instead");
    return at_cli_diag(cli, AT_EXIT_USAGE, &diag);
}

static int judge(struct running *run, int status, int out_fd, int err_fd, struct at_text *out)
{
    struct at_text said;
    int code = 0;
    int r = 0;

    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        at_text_init(&said);
        (void)read_back(err_fd, SAID_MAX, &said);
        tell(run, at_text_bytes(&said));
        code = said.len > 0 ? AT_EXIT_USAGE
                            : at_cli_fail(run->cli, AT_EXIT_FAILURE,
                                          "protoc ended without a word (status %d)", status);
        at_text_deinit(&said);
        return code;
    }
    r = read_back(out_fd, AT_SET_BYTES_MAX, out);
    return r == 0 ? 0
                  : at_cli_fail(run->cli, AT_EXIT_FAILURE, "what protoc made cannot be read: %s",
                                strerror(-r));
}

int at_protoc_run(struct at_cli *cli, struct at_arena *arena, const struct at_protoc_inputs *inputs,
                  struct at_text *out)
{
    struct running run = {.cli = cli, .arena = arena, .inputs = inputs};
    at_auto_close
    int out_fd = memfd_create("atoll-descriptors", MFD_CLOEXEC);
    at_auto_close
    int err_fd = memfd_create("atoll-protoc", MFD_CLOEXEC);
    int status = 0;
    int code = make_command(&run);
    int r;

    if (code != 0) {
        return code;
    }
    if (out_fd < 0 || err_fd < 0) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "no memory file: %s", strerror(errno));
    }
    r = spawn(&run, out_fd, err_fd, &status);
    if (r == -ENOENT) {
        return no_protoc(cli);
    }
    if (r < 0) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "protoc could not be run: %s", strerror(-r));
    }
    return judge(&run, status, out_fd, err_fd, out);
}
