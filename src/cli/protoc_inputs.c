/* Which .proto files a path means, and which folder their imports are relative to. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/protoc.h"

enum {
    INPUTS_MAX = 2048,       /* a folder named by mistake: the root of a disk */
    ENTRIES_MAX = 1 << 20,   /* the same, with few .proto files in it */
    PROTO_FILE_MAX = 8 << 20 /* a .proto that is none */
};

struct collecting {
    struct at_cli *cli;
    struct at_arena *arena;
    struct at_protoc_inputs *inputs;
    const char *base; /* the folder that was given, absolute; NULL: a file was */
};

static int no_memory(struct at_cli *cli)
{
    return at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory");
}

static bool ends_with(const char *s, const char *end)
{
    size_t a = strlen(s);
    size_t b = strlen(end);

    return a >= b && strcmp(s + a - b, end) == 0;
}

/* What stands behind the folder in the path, or NULL. "/a/b", "/a/b/c.proto" gives "c.proto". */
static const char *below(const char *folder, const char *path)
{
    size_t len = strlen(folder);

    if (strncmp(folder, path, len) != 0) {
        return NULL;
    }
    if (len > 0 && folder[len - 1] == '/') {
        return path + len;
    }
    return path[len] == '/' ? path + len + 1 : NULL;
}

/* The first --proto-path that holds the file, absolute. */
static const char *told_root(const struct collecting *c, const char *path)
{
    const char *told;

    for (size_t i = 0; (told = at_cli_value_at(c->cli, "proto-path", i)) != NULL; i++) {
        char real[PATH_MAX];

        if (realpath(told, real) != NULL && below(real, path) != NULL) {
            return at_arena_copy(c->arena, at_bytes_of(real));
        }
    }
    return NULL;
}

/*
 * "shop.cart.v1" of the first line that begins with "package"; a guess, since comments may lie:
 * what comes of it is only a folder, and protoc reads the file properly afterwards.
 */
static struct at_bytes package_in(struct at_bytes text)
{
    struct at_bytes line;

    while (at_bytes_cut(&text, '\n', &line)) {
        line = at_bytes_trim(line);
        if (at_bytes_start_with(line, AT_LIT("package ")) ||
            at_bytes_start_with(line, AT_LIT("package\t"))) {
            line = at_bytes_after(line, sizeof("package"));
            return at_bytes_trim(at_bytes_before(line, at_bytes_index(line, ';')));
        }
    }
    return (struct at_bytes){.at = NULL};
}

/* "/x/shop/cart/v1" and "shop.cart.v1" give "/x"; NULL when the folder does not end so. */
static const char *strip_package(struct at_arena *arena, const char *folder,
                                 struct at_bytes package)
{
    size_t len = strlen(folder);

    if (package.len == 0 || package.len + 1 > len || folder[len - package.len - 1] != '/') {
        return NULL;
    }
    for (size_t i = 0; i < package.len; i++) {
        uint8_t want = package.at[i] == '.' ? (uint8_t)'/' : package.at[i];

        if ((uint8_t)folder[len - package.len + i] != want) {
            return NULL;
        }
    }
    len -= package.len + 1;
    return at_arena_copy(arena, at_bytes_over(folder, len == 0 ? 1 : len));
}

/* Sets *ret to NULL when the file does not tell. */
static int guess_root(const struct collecting *c, const char *path, const char *folder,
                      const char **ret)
{
    at_auto_free
    char *content = NULL;
    size_t len = 0;
    int r = at_fd_read_file(AT_FDCWD, path, PROTO_FILE_MAX, &content, &len);

    *ret = NULL;
    if (r == 0) {
        *ret = strip_package(c->arena, folder, package_in(at_bytes_over(content, len)));
    }
    return r;
}

static int add_file(struct collecting *c, const char *shown)
{
    struct at_protoc_input *input = &c->inputs->at[c->inputs->count];
    char real[PATH_MAX];
    const char *folder;
    int r = 0;

    if (c->inputs->count == INPUTS_MAX) {
        return at_cli_fail(c->cli, AT_EXIT_USAGE,
                           "there are more than %d .proto files: name the "
                           "folders that are meant",
                           INPUTS_MAX);
    }
    if (realpath(shown, real) == NULL) {
        return at_cli_fail(c->cli, AT_EXIT_USAGE, "%s cannot be read: %s", shown, strerror(errno));
    }
    for (size_t i = 0; i < c->inputs->count; i++) {
        if (strcmp(c->inputs->at[i].path, real) == 0) {
            return 0;
        }
    }
    input->path = at_arena_copy(c->arena, at_bytes_of(real));
    input->shown = at_arena_copy(c->arena, at_bytes_of(shown));
    folder = at_arena_copy(c->arena, at_bytes_over(real, (size_t)(strrchr(real, '/') - real)));
    if (input->path == NULL || input->shown == NULL || folder == NULL) {
        return no_memory(c->cli);
    }
    input->root = told_root(c, input->path);
    if (input->root == NULL) {
        r = guess_root(c, input->path, folder, &input->root);
    }
    if (r < 0) {
        return at_cli_fail(c->cli, AT_EXIT_USAGE, "%s cannot be read: %s", shown, strerror(-r));
    }
    if (input->root == NULL) {
        input->root = c->base == NULL ? folder : c->base;
    }
    input->name = below(input->root, input->path);
    if (input->name == NULL) { /* a link that leads out of the folder */
        input->root = folder;
        input->name = strrchr(input->path, '/') + 1;
    }
    input->named = c->base == NULL;
    c->inputs->count++;
    return 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_entry(struct collecting *c, FTS *tree, FTSENT *e)
{
    if (e->fts_level > 0 && e->fts_name[0] == '.') {
        fts_set(tree, e, FTS_SKIP);
        return 0;
    }
    if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR) {
        return at_cli_fail(c->cli, AT_EXIT_USAGE, "%s cannot be read: %s", e->fts_path,
                           strerror(e->fts_errno));
    }
    if ((e->fts_info == FTS_F || e->fts_info == FTS_SL) && ends_with(e->fts_name, ".proto")) {
        const char *shown = e->fts_path;

        return add_file(c, strncmp(shown, "./", 2) == 0 ? shown + 2 : shown);
    }
    return 0;
}

static int add_folder(struct collecting *c, const char *path)
{
    char *roots[] = {(char *)(uintptr_t)path, NULL};
    size_t before = c->inputs->count;
    char real[PATH_MAX];
    FTS *tree = NULL;
    FTSENT *e;
    int code = 0;

    if (realpath(path, real) != NULL) {
        c->base = at_arena_copy(c->arena, at_bytes_of(real));
        tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    }
    if (tree == NULL) {
        return at_cli_fail(c->cli, AT_EXIT_USAGE, "%s cannot be read: %s", path, strerror(errno));
    }
    for (size_t n = 0; code == 0 && (e = fts_read(tree)) != NULL; n++) {
        code = n == ENTRIES_MAX
                   ? at_cli_fail(c->cli, AT_EXIT_USAGE, "%s holds too many files", path)
                   : add_entry(c, tree, e);
    }
    fts_close(tree);
    if (code == 0 && c->inputs->count == before) {
        return at_cli_fail(c->cli, AT_EXIT_USAGE, "there is no .proto file in %s", path);
    }
    return code;
}

int at_protoc_collect(struct at_cli *cli, struct at_arena *arena, const char *path,
                      struct at_protoc_inputs *inputs)
{
    struct collecting c = {.cli = cli, .arena = arena, .inputs = inputs};
    struct stat st;

    if (inputs->at == NULL) {
        inputs->at = at_arena_zalloc(arena, INPUTS_MAX + 1, sizeof(*inputs->at));
        if (inputs->at == NULL) {
            return no_memory(cli);
        }
    }
    if (stat(path, &st) < 0) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "%s cannot be read: %s", path, strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        return add_folder(&c, path);
    }
    if (!S_ISREG(st.st_mode)) { /* protoc would wait at a pipe for ever */
        return at_cli_fail(cli, AT_EXIT_USAGE, "%s is neither a file nor a folder", path);
    }
    return add_file(&c, path);
}
