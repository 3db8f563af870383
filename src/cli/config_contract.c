/*
 * The contracts of all services, into one memory file beside the plan.
 *
 * A program made with protoc-gen-atoll carries its FileDescriptorSet in the section
 * .atoll.contract, also of the contracts that it only calls, and in .atoll.serves the names of
 * those that it serves. `contract: FILE` replaces both. Where a program serves something without
 * saying so, it is taken to serve what it carries and nobody else says to serve.
 */
#include "cli/config_contract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_elf.h"
#include "cli/config_error.h"
#include "cli/config_limits.h"
#include "cli/config_model.h"
#include "cli/config_yaml.h"
#include "plan/gateway.h"
#include "plan/limits.h"
#include "plan/locks.h"
#include "plan/plan.h"
#include "plan/sealed.h"

/* What one service carries. */
struct carried {
    const struct at_config_service *service;
    struct at_plan_service *plan;
    struct at_config_place place; /* where a mistake in it is reported */
    size_t offset;                /* of its set in the contracts */
    size_t len;
    struct at_contract_files files;
    struct at_plan_strings declared; /* by the set */
    struct at_text serves;           /* .atoll.serves, as it stands */
    bool says;                       /* what it serves: by that section or by a contract file */
    bool missing;                    /* its program cannot be opened, so nothing is known */
};

struct gathering {
    struct at_config *config;
    struct at_text contracts;
    struct carried *at;
    size_t count;
};

static void say(struct gathering *g, const struct carried *c, const char *source, const char *why)
{
    struct at_config_error *e =
        at_config_say(g->config->errors, AT_CONFIG_CONTRACT, c->place, c->service->path,
                      "the contract of %s cannot be used (%s): %s", c->service->name, source, why);

    at_config_hint(g->config->errors, e, "build %s again from its .proto", c->service->name);
}

/* The section of the program, appended to out. Nothing is said when it has none. */
static int read_section(struct gathering *g, struct carried *c, const char *name,
                        struct at_text *out)
{
    at_auto_close
    int fd = open(c->plan->executable, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t before = out->len;
    int r;

    if (fd < 0) {
        c->missing = true;
        return 0; /* a warning was given; starting it will fail */
    }
    r = at_elf_section(fd, name, AT_CONFIG_CONTRACT_MAX, out);
    if (r == AT_ELF_MALFORMED || r == AT_ELF_TOO_BIG) {
        say(g, c, c->plan->executable,
            r == AT_ELF_TOO_BIG ? "its section is too long" : "its tables are malformed");
    }
    if (r == -ENOMEM) {
        return r;
    }
    if (r != 0 && out->len > before) {
        out->len = before;
    }
    return 0;
}

static int read_program(struct gathering *g, struct carried *c)
{
    int r = read_section(g, c, ".atoll.contract", &g->contracts);

    if (r == 0) {
        r = read_section(g, c, ".atoll.serves", &c->serves);
    }
    c->says = c->serves.len > 0;
    return r;
}

static int read_contract_file(struct gathering *g, struct carried *c)
{
    const struct at_yaml_node *node = c->service->contract;
    const char *path = c->service->contract_path;
    at_auto_free
    char *content = NULL;
    size_t len = 0;
    int r;

    c->place = node->place;
    r = at_fd_read_file(AT_FDCWD, path, AT_CONFIG_CONTRACT_MAX, &content, &len);
    if (r == -ENOMEM) {
        return r;
    }
    if (r < 0) {
        struct at_config_error *e = at_config_say(
            g->config->errors, AT_CONFIG_CONTRACT, c->place, c->service->path,
            "the contract %s of %s cannot be read: %s", path, c->service->name, strerror(-r));

        at_config_hint(g->config->errors, e,
                       "protoc --include_imports --descriptor_set_out=FILE makes one");
        return 0;
    }
    at_text_add(&g->contracts, at_bytes_over(content, len));
    c->says = true;
    return 0;
}

static int scan(struct gathering *g, struct carried *c)
{
    struct at_bytes set =
        at_bytes_before(at_bytes_after(at_text_bytes(&g->contracts), c->offset), c->len);
    const char *why = NULL;
    int r;

    if (set.len == 0) {
        return 0;
    }
    r = at_contract_scan(&g->config->arena, set, &c->files, &c->declared, &why);
    if (r == AT_CONFIG_WRONG) {
        say(g, c,
            c->service->contract == NULL ? c->plan->executable
                                         : (const char *)c->service->contract->text.at,
            why);
        r = 0;
    }
    return r;
}

static bool is_in(const struct at_plan_strings *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->at[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Is the name one of the NUL-terminated ones in .atoll.serves? */
static bool is_served(const struct carried *c, const char *name)
{
    struct at_bytes rest = at_text_bytes(&c->serves);
    struct at_bytes piece;

    while (at_bytes_cut(&rest, '\0', &piece)) {
        if (at_bytes_equal(piece, at_bytes_of(name))) {
            return true;
        }
    }
    return false;
}

/* Who says to serve it, other than `but`; NULL: nobody. */
static const struct carried *server_of(const struct gathering *g, const char *name,
                                       const struct carried *but)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct carried *c = &g->at[i];

        if (c != but && c->says && is_in(&c->plan->contracts, name)) {
            return c;
        }
    }
    return NULL;
}

/* Which of the declared contracts c serves. */
static int list_served(const struct gathering *g, struct carried *c)
{
    struct at_plan_strings *out = &c->plan->contracts;

    out->at = at_arena_zalloc(&g->config->arena, c->declared.count, sizeof(*out->at));
    if (out->at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < c->declared.count; i++) {
        const char *name = c->declared.at[i];

        if (c->serves.len > 0 ? is_served(c, name) : c->says || server_of(g, name, c) == NULL) {
            out->at[out->count++] = name;
        }
    }
    if (c->len > 0) {
        c->plan->contract_offset = c->offset;
        c->plan->contract_bytes = c->len;
    }
    c->plan->ready = out->count > 0 ? AT_PLAN_READY_HELLO : AT_PLAN_READY_EXEC;
    return 0;
}

/* Those that say what they serve first, so that the others can be told from it. */
static int list_all_served(struct gathering *g)
{
    int r = 0;

    for (int says = 1; says >= 0; says--) {
        for (size_t i = 0; r == 0 && i < g->count; i++) {
            if (g->at[i].says == (says == 1)) {
                r = list_served(g, &g->at[i]);
            }
        }
    }
    return r;
}

/* A contract has one server: a caller that wants it must know whom it gets. */
static void find_twice(struct gathering *g)
{
    for (size_t i = 1; i < g->count; i++) {
        const struct carried *c = &g->at[i];

        for (size_t k = 0; k < c->plan->contracts.count; k++) {
            const char *name = c->plan->contracts.at[k];
            const struct carried *other = server_of(g, name, c);

            if (other != NULL && other < c && c->says) {
                struct at_config_error *e = at_config_say(
                    g->config->errors, AT_CONFIG_CONTRACT, c->place, c->service->path,
                    "%s is served by %s and by %s", name, other->service->name, c->service->name);

                at_config_hint(g->config->errors, e,
                               "one service serves a contract; for more of it set deploy.replicas");
            }
        }
    }
}

static const struct at_contract_file *file_named(const struct carried *c, struct at_bytes name)
{
    for (size_t i = 0; i < c->files.count; i++) {
        if (at_bytes_equal(c->files.at[i].name, name)) {
            return &c->files.at[i];
        }
    }
    return NULL;
}

/* Programs built from different versions of a .proto can talk, but somebody should know. */
static void compare_versions(struct gathering *g, const struct carried *one,
                             const struct carried *two)
{
    for (size_t i = 0; i < two->files.count; i++) {
        const struct at_contract_file *file = &two->files.at[i];
        const struct at_contract_file *other = file_named(one, file->name);
        struct at_config_quoted room;

        if (other != NULL && !at_bytes_equal(other->bytes, file->bytes)) {
            struct at_config_error *e = at_config_warn(
                g->config->errors, AT_CONFIG_CONTRACT, two->place, two->service->path,
                "%s and %s were built from different versions of %s", one->service->name,
                two->service->name, at_config_quote(file->name, &room));

            at_config_hint(g->config->errors, e,
                           "fields that only one of them knows are lost to the other; build both "
                           "again from the same file");
            return;
        }
    }
}

static void find_versions(struct gathering *g)
{
    for (size_t i = 0; i < g->count; i++) {
        for (size_t k = i + 1; k < g->count && !g->config->errors->overflow; k++) {
            compare_versions(g, &g->at[i], &g->at[k]);
        }
    }
}

/* Who is behind a listener should have something that can be called there. */
static void find_silent(struct gathering *g)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct carried *c = &g->at[i];
        const struct at_plan *plan = &g->config->plan;
        int door = at_plan_role(plan, AT_PLAN_GATEWAY);

        if (door >= 0 && c->plan->contracts.count == 0 && !c->missing &&
            at_plan_may_call(plan, (uint32_t)door, c->service->index)) {
            struct at_config_error *e = at_config_warn(
                g->config->errors, AT_CONFIG_CONTRACT, c->place, c->service->path,
                "%s stands behind the gateway and has no contract: nothing of it can be called",
                c->service->name);

            at_config_hint(g->config->errors, e,
                           "make the program with protoc-gen-atoll, or name a contract file");
        }
    }
}

static int gather(struct gathering *g)
{
    struct at_config *config = g->config;

    g->at = at_arena_zalloc(&config->arena, config->service_count, sizeof(*g->at));
    if (g->at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < config->service_count; i++) {
        const struct at_config_service *s = &config->services[i];
        struct carried *c = &g->at[g->count];
        int r;

        if (!s->enabled) {
            continue;
        }
        g->count++;
        *c = (struct carried){.service = s,
                              .plan = &config->plan.services[s->index],
                              .place = s->key->place,
                              .offset = g->contracts.len};
        r = s->contract == NULL ? read_program(g, c) : read_contract_file(g, c);
        c->len = g->contracts.len - c->offset;
        if (r == 0 && (g->contracts.failed || c->serves.failed)) {
            r = -ENOMEM;
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* After all were read: what is found borrows from the contracts, which must not grow any more. */
static int scan_all(struct gathering *g)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < g->count; i++) {
        r = scan(g, &g->at[i]);
    }
    return r;
}

static int judge(struct gathering *g)
{
    int r = list_all_served(g);

    if (r < 0) {
        return r;
    }
    if (g->contracts.len > AT_PLAN_CONTRACTS_BYTES_MAX) {
        (void)at_config_say(g->config->errors, AT_CONFIG_LIMIT, g->config->root->place, "",
                            "all contracts together have more than %d bytes",
                            AT_PLAN_CONTRACTS_BYTES_MAX);
    }
    find_twice(g);
    find_versions(g);
    find_silent(g);
    return at_config_judge_hashes(g->config, at_text_bytes(&g->contracts));
}

static int say_too_big(struct at_config *c)
{
    (void)at_config_say(
        c->errors, AT_CONFIG_LIMIT, c->root->place, "",
        "the plan of the system is too big: fewer services, variables or contracts");
    return AT_CONFIG_WRONG;
}

/* Checks it as its readers will, packs and seals. */
static int pack(struct gathering *g, struct at_config_files *ret)
{
    struct at_config *c = g->config;
    at_auto_close
    int plan_fd = -1;
    at_auto_close
    int contracts_fd = -1;
    struct at_diag diag;
    struct at_text plan;
    struct at_text slice;
    int r;

    if (at_plan_check(&c->plan, g->contracts.len, &diag) != 0) {
        (void)at_config_say(c->errors, AT_CONFIG_VALUE, c->root->place, "", "%s", diag.what);
        return AT_CONFIG_WRONG;
    }
    at_text_init(&plan);
    at_text_init(&slice);
    r = at_plan_pack(&c->plan, &plan);
    if (r == 0) {
        r = at_gateway_config_pack(&c->plan, &slice);
    }
    if (r == 0) {
        at_text_clear(&slice);
        r = at_locks_config_pack(&c->plan, 0, &slice);
    }
    if (r == -EMSGSIZE) {
        r = say_too_big(c);
    }
    if (r == 0) {
        r = at_sealed_make("atoll-plan", at_text_bytes(&plan), &plan_fd);
    }
    if (r == 0) {
        r = at_sealed_make("atoll-contracts", at_text_bytes(&g->contracts), &contracts_fd);
    }
    at_text_deinit(&plan);
    at_text_deinit(&slice);
    if (r == 0) {
        *ret = (struct at_config_files){at_take_fd(&plan_fd), at_take_fd(&contracts_fd)};
    }
    return r;
}

int at_config_plan(struct at_config *config, struct at_config_files *ret,
                   struct at_config_errors *errors)
{
    struct gathering g = {.config = config};
    size_t wrong = errors->wrong;
    int r;

    config->errors = errors;
    at_text_init(&g.contracts);
    r = gather(&g);
    if (r == 0) {
        r = scan_all(&g);
    }
    if (r == 0) {
        r = judge(&g);
    }
    at_config_errors_sort(errors);
    if (r == 0 && errors->wrong > wrong) {
        r = AT_CONFIG_WRONG;
    }
    if (r == 0) {
        r = errors->failed ? -ENOMEM : pack(&g, ret);
    }
    for (size_t i = 0; i < g.count; i++) {
        at_text_deinit(&g.at[i].serves);
    }
    at_text_deinit(&g.contracts);
    config->errors = NULL;
    return r;
}
