/* locks, and lock:NAME in uses → the plan's locks. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_model.h"
#include "cli/config_yaml.h"
#include "plan/limits.h"
#include "plan/plan.h"

static const struct at_bytes prefix = {(const uint8_t *)"lock:", 5};

static void judge_lock_name(struct at_config *c, const struct at_config_lock *l)
{
    struct at_config_quoted room;

    if (!at_plan_is_lock(l->key->text)) {
        (void)at_config_say(c->errors, AT_CONFIG_VALUE, l->key->place, l->path,
                            "“%s” cannot be the name of a lock: a name has a to z, A to Z, 0 to 9 "
                            "and . _ - / :, perhaps a * at its end, and at most %d characters",
                            at_config_quote(l->key->text, &room), AT_PLAN_LOCK_NAME_MAX);
    }
}

int at_config_resolve_locks(struct at_config *c)
{
    struct at_plan_lock *at = at_arena_zalloc(&c->arena, c->lock_count, sizeof(*at));

    if (at == NULL) {
        return -ENOMEM;
    }
    if (c->lock_count > AT_PLAN_LOCKS_MAX) {
        (void)at_config_say(c->errors, AT_CONFIG_LIMIT, c->locks[AT_PLAN_LOCKS_MAX].key->place,
                            "locks",
                            "%zu locks; %d is the most: a name with a * at its end stands "
                            "for many",
                            c->lock_count, AT_PLAN_LOCKS_MAX);
        return 0;
    }
    for (size_t i = 0; i < c->lock_count; i++) {
        const struct at_config_lock *l = &c->locks[i];

        judge_lock_name(c, l);
        at[i] = (struct at_plan_lock){
            .name = (const char *)l->key->text.at,
            .permits = l->permits,
            .lease_ns = l->lease_ns,
            .file = l->key->place.file,
            .line = (uint32_t)l->key->place.line,
            .col = (uint32_t)l->key->place.col,
        };
        at[i].services.at =
            at_arena_zalloc(&c->arena, c->service_count + 1, sizeof(*at[i].services.at));
        if (at[i].services.at == NULL) {
            return -ENOMEM;
        }
    }
    c->plan.locks = at;
    c->plan.lock_count = c->lock_count;
    return 0;
}

static struct at_plan_lock *find_lock(struct at_config *c, struct at_bytes name)
{
    for (size_t i = 0; i < c->plan.lock_count; i++) {
        if (at_bytes_equal(at_bytes_of(c->plan.locks[i].name), name)) {
            return &c->plan.locks[i];
        }
    }
    return NULL;
}

/* The pattern that stands for the name, or what is spelled nearly so; NULL: neither. */
static const char *meant(const struct at_config *c, struct at_bytes name)
{
    const char *names[AT_PLAN_LOCKS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < c->plan.lock_count; i++) {
        struct at_bytes own = at_bytes_of(c->plan.locks[i].name);

        if (own.len > 0 && own.at[own.len - 1] == '*' &&
            at_bytes_start_with(name, at_bytes_before(own, own.len - 1))) {
            return c->plan.locks[i].name;
        }
        names[n++] = c->plan.locks[i].name;
    }
    return at_text_nearest(name, names, n);
}

static void say_unknown(struct at_config *c, const struct at_yaml_node *text, const char *path,
                        struct at_bytes name)
{
    struct at_config_quoted room;
    struct at_config_error *e =
        at_config_say(c->errors, AT_CONFIG_UNKNOWN_NAME, text->place, path, "there is no lock “%s”",
                      at_config_quote(name, &room));
    const char *near = c->errors->overflow ? NULL : meant(c, name);

    if (near != NULL) {
        at_config_hint(c->errors, e, "did you mean lock:%s?", near);
    } else {
        at_config_hint(c->errors, e, "declare it: locks: {%s: {}}", at_config_quote(name, &room));
    }
}

bool at_config_resolve_lock_use(struct at_config *c, const struct at_config_service *s,
                                const struct at_yaml_node *text, const char *path)
{
    struct at_bytes name;
    struct at_plan_lock *l;

    if (text->wrong || !at_bytes_start_with(text->text, prefix)) {
        return false;
    }
    name = at_bytes_after(text->text, prefix.len);
    if (name.len == 0) {
        (void)at_config_say(c->errors, AT_CONFIG_VALUE, text->place, path,
                            "lock: names no lock; lock:NAME does");
        return true;
    }
    l = find_lock(c, name);
    if (l == NULL) {
        say_unknown(c, text, path, name);
        return true;
    }
    if (!s->enabled) {
        return true;
    }
    if (l->services.count > 0 && l->services.at[l->services.count - 1] == s->index) {
        (void)at_config_say(c->errors, AT_CONFIG_DUPLICATE, text->place, path,
                            "lock:%s stands twice in the uses of %s", l->name, s->name);
        return true;
    }
    l->services.at[l->services.count++] = s->index; /* services come in the order of the plan */
    return true;
}
