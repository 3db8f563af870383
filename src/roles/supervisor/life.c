#include "roles/supervisor/life.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checks.h"
#include "base/text.h"
#include "control/operator.h"
#include "plan/plan.h"

#define GO(state, act) {AT_LIFE_##state, AT_LIFE_##act}

// clang-format off
static const struct at_life_step steps[AT_LIFE_STATES][AT_LIFE_EVENTS] = {
    [AT_LIFE_DOWN] = {
        [AT_LIFE_WANT_UP]       = GO(WAITING, DO_NOTHING),
        [AT_LIFE_DEPS_MET]      = GO(DOWN, DO_NOTHING),
        [AT_LIFE_SAID_READY]    = GO(DOWN, DO_NOTHING),
        [AT_LIFE_START_LATE]    = GO(DOWN, CANNOT),
        [AT_LIFE_SPAWN_FAILED]  = GO(DOWN, CANNOT),
        [AT_LIFE_EXITED_NOW]    = GO(DOWN, CANNOT),
        [AT_LIFE_EXITED_LATER]  = GO(DOWN, CANNOT),
        [AT_LIFE_EXITED_DONE]   = GO(DOWN, CANNOT),
        [AT_LIFE_EXITED_FAILED] = GO(DOWN, CANNOT),
        [AT_LIFE_REST_OVER]     = GO(DOWN, CANNOT),
        [AT_LIFE_WANT_DOWN]     = GO(DOWN, DO_NOTHING),
        [AT_LIFE_GRACE_OVER]    = GO(DOWN, CANNOT),
    },
    [AT_LIFE_WAITING] = {
        [AT_LIFE_WANT_UP]       = GO(WAITING, DO_NOTHING),
        [AT_LIFE_DEPS_MET]      = GO(STARTING, DO_SPAWN),
        [AT_LIFE_SAID_READY]    = GO(WAITING, DO_NOTHING),
        [AT_LIFE_START_LATE]    = GO(WAITING, CANNOT),
        [AT_LIFE_SPAWN_FAILED]  = GO(WAITING, CANNOT),
        [AT_LIFE_EXITED_NOW]    = GO(WAITING, CANNOT),
        [AT_LIFE_EXITED_LATER]  = GO(WAITING, CANNOT),
        [AT_LIFE_EXITED_DONE]   = GO(WAITING, CANNOT),
        [AT_LIFE_EXITED_FAILED] = GO(WAITING, CANNOT),
        [AT_LIFE_REST_OVER]     = GO(WAITING, CANNOT),
        [AT_LIFE_WANT_DOWN]     = GO(DOWN, DO_SETTLE),
        [AT_LIFE_GRACE_OVER]    = GO(WAITING, CANNOT),
    },
    [AT_LIFE_STARTING] = {
        [AT_LIFE_WANT_UP]       = GO(STARTING, DO_NOTHING),
        [AT_LIFE_DEPS_MET]      = GO(STARTING, DO_NOTHING),
        [AT_LIFE_SAID_READY]    = GO(READY, DO_ANNOUNCE),
        [AT_LIFE_START_LATE]    = GO(STARTING, DO_KILL), /* the exit then comes and is judged */
        [AT_LIFE_SPAWN_FAILED]  = GO(FAILED, DO_SETTLE),
        [AT_LIFE_EXITED_NOW]    = GO(STARTING, DO_SPAWN),
        [AT_LIFE_EXITED_LATER]  = GO(BACKING_OFF, DO_REST),
        [AT_LIFE_EXITED_DONE]   = GO(DOWN, DO_SETTLE),
        [AT_LIFE_EXITED_FAILED] = GO(FAILED, DO_SETTLE),
        [AT_LIFE_REST_OVER]     = GO(STARTING, CANNOT),
        [AT_LIFE_WANT_DOWN]     = GO(STOPPING, DO_TERM),
        [AT_LIFE_GRACE_OVER]    = GO(STARTING, CANNOT),
    },
    [AT_LIFE_READY] = {
        [AT_LIFE_WANT_UP]       = GO(READY, DO_NOTHING),
        [AT_LIFE_DEPS_MET]      = GO(READY, DO_NOTHING),
        [AT_LIFE_SAID_READY]    = GO(READY, DO_NOTHING), /* again after RESUME */
        [AT_LIFE_START_LATE]    = GO(READY, CANNOT),
        [AT_LIFE_SPAWN_FAILED]  = GO(READY, CANNOT),
        [AT_LIFE_EXITED_NOW]    = GO(STARTING, DO_SPAWN),
        [AT_LIFE_EXITED_LATER]  = GO(BACKING_OFF, DO_REST),
        [AT_LIFE_EXITED_DONE]   = GO(DOWN, DO_SETTLE),
        [AT_LIFE_EXITED_FAILED] = GO(FAILED, DO_SETTLE),
        [AT_LIFE_REST_OVER]     = GO(READY, CANNOT),
        [AT_LIFE_WANT_DOWN]     = GO(STOPPING, DO_TERM),
        [AT_LIFE_GRACE_OVER]    = GO(READY, CANNOT),
    },
    [AT_LIFE_STOPPING] = {
        [AT_LIFE_WANT_UP]       = GO(STOPPING, DO_NOTHING),
        [AT_LIFE_DEPS_MET]      = GO(STOPPING, DO_NOTHING),
        [AT_LIFE_SAID_READY]    = GO(STOPPING, DO_NOTHING),
        [AT_LIFE_START_LATE]    = GO(STOPPING, CANNOT),
        [AT_LIFE_SPAWN_FAILED]  = GO(STOPPING, CANNOT),
        [AT_LIFE_EXITED_NOW]    = GO(DOWN, DO_SETTLE),
        [AT_LIFE_EXITED_LATER]  = GO(DOWN, DO_SETTLE),
        [AT_LIFE_EXITED_DONE]   = GO(DOWN, DO_SETTLE),
        [AT_LIFE_EXITED_FAILED] = GO(DOWN, DO_SETTLE),
        [AT_LIFE_REST_OVER]     = GO(STOPPING, CANNOT),
        [AT_LIFE_WANT_DOWN]     = GO(STOPPING, DO_NOTHING),
        [AT_LIFE_GRACE_OVER]    = GO(STOPPING, DO_KILL),
    },
    [AT_LIFE_BACKING_OFF] = {
        [AT_LIFE_WANT_UP]       = GO(BACKING_OFF, DO_NOTHING),
        [AT_LIFE_DEPS_MET]      = GO(BACKING_OFF, DO_NOTHING),
        [AT_LIFE_SAID_READY]    = GO(BACKING_OFF, DO_NOTHING),
        [AT_LIFE_START_LATE]    = GO(BACKING_OFF, CANNOT),
        [AT_LIFE_SPAWN_FAILED]  = GO(BACKING_OFF, CANNOT),
        [AT_LIFE_EXITED_NOW]    = GO(BACKING_OFF, CANNOT),
        [AT_LIFE_EXITED_LATER]  = GO(BACKING_OFF, CANNOT),
        [AT_LIFE_EXITED_DONE]   = GO(BACKING_OFF, CANNOT),
        [AT_LIFE_EXITED_FAILED] = GO(BACKING_OFF, CANNOT),
        [AT_LIFE_REST_OVER]     = GO(STARTING, DO_SPAWN),
        [AT_LIFE_WANT_DOWN]     = GO(DOWN, DO_SETTLE),
        [AT_LIFE_GRACE_OVER]    = GO(BACKING_OFF, CANNOT),
    },
    [AT_LIFE_FAILED] = {
        [AT_LIFE_WANT_UP]       = GO(WAITING, DO_NOTHING),
        [AT_LIFE_DEPS_MET]      = GO(FAILED, DO_NOTHING),
        [AT_LIFE_SAID_READY]    = GO(FAILED, DO_NOTHING),
        [AT_LIFE_START_LATE]    = GO(FAILED, CANNOT),
        [AT_LIFE_SPAWN_FAILED]  = GO(FAILED, CANNOT),
        [AT_LIFE_EXITED_NOW]    = GO(FAILED, CANNOT),
        [AT_LIFE_EXITED_LATER]  = GO(FAILED, CANNOT),
        [AT_LIFE_EXITED_DONE]   = GO(FAILED, CANNOT),
        [AT_LIFE_EXITED_FAILED] = GO(FAILED, CANNOT),
        [AT_LIFE_REST_OVER]     = GO(FAILED, CANNOT),
        [AT_LIFE_WANT_DOWN]     = GO(DOWN, DO_SETTLE),
        [AT_LIFE_GRACE_OVER]    = GO(FAILED, CANNOT),
    },
};
// clang-format on

struct at_life_step at_life_step(enum at_life_state state, enum at_life_event event)
{
    at_check(state >= AT_LIFE_DOWN && state < AT_LIFE_STATES && event < AT_LIFE_EVENTS);
    return steps[state][event];
}

const char *at_life_event_name(enum at_life_event event)
{
    static const char *const names[AT_LIFE_EVENTS] = {
        "want-up",      "deps-met",    "said-ready",    "start-late", "spawn-failed", "exited-now",
        "exited-later", "exited-done", "exited-failed", "rest-over",  "want-down",    "grace-over",
    };

    return names[event];
}

static void remember(struct at_life_history *h, uint64_t now_ns)
{
    if (h->exit_count == AT_LIFE_EXITS_KEPT) {
        memmove(h->exits_ns, h->exits_ns + 1, (AT_LIFE_EXITS_KEPT - 1) * sizeof(h->exits_ns[0]));
        h->exit_count--;
    }
    h->exits_ns[h->exit_count++] = now_ns;
}

static uint32_t exits_within(const struct at_life_history *h, uint64_t now_ns, uint64_t window_ns)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < h->exit_count; i++) {
        n += now_ns - h->exits_ns[i] < window_ns ? 1 : 0;
    }
    return n;
}

/* The wait after n bad exits in a row: none, then min, doubled each time. Saturates. */
static uint64_t wait_after(const struct at_plan_service *policy, uint32_t bad_exits)
{
    uint64_t wait = policy->backoff_min_ns;

    if (bad_exits < 2) {
        return 0;
    }
    for (uint32_t i = 2; i < bad_exits && wait <= policy->backoff_max_ns; i++) {
        wait *= 2;
    }
    return wait;
}

static bool ends_for_good(const struct at_plan_service *policy,
                          const struct at_life_history *history, const struct at_life_exit *end,
                          struct at_life_verdict *ret)
{
    bool limited = policy->restart == AT_PLAN_RESTART_ON_FAILURE && policy->restart_max > 0;

    if (policy->restart == AT_PLAN_RESTART_NO) {
        ret->event = end->clean ? AT_LIFE_EXITED_DONE : AT_LIFE_EXITED_FAILED;
        (void)snprintf(ret->why, sizeof(ret->why), "restart: no");
        return true;
    }
    if (policy->restart == AT_PLAN_RESTART_ON_FAILURE && end->clean) {
        ret->event = AT_LIFE_EXITED_DONE;
        (void)snprintf(ret->why, sizeof(ret->why), "restart: on-failure, and this was none");
        return true;
    }
    if (limited && history->restarts >= policy->restart_max) {
        ret->event = AT_LIFE_EXITED_FAILED;
        (void)snprintf(ret->why, sizeof(ret->why),
                       "it was started again %" PRIu32 " times (restart: on-failure:%" PRIu32 ")",
                       history->restarts, policy->restart_max);
        return true;
    }
    return false;
}

static void give_up(const struct at_plan_service *policy, const struct at_life_history *history,
                    const struct at_life_exit *end, struct at_life_verdict *ret)
{
    char window[32];

    ret->event = AT_LIFE_EXITED_FAILED;
    ret->wait_ns = 0;
    if (!end->was_ready) {
        (void)snprintf(ret->why, sizeof(ret->why),
                       "it ended %" PRIu32 " times in a row before it was ready",
                       history->bad_exits);
        return;
    }
    at_text_format_duration(policy->backoff_window_ns, window, sizeof(window));
    (void)snprintf(ret->why, sizeof(ret->why), "it ended %" PRIu32 " times within %s",
                   exits_within(history, end->now_ns, policy->backoff_window_ns), window);
}

void at_life_judge(const struct at_plan_service *policy, struct at_life_history *history,
                   const struct at_life_exit *end, struct at_life_verdict *ret)
{
    bool crowded;

    *ret = (struct at_life_verdict){.event = AT_LIFE_EXITED_NOW};
    remember(history, end->now_ns);
    if (ends_for_good(policy, history, end, ret)) {
        return;
    }
    crowded = exits_within(history, end->now_ns, policy->backoff_window_ns) > policy->backoff_exits;
    history->bad_exits = !end->was_ready || crowded ? history->bad_exits + 1 : 0;
    ret->wait_ns = wait_after(policy, history->bad_exits);
    if (history->bad_exits >= 2 && ret->wait_ns > policy->backoff_max_ns) {
        give_up(policy, history, end, ret);
        return;
    }
    history->restarts++;
    if (ret->wait_ns > 0) {
        ret->event = AT_LIFE_EXITED_LATER;
    }
}

struct at_bytes at_life_pack_exits(const struct at_life_history *history, uint8_t *room, size_t cap)
{
    struct at_writer w = at_writer_over(room, cap);

    for (uint32_t i = 0; i < history->exit_count; i++) {
        at_write_le(&w, history->exits_ns[i], sizeof(uint64_t));
    }
    return at_writer_bytes(&w);
}

void at_life_unpack_exits(struct at_life_history *history, struct at_bytes packed)
{
    struct at_reader r = at_reader_over(packed.at, packed.len);

    history->exit_count = 0;
    while (at_reader_left(&r) >= sizeof(uint64_t) && history->exit_count < AT_LIFE_EXITS_KEPT) {
        history->exits_ns[history->exit_count++] = at_read_le(&r, sizeof(uint64_t));
    }
}
