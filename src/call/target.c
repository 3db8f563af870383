/* Targets: what this process calls, what the supervisor said of it, and the channels to it. */
#include "call/target.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "call/call.h"
#include "call/choose.h"
#include "call/deadlines.h"
#include "call/engine.h"
#include "call/limits.h"
#include "call/link.h"
#include "control/message.h"
#include "control/service.h"
#include "policy/balance.h"
#include "policy/resend.h"
#include "shm/channel.h"

const char *at_target_name(const struct at_target *t, int *ret_len)
{
    if (t->service[0] != '\0') {
        *ret_len = (int)strlen(t->service);
        return t->service;
    }
    *ret_len = (int)t->contract.len;
    return (const char *)t->contract.at;
}

struct at_target *at_target_find(struct at_engine *e, struct at_bytes contract)
{
    struct at_target **lately =
        &e->targets_lately[(uintptr_t)contract.at / 8 % AT_ENGINE_TARGETS_LATELY];
    struct at_target *t = *lately;

    if (t != NULL && at_bytes_equal(t->contract, contract)) {
        return t;
    }
    t = at_map_get(&e->targets, contract);
    if (t != NULL) {
        *lately = t;
        return t;
    }
    t = calloc(1, sizeof(*t) + contract.len + 1);
    if (t == NULL || at_map_put(&e->targets, contract, t) < 0) {
        free(t);
        return NULL;
    }
    memcpy(t->name, contract.at, contract.len);
    t->contract = at_bytes_over(t->name, contract.len);
    t->request = ++e->next_request;
    at_list_init(&t->waiting);
    at_list_init(&t->pinned);
    t->seating.chance = e->now_ns ^ t->request << 48;
    at_balance_set(&t->seating.balance, &(struct at_balance_policy){0});
    at_resend_budget_init(&t->budget);
    t->unsent = true;
    t->again.kind = AT_DEADLINE_TARGET;
    t->backoff_ns = AT_CALL_WANT_FIRST_NS;
    at_client_send_wants(e, false);
    return t;
}

static void send_want(struct at_engine *e, struct at_target *t)
{
    struct at_service_want want = {.request = t->request, .contract = t->contract};
    struct at_text have;
    int r;

    at_text_init(&have);
    for (uint32_t i = 0; i < e->link_cap; i++) {
        const struct at_link *l = e->links[i];

        if (l != NULL && l->target == t && l->state <= AT_LINK_OPEN) {
            at_text_addf(&have, "%llu\n", (unsigned long long)l->id);
        }
    }
    want.have = at_text_bytes(&have);
    r = have.failed ? -ENOMEM : at_message_send(e->control, &at_service_want_kind, &want, NULL, 0);
    at_text_deinit(&have);
    if (r == 0) {
        t->unsent = false;
    } else if (r == -EAGAIN || r == -ENOMEM) {
        e->want_unsent = true;
    }
}

void at_client_send_wants(struct at_engine *e, bool all)
{
    const struct at_map_entry *entry;
    size_t pos = 0;

    e->want_unsent = false;
    while ((entry = at_map_next(&e->targets, &pos)) != NULL) {
        struct at_target *t = entry->value;

        if (all || t->unsent) {
            t->unsent = true;
            send_want(e, t);
        }
    }
    if (e->want_unsent && !at_deadline_is_added(&e->retry)) {
        e->retry.at_ns = e->now_ns + AT_CALL_RETRY_NS;
        (void)at_deadlines_add(&e->deadlines, &e->retry);
    }
}

static void want_again(struct at_engine *e, struct at_target *t)
{
    t->not_before_ns = e->now_ns + t->backoff_ns;
    t->backoff_ns *= 2;
    if (t->backoff_ns > AT_CALL_WANT_LAST_NS) {
        t->backoff_ns = AT_CALL_WANT_LAST_NS;
    }
    t->unsent = true;
    at_client_send_wants(e, false);
}

static void plan_again(struct at_engine *e, struct at_target *t)
{
    if (t->lost && !at_deadline_is_added(&t->again)) {
        t->again.at_ns =
            t->not_before_ns > e->now_ns ? t->not_before_ns : e->now_ns + AT_CALL_WANT_FIRST_NS;
        (void)at_deadlines_add(&e->deadlines, &t->again); /* no memory: the next call urges */
    }
}

void at_target_lost(struct at_engine *e, struct at_target *t)
{
    if (e->closing) {
        return;
    }
    if (e->now_ns >= t->not_before_ns + AT_CALL_WANT_LAST_NS) {
        t->backoff_ns = AT_CALL_WANT_FIRST_NS; /* its channels have held for long */
    }
    t->lost = true;
    at_target_urge(e, t);
}

void at_target_urge(struct at_engine *e, struct at_target *t)
{
    if (!t->lost) {
        return;
    }
    /* It stays lost: the supervisor may hear this before the peer's word on the same channel. */
    if (!at_list_is_empty(&t->waiting) && e->now_ns >= t->not_before_ns) {
        want_again(e, t);
        at_deadlines_remove(&e->deadlines, &t->again);
    }
    plan_again(e, t);
}

void at_target_again(struct at_engine *e, struct at_target *t)
{
    want_again(e, t);
    t->lost = t->seating.count == 0 && !at_list_is_empty(&t->waiting);
    plan_again(e, t);
}

uint32_t at_target_refusal(const struct at_target *t)
{
    if (t->seating.count > 0) {
        return 0;
    }
    if (t->edge == AT_EDGE_DENIED) {
        return AT_STATUS_PERMISSION_DENIED;
    }
    if (t->edge == AT_EDGE_UNKNOWN) {
        return AT_STATUS_UNIMPLEMENTED;
    }
    return t->edge == AT_EDGE_FAILED ? AT_STATUS_UNAVAILABLE : 0;
}

void at_target_refuse(struct at_engine *e, struct at_target *t, struct at_pending *p,
                      uint32_t status)
{
    int len;
    const char *name = at_target_name(t, &len);

    at_client_finish_later(e, p, status, "%.*s: %s", len, name,
                           t->reason == NULL ? "refused by the supervisor" : t->reason);
}

int at_engine_want(struct at_engine *e, struct at_bytes contract)
{
    return at_target_find(e, contract) == NULL ? -ENOMEM : 0;
}

static bool takes_calls(const struct at_link *l)
{
    return !l->draining && l->rule == AT_RULE_NONE;
}

bool at_engine_can_call(const struct at_engine *e, struct at_bytes contract)
{
    const struct at_target *t = at_map_get(&e->targets, contract);

    for (uint32_t i = 0; t != NULL && i < t->seating.count; i++) {
        if (takes_calls(at_container_of(t->seating.seats[i], struct at_link, seat))) {
            return true;
        }
    }
    return false;
}

static void put_by_name(struct at_engine_instance *ret, size_t n, const struct at_link *l)
{
    while (n > 0 && strcmp(ret[n - 1].name, l->peer_instance) > 0) {
        ret[n] = ret[n - 1];
        n--;
    }
    ret[n].channel = l->id;
    memcpy(ret[n].name, l->peer_instance, sizeof(ret[n].name));
}

size_t at_engine_instances(const struct at_engine *e, struct at_bytes contract,
                           struct at_engine_instance *ret, size_t max, uint32_t *ret_replicas)
{
    const struct at_target *t = at_map_get(&e->targets, contract);
    size_t n = 0;

    *ret_replicas = t == NULL ? 0 : t->seating.replicas;
    for (uint32_t i = 0; t != NULL && i < t->seating.count; i++) {
        const struct at_link *l = at_container_of(t->seating.seats[i], struct at_link, seat);

        if (takes_calls(l)) {
            if (n < max) {
                put_by_name(ret, n, l);
            }
            n++;
        }
    }
    return n;
}

void at_client_attached(struct at_link *l)
{
    if (l->target != NULL) {
        at_choose_sit(l->target, l);
        at_client_pump(l->engine, l->target);
    }
}

static struct at_target *target_of_request(struct at_engine *e, uint64_t request)
{
    const struct at_map_entry *entry;
    size_t pos = 0;

    while ((entry = at_map_next(&e->targets, &pos)) != NULL) {
        struct at_target *t = entry->value;

        if (t->request == request) {
            return t;
        }
    }
    return NULL;
}

void at_client_refused(struct at_engine *e, uint64_t request)
{
    struct at_target *t = target_of_request(e, request);

    if (t != NULL) {
        at_target_lost(e, t);
    }
}

int at_client_open(struct at_engine *e, const struct at_service_open *open, struct at_link *l)
{
    struct at_target *t = target_of_request(e, open->request);
    int r;

    if (t == NULL) {
        return -ENOENT;
    }
    memcpy(t->service, l->peer_service, sizeof(t->service));
    r = at_choose_opened(t, l, open);
    if (r < 0) {
        return r;
    }
    t->edge = 0;
    l->target = t;
    return 0;
}

void at_client_edge(struct at_engine *e, const struct at_service_edge *edge)
{
    struct at_target *t = target_of_request(e, edge->request);
    struct at_text reason;
    uint32_t status;

    if (t == NULL) {
        return;
    }
    at_text_init(&reason);
    at_text_add(&reason, edge->reason);
    free(t->reason);
    t->reason = at_text_take(&reason);
    t->edge = edge->state;
    (void)snprintf(t->service, sizeof(t->service), "%.*s", (int)edge->service.len,
                   edge->service.at == NULL ? "" : (const char *)edge->service.at);
    status = at_target_refusal(t);
    while (status != 0 && !at_list_is_empty(&t->waiting)) {
        at_target_refuse(e, t, at_container_of(t->waiting.next, struct at_pending, entry), status);
    }
}

void at_client_free_targets(struct at_engine *e)
{
    const struct at_map_entry *entry;
    size_t pos = 0;

    while ((entry = at_map_next(&e->targets, &pos)) != NULL) {
        struct at_target *t = entry->value;

        while (!at_list_is_empty(&t->waiting)) {
            at_client_finish_later(e, at_container_of(t->waiting.next, struct at_pending, entry),
                                   AT_STATUS_CANCELLED, "this process stops calling");
        }
        while (!at_list_is_empty(&t->pinned)) {
            at_client_finish_later(e, at_container_of(t->pinned.next, struct at_pending, entry),
                                   AT_STATUS_CANCELLED, "this process stops calling");
        }
        at_deadlines_remove(&e->deadlines, &t->again);
        at_choose_deinit(t);
        free(t->reason);
        free(t);
    }
    at_map_deinit(&e->targets);
}
