#include "cli/openapi_sources.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/contracts.h"
#include "cli/load.h"
#include "contract/limits.h"
#include "contract/openapi.h"
#include "contract/set.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/sealed.h"

enum { SERVICES_MAX = 4096, NAMES_MAX = 512 };

struct reading {
    struct at_cli *cli;
    struct at_openapi_sources *s;
    const char *paths[AT_CLI_WORDS_MAX];
    size_t path_count;
    const char *names[AT_CLI_WORDS_MAX];
    bool met[AT_CLI_WORDS_MAX]; /* a service of the name was found */
    size_t name_count;
    const char *known[NAMES_MAX]; /* what could have been meant */
    size_t known_count;
};

static int no_memory(struct at_cli *cli)
{
    return at_cli_fail(cli, AT_EXIT_FAILURE, "out of memory: the contracts are too big");
}

static bool ends_like_contracts(const char *word)
{
    static const char *const ends[] = {".proto",    ".pb",   ".binpb", ".desc",
                                       ".protoset", ".yaml", ".yml"};
    size_t len = strlen(word);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);

        if (len > end && strcmp(word + len - end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void sort_words(struct reading *r)
{
    for (size_t i = 0; i < r->cli->word_count; i++) {
        const char *word = r->cli->words[i];

        if (strchr(word, '/') != NULL || strcmp(word, ".") == 0 || ends_like_contracts(word)) {
            r->paths[r->path_count++] = word;
        } else {
            r->names[r->name_count++] = word;
        }
    }
}

static void know(struct reading *r, const char *name)
{
    if (r->known_count < NAMES_MAX) {
        r->known[r->known_count++] = name;
    }
}

/* "shop.cart.v1.CartService", "CartService", "cart", "Cart". */
static bool means(const char *word, const char *full_name)
{
    const char *last = strrchr(full_name, '.');
    size_t len = strlen(word);

    last = last == NULL ? full_name : last + 1;
    return strcmp(word, full_name) == 0 || strcasecmp(word, last) == 0 ||
           (strncasecmp(word, last, len) == 0 && strcasecmp(last + len, "Service") == 0);
}

/* other: a second name of the same service, or NULL. Every name that means it is met. */
static bool is_wanted(struct reading *r, const char *full_name, const char *other)
{
    bool wanted = false;

    for (size_t i = 0; i < r->name_count; i++) {
        if (means(r->names[i], full_name) || (other != NULL && strcmp(r->names[i], other) == 0)) {
            r->met[i] = true;
            wanted = true;
        }
    }
    return wanted;
}

static int add(struct reading *r, const struct at_openapi_service *service)
{
    struct at_openapi_sources *s = r->s;

    if (s->services == NULL) {
        s->services = at_arena_zalloc(&s->arena, SERVICES_MAX, sizeof(*s->services));
        if (s->services == NULL) {
            return no_memory(r->cli);
        }
    }
    if (s->count == SERVICES_MAX) {
        return at_cli_fail(r->cli, AT_EXIT_USAGE,
                           "more than %d services are too many for one document", SERVICES_MAX);
    }
    s->services[s->count++] = *service;
    return 0;
}

/* ---- paths ---- */

static int take_services(struct reading *r)
{
    const struct at_contracts *c = &r->s->contracts;
    int code = 0;

    for (size_t i = 0; code == 0 && i < c->set.symbol_count; i++) {
        const struct at_set_symbol *symbol = &c->set.symbols[i];

        if (symbol->kind != AT_SET_SERVICE || !c->given[symbol->file->index]) {
            continue;
        }
        know(r, symbol->full_name);
        if (is_wanted(r, symbol->full_name, NULL) || r->name_count == 0) {
            code = add(r, &(struct at_openapi_service){.set = &c->set, .service = symbol});
        }
    }
    return code;
}

static int read_paths(struct reading *r)
{
    int code = at_contracts_read(r->cli, r->paths, r->path_count, &r->s->contracts);

    if (code != 0) {
        return code;
    }
    r->s->has_contracts = true;
    return take_services(r);
}

/* ---- the system ---- */

static bool is_behind(const struct at_plan_listener *l, size_t service)
{
    for (size_t i = 0; i < l->services.count; i++) {
        if (l->services.at[i] == service) {
            return true;
        }
    }
    return false;
}

/* The addresses where the door serves it. An address for all is told as this machine's. */
static int find_servers(struct reading *r, size_t service, struct at_openapi_service *ret)
{
    const struct at_plan *plan = at_config_plan_view(r->s->load.config);
    struct at_arena *arena = &r->s->arena;
    const char **urls = at_arena_zalloc(arena, plan->listener_count, sizeof(*urls));

    if (urls == NULL && plan->listener_count > 0) {
        return no_memory(r->cli);
    }
    ret->servers = urls;
    for (size_t i = 0; i < plan->listener_count; i++) {
        const struct at_plan_listener *l = &plan->listeners[i];
        bool v6 = strchr(l->address, ':') != NULL;
        bool any = strcmp(l->address, "0.0.0.0") == 0 || strcmp(l->address, "::") == 0;
        const char *url;

        if (!is_behind(l, service) || l->port == 0) {
            continue;
        }
        url = at_arena_printf(arena, "http://%s%s%s:%u", v6 && !any ? "[" : "",
                              any ? "localhost" : l->address, v6 && !any ? "]" : "", l->port);
        if (url == NULL) {
            return no_memory(r->cli);
        }
        urls[ret->server_count++] = url;
    }
    return 0;
}

static bool is_behind_any(const struct at_plan *plan, size_t service)
{
    for (size_t i = 0; i < plan->listener_count; i++) {
        if (is_behind(&plan->listeners[i], service)) {
            return true;
        }
    }
    return false;
}

static int take_contract(struct reading *r, size_t index, const struct at_set *set,
                         const char *contract)
{
    const struct at_plan *plan = at_config_plan_view(r->s->load.config);
    struct at_openapi_service service = {.set = set,
                                         .service = at_set_find(set, at_bytes_of(contract))};
    int code;

    if (service.service == NULL || service.service->kind != AT_SET_SERVICE) {
        return 0;
    }
    know(r, contract);
    if (r->name_count > 0 && !is_wanted(r, contract, plan->services[index].name)) {
        return 0;
    }
    if (r->name_count == 0 && plan->listener_count > 0 && !is_behind_any(plan, index)) {
        r->s->behind_nothing++;
        return 0;
    }
    code = find_servers(r, index, &service);
    return code == 0 ? add(r, &service) : code;
}

static int take_service(struct reading *r, size_t index)
{
    const struct at_plan_service *service =
        &at_config_plan_view(r->s->load.config)->services[index];
    struct at_bytes own = at_bytes_before(at_bytes_after(r->s->mapped, service->contract_offset),
                                          service->contract_bytes);
    struct at_set *set;
    struct at_diag diag = {.line = 0};
    int code = 0;
    int result;

    if (service->contract_bytes == 0) {
        return 0;
    }
    know(r, service->name);
    set = at_arena_zalloc(&r->s->arena, 1, sizeof(*set));
    result = set == NULL ? -1 : at_set_load(&r->s->arena, own, set, &diag);
    if (result < 0) {
        return no_memory(r->cli);
    }
    if (result > 0) {
        return at_cli_diag(r->cli, AT_EXIT_USAGE, &diag);
    }
    for (size_t i = 0; code == 0 && i < service->contracts.count; i++) {
        code = take_contract(r, index, set, service->contracts.at[i]);
    }
    return code;
}

static int read_system(struct reading *r)
{
    struct at_openapi_sources *s = r->s;
    int code = at_load(r->cli, NULL, 0, false, &s->load);
    const struct at_plan *plan;
    int result;

    if (code != 0) {
        return code;
    }
    s->has_load = true;
    s->title = s->load.place.system;
    result = at_sealed_map(s->load.files.contracts_fd, AT_PLAN_CONTRACTS_BYTES_MAX, &s->mapped);
    if (result < 0) {
        return at_cli_fail(r->cli, AT_EXIT_FAILURE, "the contracts cannot be read: %s",
                           strerror(-result));
    }
    plan = at_config_plan_view(s->load.config);
    for (size_t i = 0; code == 0 && i < plan->service_count; i++) {
        code = take_service(r, i);
    }
    return code;
}

/* ---- what was found ---- */

static int say_unknown(struct reading *r, const char *name)
{
    const char *near = at_text_nearest(at_bytes_of(name), r->known, r->known_count);
    struct at_text hint;
    struct stat st;
    int code;

    at_text_init(&hint);
    if (near != NULL) {
        at_text_addf(&hint, "; did you mean %s?", near);
    } else if (stat(name, &st) == 0) {
        at_text_addf(&hint, "; a folder or file is named with a slash: ./%s", name);
    }
    code = at_cli_fail(r->cli, AT_EXIT_UNKNOWN, "there is no service \"%s\" with a contract%s",
                       name, at_text_str(&hint));
    at_text_deinit(&hint);
    return code;
}

static int judge(struct reading *r)
{
    for (size_t i = 0; i < r->name_count; i++) {
        if (!r->met[i]) {
            return say_unknown(r, r->names[i]);
        }
    }
    if (r->s->count > 0) {
        return 0;
    }
    if (r->s->behind_nothing > 0) {
        return at_cli_fail(r->cli, AT_EXIT_USAGE,
                           "no service with a contract stands behind the gateway; name services to "
                           "describe them all the same");
    }
    return at_cli_fail(r->cli, AT_EXIT_USAGE, "there is no service in %s",
                       r->path_count > 0 ? r->paths[0] : "the contracts of the system");
}

/* A name for a document of files: of its only service, else of the first one's package. */
static int find_title(struct reading *r)
{
    struct at_openapi_sources *s = r->s;
    struct at_bytes package = at_set_bytes(s->services[0].service->file->proto->package);

    if (s->title != NULL) {
        return 0;
    }
    s->title = s->count == 1 || package.len == 0 ? s->services[0].service->full_name
                                                 : at_arena_copy(&s->arena, package);
    return s->title == NULL ? no_memory(r->cli) : 0;
}

int at_openapi_sources_read(struct at_cli *cli, struct at_openapi_sources *ret)
{
    struct reading r = {.cli = cli, .s = ret};
    int code;

    *ret = (struct at_openapi_sources){.count = 0};
    at_arena_init(&ret->arena, 1 << 16, AT_SET_MEMORY_MAX);
    sort_words(&r);
    code = r.path_count > 0 ? read_paths(&r) : read_system(&r);
    code = code == 0 ? judge(&r) : code;
    code = code == 0 ? find_title(&r) : code;
    if (code != 0) {
        at_openapi_sources_deinit(ret);
    }
    return code;
}

void at_openapi_sources_deinit(struct at_openapi_sources *s)
{
    if (s->has_contracts) {
        at_contracts_deinit(&s->contracts);
    }
    at_sealed_unmap(&s->mapped);
    if (s->has_load) {
        at_load_deinit(&s->load);
    }
    at_arena_deinit(&s->arena);
}
