/*
 * For tests: a peer that may lie. It attaches properly to an engine and then writes what it likes:
 * records by at_channel_put(), and anything at all through liar.mine.
 */
#ifndef AT_CALL_TEST_LIAR_H
#define AT_CALL_TEST_LIAR_H

#include "call/link.h"
#include "call/test_owner.h"

struct liar {
    struct test_owner *victim;
    struct at_region *mine;
    struct at_channel channel;
    int lifeline;
    int bell_mine;   /* what the victim rings */
    int bell_victim; /* what wakes the victim */
    uint32_t layout;
};

enum { LIAR_REGION = sizeof(struct at_region) + AT_RING_BYTES };

/* The supervisor's part: the liar holds the other end of a channel that the victim has just got. */
static inline int liar_meet_with(struct liar *l, struct test_owner *victim, bool victim_serves,
                                 uint64_t request, uint64_t channel, uint32_t layout)
{
    struct test_channel c;
    int r = test_introduce_with(victim_serves ? NULL : victim, request,
                                victim_serves ? victim : NULL, channel, "liar.1", &c, layout);

    *l = (struct liar){.victim = victim, .layout = layout};
    l->lifeline = c.lifeline[victim_serves ? 0 : 1];
    l->bell_mine = c.bell[victim_serves ? 0 : 1];
    l->bell_victim = c.bell[victim_serves ? 1 : 0];
    return r;
}

static inline int liar_meet(struct liar *l, struct test_owner *victim, bool victim_serves,
                            uint64_t request, uint64_t channel)
{
    return liar_meet_with(l, victim, victim_serves, request, channel, AT_LAYOUT_VERSION);
}

static inline int liar_send_attach(struct liar *l, const struct at_attach *attach, int fd)
{
    return at_message_send(l->lifeline, &at_attach_kind, attach, &fd, fd < 0 ? 0 : 1);
}

/* Attaches as an honest peer would. */
static inline int liar_attach(struct liar *l, uint64_t channel, const char *methods)
{
    struct at_attach attach = {.version_min = AT_LAYOUT_VERSION_MIN,
                               .version_max = AT_LAYOUT_VERSION,
                               .region_bytes = LIAR_REGION,
                               .slots = AT_CALL_SLOTS,
                               .methods = at_bytes_of(methods)};
    struct at_message *m = malloc(sizeof(*m));
    const struct at_region *peer = NULL;
    enum at_channel_rule rule;
    int fd;
    int r =
        m == NULL ? -ENOMEM : at_region_create(AT_RING_BYTES, channel, l->layout, &l->mine, &fd);

    if (r == 0) {
        atomic_store(&l->mine->credit, AT_CALL_SLOTS);
        r = liar_send_attach(l, &attach, fd);
        at_close(&fd);
    }
    test_turn(l->victim, 0); /* OPEN, then our attach message */
    test_turn(l->victim, 0);
    if (r == 0) {
        r = at_message_receive(l->lifeline, m);
    }
    if (r == 0) {
        r = at_region_accept(m->fds[0], LIAR_REGION, channel, l->layout, &peer, &rule);
        at_message_clear(m);
    }
    if (r == 0) {
        at_channel_init(&l->channel, l->mine, LIAR_REGION, peer, LIAR_REGION);
        l->channel.ring_fd = l->bell_victim;
    }
    free(m);
    return r;
}

static inline void liar_leave(struct liar *l)
{
    if (l->channel.mine != NULL) {
        at_channel_deinit(&l->channel);
    } else {
        at_region_release(l->mine, LIAR_REGION);
    }
    at_close(&l->lifeline);
    at_close(&l->bell_mine);
    at_close(&l->bell_victim);
}

/* Writes a record as it stands, payload zeros, and shows it. */
static inline void liar_say(struct liar *l, struct at_record r)
{
    static const uint8_t zeros[AT_RECORD_PAYLOAD_MAX];

    (void)at_channel_put(&l->channel, &r, at_bytes_over(zeros, r.len), (struct at_bytes){0});
    at_channel_publish(&l->channel);
    test_turn(l->victim, 0);
}

/* Has the victim reported us? Its word goes to reason. */
static inline bool liar_is_caught(struct liar *l, char *reason, size_t cap)
{
    struct at_message *m = malloc(sizeof(*m));
    struct at_service_broken broken;
    bool caught = false;

    while (m != NULL && !caught && test_heard(l->victim, m) == 0) {
        caught = at_message_read(&at_service_broken_kind, m, &broken) == 0;
        if (caught) {
            (void)snprintf(reason, cap, "%.*s", (int)broken.reason.len,
                           (const char *)broken.reason.at);
        }
        at_message_clear(m);
    }
    free(m);
    return caught;
}

#endif
