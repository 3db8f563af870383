/* Do the requests have the fields by which policies hash them? Asked of the contracts. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_model.h"
#include "cli/config_yaml.h"
#include "pb/codec.h"
#include "pb/key.h"
#include "pb/pool.h"
#include "plan/plan.h"

enum { NAMES_MAX = 256 }; /* fields that a wrong name is compared with */

/* What the methods that one service serves say of a field. */
struct looking {
    struct at_bytes path;
    size_t with;
    size_t without;
    size_t streaming;                    /* methods whose requests cannot be looked at */
    const char *why;                     /* of the last one without */
    struct at_bytes piece;               /* … which name of the path */
    const struct atoll_message_desc *of; /* … in which message */
    const char *names[NAMES_MAX];        /* of fields that there are where one was missing */
    size_t name_count;
};

/* Once each: several methods may have requests of one type, or of types that are alike. */
static void note_name(struct looking *k, const char *name)
{
    for (size_t i = 0; i < k->name_count; i++) {
        if (strcmp(k->names[i], name) == 0) {
            return;
        }
    }
    if (k->name_count < NAMES_MAX) {
        k->names[k->name_count++] = name;
    }
}

static void note_names(struct looking *k, const struct atoll_message_desc *of)
{
    for (size_t i = 0; i < of->field_count && k->name_count < NAMES_MAX; i++) {
        note_name(k, (const char *)at_pb_name(of, at_pb_field(of, i)).at);
    }
}

static void look_at(struct looking *k, const struct at_pool_method *m)
{
    struct at_pb_key_path path;
    struct at_bytes piece;
    const struct atoll_message_desc *of;
    const char *why;

    if (m->client_streams) {
        k->streaming++;
        return; /* a stream begins before its first message */
    }
    why = at_pb_key_resolve(m->input, k->path, &path, &piece, &of);
    if (why == NULL) {
        k->with++;
        return;
    }
    k->without++;
    if (k->why == NULL || at_pb_field_by_name(of, piece) != NULL) { /* the wrong type tells more */
        k->why = why;
        k->piece = piece;
        k->of = of;
    }
    note_names(k, of);
}

static void look(struct looking *k, const struct at_plan_service *s, const struct at_pool *pool)
{
    for (size_t i = 0; i < s->contracts.count; i++) {
        const struct at_pool_service *service =
            at_pool_find_service(pool, at_bytes_of(s->contracts.at[i]));

        for (size_t m = 0; service != NULL && m < service->method_count; m++) {
            look_at(k, &service->methods[m]);
        }
    }
}

static void say_none(struct at_config *c, const struct at_config_policy *p, const char *service,
                     const struct looking *k)
{
    struct at_config_quoted room;
    struct at_config_quoted piece;
    bool deep = !at_bytes_equal(k->piece, k->path); /* which part of the path is meant */
    const char *near = at_text_nearest(k->piece, k->names, k->name_count);
    struct at_config_error *e;

    if (k->with + k->without == 0) {
        (void)at_config_say(c->errors, AT_CONFIG_CONTRACT, p->balance.key->place, p->path,
                            "requests to %s cannot be spread by %s: %s", service,
                            at_config_quote(k->path, &room),
                            k->streaming > 0 ? "its methods take streams of them, which begin "
                                               "before the first is there"
                                             : "it has no methods that atoll knows of");
        return;
    }
    e = at_config_say(c->errors, AT_CONFIG_CONTRACT, p->balance.key->place, p->path,
                      "no request to %s has a field %s that it can be spread by: %s %s%s%s%s",
                      service, at_config_quote(k->path, &room), k->of->full_name, k->why,
                      deep ? " (" : "", deep ? at_config_quote(k->piece, &piece) : "",
                      deep ? ")" : "");
    if (near != NULL) {
        at_config_hint(c->errors, e, "did you mean %s?", near);
    } else if (k->name_count > 0) {
        struct at_text names;

        at_text_init(&names);
        for (size_t i = 0; i < k->name_count && i < 12; i++) {
            at_text_addf(&names, "%s%s", i == 0 ? "" : ", ", k->names[i]);
        }
        at_config_hint(c->errors, e, "the fields there are %s", at_text_str(&names));
        at_text_deinit(&names);
    }
}

/* Of the calls to one service. -ENOMEM, or whether any request has the field. */
static int judge(struct at_config *c, const struct at_config_policy *p,
                 const struct at_config_service *to, struct at_bytes contracts)
{
    const struct at_plan_service *plan = &c->plan.services[to->index];
    struct looking k = {.path = p->balance.key->text};
    struct at_pool *pool;
    struct at_diag diag;
    int r;

    if (plan->contract_bytes == 0 && access(plan->executable, R_OK) < 0) {
        return 1; /* nothing is known of it; a warning was given */
    }
    pool = at_pool_new();
    r = pool == NULL ? -ENOMEM : 0;
    if (r == 0 && plan->contract_bytes > 0) {
        r = at_pool_add(
            pool,
            at_bytes_before(at_bytes_after(contracts, plan->contract_offset), plan->contract_bytes),
            &diag);
    }
    if (r == 0) {
        look(&k, plan, pool);
        if (k.with == 0 && p->key != NULL) {
            say_none(c, p, to->name, &k);
        }
    }
    (void)at_pool_free(pool);
    return r == -ENOMEM ? r : k.with > 0 || r < 0;
}

/* The defaults are for all: one service whose requests have the field is enough. */
static int judge_defaults(struct at_config *c, struct at_bytes contracts)
{
    const struct at_config_policy *p = &c->defaults;
    struct at_config_quoted room;
    int found = 0;

    for (size_t i = 0; found == 0 && i < c->service_count; i++) {
        if (c->services[i].enabled) {
            found = judge(c, p, &c->services[i], contracts);
        }
    }
    if (found == 0) {
        (void)at_config_say(c->errors, AT_CONFIG_CONTRACT, p->balance.key->place, p->path,
                            "no request to any service has a field %s that it can be spread by",
                            at_config_quote(p->balance.key->text, &room));
    }
    return found < 0 ? found : 0;
}

int at_config_judge_hashes(struct at_config *config, struct at_bytes contracts)
{
    int r = config->defaults.balance.kind == AT_PLAN_HASH ? judge_defaults(config, contracts) : 0;

    for (size_t i = 0; r >= 0 && i < config->policy_count; i++) {
        const struct at_config_policy *p = &config->policies[i];

        if (p->to != NULL && p->to->enabled && p->balance.kind == AT_PLAN_HASH) {
            r = judge(config, p, p->to, contracts);
        }
    }
    return r < 0 ? r : 0;
}
