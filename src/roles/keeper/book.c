#include "roles/keeper/book.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "call/call.h"
#include "call/deadlines.h"
#include "control/locks.h"
#include "plan/locks.h"
#include "roles/keeper/book_inner.h"
#include "roles/keeper/limits.h"

enum { DEADLINE_GIVE_UP = 1, DEADLINE_LEASE };

/* ---- making and ending ---- */

struct at_book *at_book_new(const struct at_locks_config *config, uint64_t now_ns, uint64_t wall_ns,
                            at_book_tell *tell, void *user)
{
    struct at_book *b = calloc(1, sizeof(*b));
    bool follows = config->starts > 0;

    if (b == NULL) {
        return NULL;
    }
    b->rules = calloc(config->lock_count + 1, sizeof(*b->rules));
    if (b->rules == NULL) {
        free(b);
        return NULL;
    }
    for (size_t i = 0; i < config->lock_count; i++) {
        const struct at_locks_lock *l = &config->locks[i];

        b->rules[i] = (struct rule){
            .lock = l, .units = l->permits == 0 ? UNITS : l->permits, .doubt = follows};
    }
    b->config = config;
    b->grace_until_ns = follows ? now_ns + AT_KEEPER_GRACE_NS : 0;
    b->next_token = wall_ns / AT_MICROSECOND_NS + 1;
    b->most_token = b->next_token + AT_KEEPER_AHEAD_US;
    b->tell = tell;
    b->user = user;
    at_map_init(&b->by_name, now_ns ^ wall_ns); /* services may choose names */
    at_deadlines_init(&b->deadlines);
    at_list_init(&b->names);
    at_list_init(&b->owners);
    return b;
}

struct at_book *at_book_free(struct at_book *b)
{
    if (b == NULL) {
        return NULL;
    }
    at_list_foreach_safe (o, &b->owners) {
        struct at_owner *owner = at_container_of(o, struct at_owner, entry);

        at_list_foreach_safe (c, &owner->claims) {
            free(at_container_of(c, struct claim, of_owner));
        }
        free(owner);
    }
    at_list_foreach_safe (n, &b->names) {
        free(at_container_of(n, struct named, entry));
    }
    at_map_deinit(&b->by_name);
    at_deadlines_deinit(&b->deadlines);
    free(b->rules);
    free(b);
    return NULL;
}

static void answer(struct at_book *b, struct claim *c, uint32_t status, const char *reason)
{
    struct at_book_answer a = {.status = status,
                               .token = c->token,
                               .flags =
                                   c->named != NULL && c->named->marked ? AT_LOCKS_OWNER_DIED : 0,
                               .reason = reason};
    void *tag = c->tag;

    c->tag = NULL;
    b->tell(b->user, tag, &a);
}

static void refuse(struct at_book *b, void *tag, uint32_t status, const char *reason)
{
    struct at_book_answer a = {.status = status, .reason = reason};

    b->tell(b->user, tag, &a);
}

/* ---- names ---- */

static bool is_idle(const struct named *n)
{
    return n->holder_count == 0 && n->waiter_count == 0;
}

static void forget_name(struct at_book *b, struct named *n)
{
    (void)at_map_remove(&b->by_name, at_bytes_over(n->name, n->len));
    at_list_remove(&n->entry);
    b->name_count--;
    free(n);
}

/* A name that nobody uses and that is as its rule says need not be known. */
static void tidy_name(struct at_book *b, struct named *n)
{
    if (is_idle(n) && n->marked == n->rule->doubt) {
        forget_name(b, n);
    }
}

/*
 * The book is full: names that are only remembered go, and their rules are in doubt from now on.
 * Somebody may then repair what was in order, which harms nothing; the other way round would.
 */
static void make_room(struct at_book *b)
{
    at_list_foreach_safe (it, &b->names) {
        struct named *n = at_container_of(it, struct named, entry);

        if (is_idle(n)) {
            n->rule->doubt = true;
            forget_name(b, n);
        }
    }
}

/* The name, which is now in the book. NULL: full, or out of memory. */
static struct named *find_name(struct at_book *b, struct at_bytes name, struct rule *rule)
{
    struct named *n = at_map_get(&b->by_name, name);

    if (n != NULL) {
        return n;
    }
    if (b->name_count >= AT_KEEPER_NAMES_MAX) {
        make_room(b);
    }
    n = b->name_count >= AT_KEEPER_NAMES_MAX ? NULL : calloc(1, sizeof(*n) + name.len + 1);
    if (n == NULL) {
        return NULL;
    }
    memcpy(n->name, name.at, name.len);
    n->len = name.len;
    n->rule = rule;
    n->free_units = rule->units;
    n->marked = rule->doubt;
    at_list_init(&n->holders);
    at_list_init(&n->waiters);
    if (at_map_put(&b->by_name, name, n) < 0) {
        free(n);
        return NULL;
    }
    at_list_append(&b->names, &n->entry);
    b->name_count++;
    return n;
}

/* ---- claims ---- */

static void drop_claim(struct at_book *b, struct claim *c)
{
    at_deadlines_remove(&b->deadlines, &c->deadline);
    at_list_remove(&c->of_owner);
    c->owner->claim_count--;
    free(c);
}

/* Out of its name's lists; the units come back. */
static void unlink_claim(struct at_book *b, struct claim *c)
{
    struct named *n = c->named;

    at_deadlines_remove(&b->deadlines, &c->deadline);
    at_list_remove(&c->of_name);
    if (c->state == WAITING) {
        n->waiter_count--;
    } else if (c->state == HELD) {
        n->holder_count--;
        n->free_units += c->units;
    }
    c->named = NULL;
}

static void hold(struct claim *c, uint64_t now_ns)
{
    struct named *n = c->named;

    at_list_append(&n->holders, &c->of_name);
    n->holder_count++;
    n->free_units -= c->units;
    c->state = HELD;
    c->since_ns = now_ns;
    c->lease_from = now_ns;
}

/* Somebody waits: from now on leases of those who hold count. Without memory they do not. */
static void arm_leases(struct at_book *b, struct named *n)
{
    if (n->rule->lock->lease_ns == 0 || n->waiter_count == 0) {
        return;
    }
    at_list_foreach (it, &n->holders) {
        struct claim *c = at_container_of(it, struct claim, of_name);

        at_deadlines_remove(&b->deadlines, &c->deadline);
        c->deadline.at_ns = c->lease_from + n->rule->lock->lease_ns;
        c->deadline.kind = DEADLINE_LEASE;
        (void)at_deadlines_add(&b->deadlines, &c->deadline);
    }
}

/* Whoever is in front, as long as there is room; then the name may go. */
static void serve_name(struct at_book *b, struct named *n, uint64_t now_ns)
{
    while (b->grace_until_ns == 0 && n->waiter_count > 0) {
        struct claim *c = at_container_of(n->waiters.next, struct claim, of_name);

        if (c->units > n->free_units) {
            break;
        }
        at_deadlines_remove(&b->deadlines, &c->deadline);
        at_list_remove(&c->of_name);
        n->waiter_count--;
        c->token = b->next_token++;
        hold(c, now_ns);
        answer(b, c, AT_STATUS_OK, "");
    }
    arm_leases(b, n);
    tidy_name(b, n);
}

static bool leaves_a_mark(const struct claim *c)
{
    return c->state == HELD && (c->flags & AT_LOCKS_SHARED) == 0;
}

static struct claim *find_claim(const struct at_owner *o, uint64_t op)
{
    at_list_foreach (it, &o->claims) {
        struct claim *c = at_container_of(it, struct claim, of_owner);

        if (c->op == op) {
            return c;
        }
    }
    return NULL;
}

static struct claim *add_claim(struct at_owner *o, struct named *n, uint64_t now_ns)
{
    struct claim *c = calloc(1, sizeof(*c));

    if (c != NULL) {
        c->owner = o;
        c->named = n;
        c->since_ns = now_ns;
        at_list_append(&o->claims, &c->of_owner);
        o->claim_count++;
    }
    return c;
}

/* ---- owners ---- */

struct at_owner *at_book_join(struct at_book *b, struct at_bytes instance, uint32_t service)
{
    struct at_owner *o = b->owner_count >= AT_KEEPER_OWNERS_MAX ? NULL : calloc(1, sizeof(*o));

    if (o == NULL) {
        return NULL;
    }
    instance = at_bytes_before(instance, sizeof(o->instance) - 1);
    if (instance.len > 0) {
        memcpy(o->instance, instance.at, instance.len);
    }
    o->service = service;
    at_list_init(&o->claims);
    at_list_append(&b->owners, &o->entry);
    b->owner_count++;
    return o;
}

void at_book_leave(struct at_book *b, struct at_owner *o, uint64_t now_ns)
{
    at_list_foreach_safe (it, &o->claims) {
        struct claim *c = at_container_of(it, struct claim, of_owner);
        struct named *n = c->named;

        if (n != NULL) {
            n->marked = n->marked || leaves_a_mark(c);
            unlink_claim(b, c);
        }
        if (c->state == WAITING) {
            answer(b, c, AT_STATUS_CANCELLED, "its process ended");
        }
        drop_claim(b, c);
    }
    /* Only now: nothing of it must go to another claim of the dead. */
    at_list_foreach_safe (it, &b->names) {
        serve_name(b, at_container_of(it, struct named, entry), now_ns);
    }
    at_list_remove(&o->entry);
    b->owner_count--;
    free(o);
}

/* ---- asking ---- */

/* Which rule, and how many units? A status; why when it is not OK. */
static uint32_t judge(const struct at_book *b, const struct at_owner *o,
                      const struct at_locks_ask *a, struct rule **ret_rule, uint32_t *ret_units,
                      struct at_text *why)
{
    int index = at_locks_is_name(a->name) ? at_locks_config_find(b->config, a->name) : -1;
    bool shared = (a->flags & AT_LOCKS_SHARED) != 0;
    bool allowed = false;
    struct rule *rule;

    for (size_t i = 0; index >= 0 && i < b->config->locks[index].services.count; i++) {
        allowed = allowed || b->config->locks[index].services.at[i] == o->service;
    }
    if (!allowed) {
        at_book_explain_refusal(b, o, a->name, index, why);
        return AT_STATUS_PERMISSION_DENIED;
    }
    rule = &b->rules[index];
    *ret_rule = rule;
    if (rule->lock->permits == 0) {
        if (a->permits > 1) {
            at_text_addf(why,
                         "%s is a lock: it has one permit, not %u; a semaphore is declared "
                         "with `permits`",
                         rule->lock->name, a->permits);
            return AT_STATUS_INVALID_ARGUMENT;
        }
        *ret_units = shared ? 1 : UNITS;
        return AT_STATUS_OK;
    }
    if (shared || a->permits == 0 || a->permits > rule->units) {
        at_text_addf(why, "%s is a semaphore with %u permits: %s", rule->lock->name, rule->units,
                     shared ? "it cannot be shared" : "so many cannot be had at once");
        return AT_STATUS_INVALID_ARGUMENT;
    }
    *ret_units = a->permits;
    return AT_STATUS_OK;
}

/* May it wait? A status. */
static uint32_t judge_wait(const struct at_book *b, const struct named *n, const struct claim *c,
                           uint64_t now_ns, struct at_text *why)
{
    if ((c->flags & AT_LOCKS_TRY) != 0) {
        at_text_addf(why, "%s is ", n->name);
        at_book_describe(b, n, now_ns, why);
        return AT_STATUS_ABORTED;
    }
    if (n->waiter_count > AT_KEEPER_WAITERS_MAX) {
        at_text_addf(why, "%u wait for %s already, more may not; it is ", AT_KEEPER_WAITERS_MAX,
                     n->name);
        at_book_describe(b, n, now_ns, why);
        return AT_STATUS_RESOURCE_EXHAUSTED;
    }
    return at_book_find_circle(n, c, why) ? AT_STATUS_ABORTED : AT_STATUS_OK;
}

static bool can_have(const struct at_book *b, const struct named *n, const struct claim *c)
{
    return b->grace_until_ns == 0 && n->waiters.next == &c->of_name && c->units <= n->free_units;
}

/* The claim is the last in line. */
static void enqueue(struct at_book *b, struct named *n, struct claim *c, uint64_t now_ns)
{
    struct at_text why;
    uint32_t status = AT_STATUS_OK;

    at_text_init(&why);
    at_list_append(&n->waiters, &c->of_name);
    n->waiter_count++;
    if (!can_have(b, n, c)) {
        status = judge_wait(b, n, c, now_ns, &why);
        if (status == AT_STATUS_OK && c->deadline.at_ns != 0 &&
            at_deadlines_add(&b->deadlines, &c->deadline) < 0) {
            status = AT_STATUS_RESOURCE_EXHAUSTED;
            at_text_add_str(&why, "the keeper has no memory for another that waits");
        }
    }
    if (status != AT_STATUS_OK) {
        unlink_claim(b, c);
        answer(b, c, status, at_text_str(&why));
        drop_claim(b, c);
    }
    at_text_deinit(&why);
    serve_name(b, n, now_ns);
}

void at_book_ask(struct at_book *b, struct at_owner *o, const struct at_book_ask *ask,
                 uint64_t now_ns)
{
    const struct at_locks_ask *a = &ask->what;
    struct rule *rule = NULL;
    uint32_t units = 0;
    struct at_text why;
    uint32_t status;
    struct named *n;
    struct claim *c;

    at_text_init(&why);
    status = judge(b, o, a, &rule, &units, &why);
    if (status == AT_STATUS_OK && find_claim(o, a->op) != NULL) {
        status = AT_STATUS_INVALID_ARGUMENT;
        at_text_add_str(&why, "the number of the lock is in use: the caller's library is wrong");
    }
    if (status == AT_STATUS_OK && o->claim_count >= AT_LOCKS_CLAIMS_MAX) {
        status = AT_STATUS_RESOURCE_EXHAUSTED;
        at_text_addf(&why, "%s holds or waits for %d locks: that is the most", o->instance,
                     AT_LOCKS_CLAIMS_MAX);
    }
    n = status == AT_STATUS_OK ? find_name(b, a->name, rule) : NULL;
    c = n == NULL ? NULL : add_claim(o, n, now_ns);
    if (status == AT_STATUS_OK && c == NULL) {
        status = AT_STATUS_RESOURCE_EXHAUSTED;
        at_text_addf(&why, "the keeper has room for %d names and so much memory; release some",
                     AT_KEEPER_NAMES_MAX);
        if (n != NULL) {
            tidy_name(b, n);
        }
    }
    if (status != AT_STATUS_OK) {
        refuse(b, ask->tag, status, at_text_str(&why));
        at_text_deinit(&why);
        return;
    }
    at_text_deinit(&why);
    c->op = a->op;
    c->context = a->context;
    c->flags = a->flags;
    c->units = units;
    c->tag = ask->tag;
    c->deadline = (struct at_deadline){.at_ns = ask->give_up_ns, .kind = DEADLINE_GIVE_UP};
    enqueue(b, n, c, now_ns);
}

/* Bigger tokens than all that were ever granted, also when the clock was set back. */
static void outdo_token(struct at_book *b, uint64_t token)
{
    if (token >= b->next_token) {
        b->next_token = token + 1;
    }
}

bool at_book_assert(struct at_book *b, struct at_owner *o, const struct at_locks_held *h,
                    uint64_t now_ns)
{
    struct at_locks_ask a = {
        .op = h->op, .permits = h->permits, .flags = h->flags, .name = h->name};
    struct rule *rule = NULL;
    uint32_t units = 0;
    struct at_text why;
    struct named *n = NULL;
    struct claim *c;

    if (o->claim_count >= AT_LOCKS_CLAIMS_MAX || find_claim(o, h->op) != NULL) {
        return false;
    }
    at_text_init(&why);
    if (judge(b, o, &a, &rule, &units, &why) == AT_STATUS_OK && b->grace_until_ns != 0) {
        n = find_name(b, h->name, rule);
    }
    at_text_deinit(&why);
    if (n != NULL && (n->free_units < units || h->token > b->most_token)) {
        tidy_name(b, n);
        n = NULL;
    }
    c = add_claim(o, n, now_ns);
    if (c == NULL) {
        if (n != NULL) {
            tidy_name(b, n);
        }
        return false;
    }
    c->op = h->op;
    c->context = h->context;
    c->token = h->token;
    c->flags = h->flags & AT_LOCKS_SHARED;
    c->units = units;
    if (n == NULL) {
        c->state = LOST;
        return false;
    }
    outdo_token(b, h->token);
    hold(c, now_ns);
    /* Who has a permit knows nothing of those who had the others, and may have died with the book. */
    n->marked = (h->flags & AT_LOCKS_OWNER_DIED) != 0 || (n->marked && rule->lock->permits != 0);
    arm_leases(b, n);
    return true;
}

/* ---- giving back ---- */

static uint32_t not_held(struct at_text *why)
{
    at_text_add_str(why, "it is not held: it was given back before, or never had");
    return AT_STATUS_FAILED_PRECONDITION;
}

uint32_t at_book_unlock(struct at_book *b, struct at_owner *o, uint64_t op, uint64_t now_ns,
                        struct at_text *ret)
{
    struct claim *c = find_claim(o, op);
    struct named *n;

    if (c == NULL) {
        return not_held(ret);
    }
    if (c->state == LOST) {
        at_book_explain_lost(c, now_ns, ret);
        drop_claim(b, c);
        return AT_STATUS_FAILED_PRECONDITION;
    }
    n = c->named;
    unlink_claim(b, c);
    if (c->state == WAITING) {
        answer(b, c, AT_STATUS_CANCELLED, "cancelled by its caller");
    }
    drop_claim(b, c);
    serve_name(b, n, now_ns);
    return AT_STATUS_OK;
}

/* The claim when it is held; else NULL and why. */
static struct claim *held_claim(const struct at_owner *o, uint64_t op, uint64_t now_ns,
                                struct at_text *ret)
{
    struct claim *c = find_claim(o, op);

    if (c != NULL && c->state == HELD) {
        return c;
    }
    if (c != NULL && c->state == LOST) {
        at_book_explain_lost(c, now_ns, ret);
    } else {
        (void)not_held(ret);
    }
    return NULL;
}

uint32_t at_book_renew(struct at_book *b, struct at_owner *o, uint64_t op, uint64_t now_ns,
                       struct at_text *ret)
{
    struct claim *c = held_claim(o, op, now_ns, ret);

    if (c == NULL) {
        return AT_STATUS_FAILED_PRECONDITION;
    }
    c->lease_from = now_ns;
    arm_leases(b, c->named);
    return AT_STATUS_OK;
}

uint32_t at_book_repaired(struct at_book *b, struct at_owner *o, uint64_t op, uint64_t now_ns,
                          struct at_text *ret)
{
    struct claim *c = held_claim(o, op, now_ns, ret);

    (void)b;
    if (c == NULL) {
        return AT_STATUS_FAILED_PRECONDITION;
    }
    c->named->marked = false;
    return AT_STATUS_OK;
}

bool at_book_cancel(struct at_book *b, const void *tag, uint64_t now_ns)
{
    at_list_foreach (o, &b->owners) {
        struct at_owner *owner = at_container_of(o, struct at_owner, entry);

        at_list_foreach (it, &owner->claims) {
            struct claim *c = at_container_of(it, struct claim, of_owner);
            struct named *n = c->named;

            if (c->state == WAITING && c->tag == tag) {
                unlink_claim(b, c);
                answer(b, c, AT_STATUS_CANCELLED, "cancelled by its caller");
                drop_claim(b, c);
                serve_name(b, n, now_ns);
                return true;
            }
        }
    }
    return false;
}

/* ---- time ---- */

static void give_up(struct at_book *b, struct claim *c, uint64_t now_ns)
{
    struct named *n = c->named;
    struct at_text why;

    at_text_init(&why);
    at_text_addf(&why, "the deadline passed before %s was free: it is ", n->name);
    at_book_describe(b, n, now_ns, &why);
    unlink_claim(b, c);
    answer(b, c, AT_STATUS_DEADLINE_EXCEEDED, at_text_str(&why));
    drop_claim(b, c);
    at_text_deinit(&why);
    serve_name(b, n, now_ns);
}

/* Its lease is over. It is taken away only for somebody. */
static void take_away(struct at_book *b, struct claim *c, uint64_t now_ns)
{
    struct named *n = c->named;

    if (n->waiter_count == 0) {
        return;
    }
    n->marked = n->marked || leaves_a_mark(c);
    unlink_claim(b, c);
    c->state = LOST;
    c->by_lease = true;
    c->since_ns = now_ns;
    serve_name(b, n, now_ns);
}

static void end_grace(struct at_book *b, uint64_t now_ns)
{
    b->grace_until_ns = 0;
    at_list_foreach_safe (it, &b->names) {
        serve_name(b, at_container_of(it, struct named, entry), now_ns);
    }
}

void at_book_tick(struct at_book *b, uint64_t now_ns)
{
    struct at_deadline *d;

    if (b->grace_until_ns != 0 && b->grace_until_ns <= now_ns) {
        end_grace(b, now_ns);
    }
    while ((d = at_deadlines_first(&b->deadlines)) != NULL && d->at_ns <= now_ns) {
        struct claim *c = at_container_of(d, struct claim, deadline);

        at_deadlines_remove(&b->deadlines, d);
        if (d->kind == DEADLINE_GIVE_UP) {
            give_up(b, c, now_ns);
        } else {
            take_away(b, c, now_ns);
        }
    }
}

uint64_t at_book_next(const struct at_book *b)
{
    const struct at_deadline *d = at_deadlines_first(&b->deadlines);
    uint64_t next = d == NULL ? 0 : d->at_ns;

    if (b->grace_until_ns != 0 && (next == 0 || b->grace_until_ns < next)) {
        next = b->grace_until_ns;
    }
    return next;
}
