/* What the book says: who holds, why not, and circles. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/text.h"
#include "control/locks.h"
#include "plan/limits.h"
#include "plan/locks.h"
#include "roles/keeper/book.h"
#include "roles/keeper/book_inner.h"
#include "roles/keeper/limits.h"

void at_book_describe(const struct at_book *book, const struct named *n, uint64_t now_ns,
                      struct at_text *out)
{
    const struct claim *first;
    char since[32];

    if (book->grace_until_ns != 0) {
        at_text_add_str(out, "not granted to anybody while the keeper, which was restarted, "
                             "learns who holds it");
        return;
    }
    if (n->holder_count == 0) {
        at_text_add_str(out, "free, but others asked before");
        return;
    }
    first = at_container_of(n->holders.next, struct claim, of_name);
    at_text_format_duration(now_ns - first->since_ns, since, sizeof(since));
    at_text_addf(out, "held by %s for %s", first->owner->instance, since);
    if (n->holder_count > 1) {
        at_text_addf(out, " and %u other%s", n->holder_count - 1, n->holder_count == 2 ? "" : "s");
    }
    if (n->waiter_count > 1) {
        at_text_addf(out, "; %u more wait", n->waiter_count - 1);
    }
}

void at_book_explain_refusal(const struct at_book *book, const struct at_owner *owner,
                             struct at_bytes name, int rule, struct at_text *out)
{
    const struct at_locks_service *s = &book->config->services[owner->service];
    const char *names[AT_PLAN_LOCKS_MAX];
    const char *near;
    size_t n = 0;

    if (!at_locks_is_name(name)) {
        at_text_addf(out, "a lock has a name of 1 to %d characters of a-z A-Z 0-9 . _ - / :",
                     AT_LOCKS_NAME_MAX);
        return;
    }
    if (rule >= 0) {
        at_text_addf(out,
                     "\"%s\" may not use the lock %.*s: add \"lock:%s\" to `uses` of service %s "
                     "(%s:%u)",
                     s->name, (int)name.len, (const char *)name.at, book->config->locks[rule].name,
                     s->name, s->file, s->line);
        return;
    }
    for (size_t i = 0; i < book->config->lock_count && n < AT_PLAN_LOCKS_MAX; i++) {
        names[n++] = book->config->locks[i].name;
    }
    near = at_text_nearest(name, names, n);
    at_text_addf(out,
                 "\"%s\" declares no lock %.*s%s%s%s: add `%.*s: {}` to `locks` and "
                 "\"lock:%.*s\" to `uses` of service %s (%s:%u)",
                 book->config->system, (int)name.len, (const char *)name.at,
                 near == NULL ? "" : " (did you mean ", near == NULL ? "" : near,
                 near == NULL ? "" : "?)", (int)name.len, (const char *)name.at, (int)name.len,
                 (const char *)name.at, s->name, s->file, s->line);
}

void at_book_explain_lost(const struct claim *claim, uint64_t now_ns, struct at_text *out)
{
    char since[32];

    at_text_format_duration(now_ns - claim->since_ns, since, sizeof(since));
    if (claim->by_lease) {
        at_text_addf(out,
                     "it was not held any more: its lease ended, and it was given to another %s "
                     "ago; what was done since then may have been done by two",
                     since);
    } else {
        at_text_addf(out,
                     "it was not held any more: its process and the keeper had lost each other, "
                     "and came back too late, %s ago",
                     since);
    }
}

/* The only one that holds it, and all of it; else NULL: it could come free in several ways. */
static const struct claim *sole_holder(const struct named *n)
{
    return n->holder_count == 1 && n->free_units == 0
               ? at_container_of(n->holders.next, struct claim, of_name)
               : NULL;
}

/* What the context that holds c waits for now, doing nothing else; NULL: nothing. */
static const struct claim *wait_of(const struct claim *c)
{
    if (c->context == 0) {
        return NULL;
    }
    at_list_foreach (it, &c->owner->claims) {
        const struct claim *w = at_container_of(it, struct claim, of_owner);

        if (w->state == WAITING && w->context == c->context &&
            (w->flags & AT_LOCKS_BLOCKING) != 0) {
            return w;
        }
    }
    return NULL;
}

bool at_book_find_circle(const struct named *n, const struct claim *claim, struct at_text *out)
{
    const struct named *at = n;

    if ((claim->flags & AT_LOCKS_BLOCKING) == 0 || claim->context == 0) {
        return false;
    }
    at_text_addf(out, "waiting for %s would never end: ", n->name);
    for (int i = 0; i < AT_KEEPER_CIRCLE_MAX; i++) {
        const struct claim *holder = sole_holder(at);
        const struct claim *wait = NULL;

        if (holder == NULL) {
            break;
        }
        at_text_addf(out, "%s%s is held by %s", i == 0 ? "" : ", ", at->name,
                     holder->owner->instance);
        if (holder->owner == claim->owner && holder->context == claim->context) {
            at_text_add_str(out, ", which asks");
            return true;
        }
        wait = wait_of(holder);
        if (wait == NULL || wait == claim) {
            break;
        }
        at_text_addf(out, ", which waits for %s", wait->named->name);
        at = wait->named;
    }
    at_text_clear(out);
    return false;
}

static void show_claim(const struct named *n, const struct claim *c, uint64_t now_ns,
                       struct at_text *out)
{
    bool shared = (c->flags & AT_LOCKS_SHARED) != 0;
    uint32_t all = n->rule->lock->permits == 0 ? 1 : n->rule->units;

    at_text_addf(out, "%s\t%s\t%s\t%llu\t%llu\t%u\t%u\t%s\n", n->name,
                 c->state == HELD ? (shared ? "shared" : "held") : "waits", c->owner->instance,
                 (unsigned long long)(now_ns - c->since_ns), (unsigned long long)c->token,
                 n->rule->lock->permits == 0 ? 1 : c->units, all, n->marked ? "died" : "");
}

void at_book_show(const struct at_book *book, uint64_t now_ns, struct at_text *out)
{
    size_t lines = 0;

    at_list_foreach (it, &book->names) {
        const struct named *n = at_container_of(it, struct named, entry);

        at_list_foreach (h, &n->holders) {
            if (lines++ < AT_KEEPER_SHOWN_MAX) {
                show_claim(n, at_container_of(h, struct claim, of_name), now_ns, out);
            }
        }
        at_list_foreach (w, &n->waiters) {
            if (lines++ < AT_KEEPER_SHOWN_MAX) {
                show_claim(n, at_container_of(w, struct claim, of_name), now_ns, out);
            }
        }
    }
}
