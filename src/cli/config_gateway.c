/* gateway.listen → the plan's listeners. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_model.h"
#include "plan/limits.h"
#include "plan/plan.h"

/* "127.0.0.1:8080", "[::1]:8080", ":8080", "8080", "localhost:8080". */
static bool split_address(struct at_bytes text, struct at_bytes *ret_host, uint64_t *ret_port)
{
    size_t colon = text.len;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == ':') {
            colon = i; /* the last one */
        }
    }
    if (colon == text.len) {
        *ret_host = (struct at_bytes){0};
        return at_bytes_to_u64(text, ret_port);
    }
    *ret_host = at_bytes_before(text, colon);
    if (ret_host->len >= 2 && ret_host->at[0] == '[' && ret_host->at[ret_host->len - 1] == ']') {
        *ret_host = at_bytes_over(ret_host->at + 1, ret_host->len - 2);
    }
    return at_bytes_to_u64(at_bytes_after(text, colon + 1), ret_port);
}

static const char *numeric(struct at_config *c, struct at_bytes host)
{
    uint8_t room[16];
    char *copy;

    if (host.len == 0 || at_bytes_equal(host, AT_LIT("localhost"))) {
        return "127.0.0.1";
    }
    if (at_bytes_equal(host, AT_LIT("*"))) {
        return "0.0.0.0";
    }
    if (host.len > AT_PLAN_ADDRESS_MAX) {
        return NULL;
    }
    copy = at_arena_copy(&c->arena, host);
    if (copy == NULL) {
        c->errors->failed = true;
        return NULL;
    }
    return inet_pton(AF_INET, copy, room) == 1 || inet_pton(AF_INET6, copy, room) == 1 ? copy
                                                                                       : NULL;
}

static const char *field(struct at_config *c, const struct at_config_listener *l, const char *name)
{
    const char *path = at_arena_printf(&c->arena, "%s.%s", l->path, name);

    if (path == NULL) {
        c->errors->failed = true;
    }
    return path == NULL ? "" : path;
}

static bool resolve_address(struct at_config *c, const struct at_config_listener *l,
                            struct at_plan_listener *out)
{
    struct at_bytes host = {0};
    struct at_config_quoted room;
    struct at_config_error *e;
    uint64_t port = 0;

    if (l->address == NULL) {
        return false; /* said as missing */
    }
    if (split_address(l->address->text, &host, &port)) {
        out->address = numeric(c, host);
        out->port = (uint32_t)port;
        if (out->address != NULL && port <= UINT16_MAX) {
            return true;
        }
    }
    e = at_config_say(c->errors, AT_CONFIG_VALUE, l->address->place, field(c, l, "address"),
                      port > UINT16_MAX ? "the port in “%s” is above 65535"
                                        : "“%s” is no numeric address with a port",
                      at_config_quote(l->address->text, &room));
    at_config_hint(c->errors, e, "for example 127.0.0.1:8080, 0.0.0.0:80 or [::1]:8080");
    return false;
}

static int resolve_services(struct at_config *c, const struct at_config_listener *l,
                            struct at_plan_indexes *out)
{
    bool named[AT_PLAN_SERVICES_MAX] = {false};

    if (l->services == NULL) {
        return 0;
    }
    if (l->services->count == 0) {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_MISSING, l->services->place,
                                     field(c, l, "services"), "the listener serves no services"),
                       "name those that may be called there");
    }
    out->at = at_arena_zalloc(&c->arena, c->service_count, sizeof(*out->at));
    if (out->at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < l->services->count; i++) {
        const struct at_config_service *s =
            at_config_service_of(c, l->services->items[i], field(c, l, "services"));

        if (s != NULL && s->enabled && named[s->index]) {
            (void)at_config_say(c->errors, AT_CONFIG_DUPLICATE, l->services->items[i]->place,
                                field(c, l, "services"), "%s stands twice in a listener", s->name);
        } else if (s != NULL && s->enabled) {
            named[s->index] = true;
        }
    }
    for (uint32_t i = 0; i < c->service_count; i++) {
        if (named[i]) {
            out->at[out->count++] = i;
        }
    }
    return 0;
}

static void find_clash(struct at_config *c, const struct at_config_listener *l,
                       const struct at_plan_listener *listener)
{
    for (size_t i = 0; i < c->plan.listener_count; i++) {
        const struct at_plan_listener *other = &c->plan.listeners[i];

        if (at_plan_listeners_clash(other, listener)) {
            at_config_hint(c->errors,
                           at_config_say(c->errors, AT_CONFIG_DUPLICATE, l->address->place,
                                         field(c, l, "address"),
                                         "port %u of %s is taken by another listener",
                                         listener->port, listener->address),
                           "%s:%u stands in line %u already; put the services of both into one",
                           other->address, other->port, other->line);
            return;
        }
    }
}

int at_config_resolve_gateway(struct at_config *config)
{
    struct at_plan_listener *at = NULL;

    if (config->listener_count > AT_PLAN_LISTENERS_MAX) {
        (void)at_config_say(config->errors, AT_CONFIG_LIMIT,
                            config->listeners[AT_PLAN_LISTENERS_MAX].node->place, "gateway.listen",
                            "%zu listeners; %d is the most", config->listener_count,
                            AT_PLAN_LISTENERS_MAX);
        return 0;
    }
    at = at_arena_zalloc(&config->arena, config->listener_count, sizeof(*at));
    if (at == NULL) {
        return -ENOMEM;
    }
    config->plan.listeners = at;
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct at_config_listener *l = &config->listeners[i];
        struct at_plan_listener listener = {.address = "",
                                            .file = l->node->place.file,
                                            .line = (uint32_t)l->node->place.line,
                                            .col = (uint32_t)l->node->place.col};
        bool good = resolve_address(config, l, &listener);
        int r = resolve_services(config, l, &listener.services);

        if (r < 0) {
            return r;
        }
        if (good) {
            find_clash(config, l, &listener);
        }
        if (good && listener.services.count > 0) {
            at[config->plan.listener_count++] = listener; /* others have nothing that runs */
        }
    }
    return 0;
}
