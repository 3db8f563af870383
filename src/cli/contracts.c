#include "cli/contracts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/config_elf.h"
#include "cli/load.h"
#include "cli/protoc.h"
#include "contract/limits.h"
#include "contract/set.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/sealed.h"

enum kind {
    KIND_PROTO,  /* .proto files and folders */
    KIND_SET,    /* descriptor sets and programs */
    KIND_SYSTEM, /* atoll.yaml */
};

struct reading {
    struct at_cli *cli;
    struct at_contracts *c;
    struct at_protoc_inputs inputs; /* of KIND_PROTO */
    const char *source;             /* for messages */
};

static int no_memory(struct at_cli *cli)
{
    return at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory: the contracts are too big");
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t len = strlen(path);
    size_t end = strlen(suffix);

    return len > end && strcmp(path + len - end, suffix) == 0;
}

static enum kind kind_of(const char *path)
{
    struct stat st;

    if (has_suffix(path, ".proto") || (stat(path, &st) == 0 && S_ISDIR(st.st_mode))) {
        return KIND_PROTO;
    }
    if (has_suffix(path, ".yaml") || has_suffix(path, ".yml")) {
        return KIND_SYSTEM;
    }
    return KIND_SET;
}

/* ---- descriptor sets and programs ---- */

static int say_elf(struct reading *r, const char *path, int result)
{
    struct at_diag diag;

    if (result < 0) {
        return at_cli_fail(r->cli, AT_EXIT_USAGE, "%s cannot be read: %s", path, strerror(-result));
    }
    at_diag_set(&diag, "%s",
                result == AT_ELF_NONE        ? "this program carries no contract"
                : result == AT_ELF_MALFORMED ? "this program is damaged: its tables contradict "
                                               "themselves"
                                             : "the contract of this program is too long");
    at_diag_place(&diag, path, 0, 0);
    at_diag_hint(&diag, "programs made with protoc-gen-atoll carry the contracts that they serve "
                        "and call");
    return at_cli_diag(r->cli, AT_EXIT_USAGE, &diag);
}

static int read_program(struct reading *r, const char *path)
{
    at_auto_close
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int result =
        fd < 0 ? -errno : at_elf_section(fd, ".atoll.contract", AT_SET_BYTES_MAX, &r->c->bytes);

    return result == 0 ? 0 : say_elf(r, path, result);
}

static bool is_program(const char *path)
{
    char magic[4];
    at_auto_close
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    return fd >= 0 && at_fd_read_all(fd, magic, sizeof(magic)) == 0 &&
           memcmp(magic, "\177ELF", sizeof(magic)) == 0;
}

static int read_set(struct reading *r, const char *path)
{
    at_auto_free
    char *content = NULL;
    size_t len = 0;
    int result;

    r->source = path;
    if (is_program(path)) {
        return read_program(r, path);
    }
    result = at_fd_read_file(AT_FDCWD, path, AT_SET_BYTES_MAX, &content, &len);
    if (result < 0) {
        return at_cli_fail(r->cli, AT_EXIT_USAGE, "%s cannot be read: %s", path, strerror(-result));
    }
    if (len == 0) {
        return at_cli_fail(r->cli, AT_EXIT_USAGE, "%s is empty", path);
    }
    at_text_add(&r->c->bytes, at_bytes_over(content, len));
    return r->c->bytes.failed ? no_memory(r->cli) : 0;
}

/* ---- the system ---- */

static int take_sets(struct reading *r, const struct at_load *load)
{
    const struct at_plan *plan = at_config_plan_view(load->config);
    struct at_bytes sets;
    int result = at_sealed_map(load->files.contracts_fd, AT_PLAN_CONTRACTS_BYTES_MAX, &sets);

    if (result < 0) {
        return at_cli_fail(r->cli, AT_EXIT_FAILURE, "the contracts cannot be read: %s",
                           strerror(-result));
    }
    for (size_t i = 0; i < plan->service_count; i++) {
        at_text_add(&r->c->bytes,
                    at_bytes_before(at_bytes_after(sets, plan->services[i].contract_offset),
                                    plan->services[i].contract_bytes));
    }
    at_sealed_unmap(&sets);
    if (r->c->bytes.failed) {
        return no_memory(r->cli);
    }
    if (r->c->bytes.len == 0) {
        return at_cli_fail(r->cli, AT_EXIT_USAGE, "no service of %s has a contract",
                           load->place.system);
    }
    return 0;
}

/* path: instead of the files of the command line; NULL: those. */
static int read_system(struct reading *r, const char *path)
{
    size_t file_count = r->cli->file_count;
    const char *file = r->cli->files[0];
    struct at_load load;
    int code;

    if (path != NULL) {
        r->cli->files[0] = path;
        r->cli->file_count = 1;
    }
    r->source = "the system";
    code = at_load(r->cli, NULL, 0, false, &load);
    r->cli->files[0] = file;
    r->cli->file_count = file_count;
    if (code != 0) {
        return code;
    }
    code = take_sets(r, &load);
    at_load_deinit(&load);
    return code;
}

/* ---- all of them ---- */

static int read_one(struct reading *r, enum kind kind, const char *path)
{
    switch (kind) {
    case KIND_PROTO: return at_protoc_collect(r->cli, &r->c->arena, path, &r->inputs);
    case KIND_SET: return read_set(r, path);
    case KIND_SYSTEM: break;
    }
    return read_system(r, path);
}

static int read_paths(struct reading *r, const char *const *paths, size_t count)
{
    enum kind kind = count == 0 ? KIND_SYSTEM : kind_of(paths[0]);
    int code = 0;

    if (count == 0) {
        return read_system(r, NULL);
    }
    for (size_t i = 0; code == 0 && i < count; i++) {
        if (kind_of(paths[i]) != kind || (kind == KIND_SYSTEM && i > 0)) {
            return at_cli_fail(r->cli, AT_EXIT_USAGE,
                               "%s and %s cannot be read together: name .proto files and folders, "
                               "or descriptor sets and programs, or one atoll.yaml",
                               paths[0], paths[i]);
        }
        code = read_one(r, kind, paths[i]);
    }
    if (code == 0 && kind == KIND_PROTO) {
        r->source = paths[0];
        code = at_protoc_run(r->cli, &r->c->arena, &r->inputs, &r->c->bytes);
    }
    return code;
}

/* The input that a file of the set came from; NULL: it was imported, or there are no inputs. */
static const struct at_protoc_input *input_of(const struct reading *r, struct at_bytes name)
{
    for (size_t i = 0; i < r->inputs.count; i++) {
        if (at_bytes_equal(at_bytes_of(r->inputs.at[i].name), name)) {
            return &r->inputs.at[i];
        }
    }
    return NULL;
}

/*
 * Which files were meant: those named; of a folder all but copies of Google's; of a set or a
 * program all that are nobody else's. When that leaves nothing, all that are there.
 */
static int mark_given(struct reading *r)
{
    struct at_contracts *c = r->c;
    bool any = false;

    c->given = at_arena_zalloc(&c->arena, c->set.file_count + 1, sizeof(*c->given));
    c->shown = at_arena_zalloc(&c->arena, c->set.file_count + 1, sizeof(*c->shown));
    if (c->given == NULL || c->shown == NULL) {
        return no_memory(r->cli);
    }
    for (size_t i = 0; i < c->set.file_count; i++) {
        struct at_bytes name = at_set_bytes(c->set.files[i].proto->name);
        const struct at_protoc_input *input = input_of(r, name);

        c->shown[i] = input == NULL ? at_arena_copy(&c->arena, name) : input->shown;
        if (c->shown[i] == NULL) {
            return no_memory(r->cli);
        }
        if (r->inputs.count == 0) {
            c->given[i] = !at_set_is_standard(&c->set.files[i]);
        } else if (input != NULL) {
            c->given[i] = input->named || !at_bytes_start_with(name, AT_LIT("google/"));
        }
        any = any || c->given[i];
    }
    for (size_t i = 0; !any && i < c->set.file_count; i++) {
        c->given[i] =
            r->inputs.count == 0 || input_of(r, at_set_bytes(c->set.files[i].proto->name)) != NULL;
    }
    return 0;
}

static int load_set(struct reading *r)
{
    struct at_diag diag = {.line = 0};
    int result = at_set_load(&r->c->arena, at_text_bytes(&r->c->bytes), &r->c->set, &diag);

    if (result < 0) {
        return no_memory(r->cli);
    }
    if (result > 0) {
        at_diag_place(&diag, r->source, 0, 0);
        if (diag.hint[0] == '\0') {
            at_diag_hint(&diag, "a contract is a .proto file, a folder of them, a descriptor set "
                                "(protoc --include_imports --descriptor_set_out=FILE), or a "
                                "program made with protoc-gen-atoll");
        }
        return at_cli_diag(r->cli, AT_EXIT_USAGE, &diag);
    }
    return mark_given(r);
}

int at_contracts_read(struct at_cli *cli, const char *const *paths, size_t count,
                      struct at_contracts *ret)
{
    struct reading r = {.cli = cli, .c = ret, .source = ""};
    int code;

    *ret = (struct at_contracts){.given = NULL};
    at_arena_init(&ret->arena, 1 << 16, AT_SET_MEMORY_MAX);
    at_text_init(&ret->bytes);
    code = read_paths(&r, paths, count);
    code = code == 0 ? load_set(&r) : code;
    if (code != 0) {
        at_contracts_deinit(ret);
    }
    return code;
}

void at_contracts_deinit(struct at_contracts *c)
{
    at_arena_deinit(&c->arena);
    at_text_deinit(&c->bytes);
}
