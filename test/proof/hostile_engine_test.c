/*
 * A hostile process at the other end of a channel of a whole engine, as a caller and as a server: it
 * attaches as it should, then rewrites its region without a pause, rings the bell in storms, and
 * sends garbage and descriptors over the lifeline. Meanwhile the engine serves and calls an honest
 * peer beside it: each such call ends well within a few turns. Channel after channel ends in a rule,
 * or is taken away, and nothing of it is left.
 *
 * 40 channels each way; AT_PROOF_CHANNELS says how many instead. AT_PROOF_SEED repeats the liar.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"
#include "base/socket.h"
#include "call/link.h"
#include "call/stream.h"
#include "call/test_owner.h"
#include "call/upkeep.h"
#include "scribble.h"

enum {
    CHANNELS = 40,
    REGION = sizeof(struct at_region) + AT_RING_BYTES,
    ACTS_MAX = 20000,
    TURNS_MAX = 400,   /* a channel that is not caught by then is taken away */
    HONEST_EVERY = 50, /* turns */
    HONEST_TURNS = 60, /* that one honest call may take */
    CALLS = 24,
};

static const char methods[] = "a.B/C\na.B/S cs\na.B/T\n";

static unsigned long number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

/* The liar: gets lifeline and bells, and does its worst until the lifeline ends. */

struct errand {
    uint64_t channel;
    uint64_t seed;
    bool serves;
};

static bool is_over(int lifeline)
{
    char c;
    ssize_t n = recv(lifeline, &c, 1, MSG_DONTWAIT | MSG_PEEK);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static int attach(struct scribbler *s, const struct errand *x, int lifeline)
{
    struct at_attach attach = {.version_min = AT_LAYOUT_VERSION_MIN,
                               .version_max = AT_LAYOUT_VERSION,
                               .region_bytes = REGION,
                               .slots = AT_CALL_SLOTS,
                               .methods = x->serves ? AT_LIT("a.B/C\na.B/S cs\na.B/T\n")
                                                    : (struct at_bytes){0}};
    struct pollfd wait = {.fd = lifeline, .events = POLLIN};
    static struct at_message m;
    struct at_region *mine;
    const struct at_region *peer;
    enum at_channel_rule rule;
    int fd;

    if (at_region_create(AT_RING_BYTES, x->channel, AT_LAYOUT_VERSION, &mine, &fd) < 0) {
        return -1;
    }
    atomic_store(&mine->credit, AT_CALL_SLOTS);
    (void)at_message_send(lifeline, &at_attach_kind, &attach, &fd, 1);
    at_close(&fd);
    if (poll(&wait, 1, 2000) != 1 || at_message_receive(lifeline, &m) != 0 || m.fd_count != 1 ||
        at_region_accept(m.fds[0], REGION, x->channel, AT_LAYOUT_VERSION, &peer, &rule) != 0) {
        at_region_release(mine, REGION);
        return -1;
    }
    at_message_clear(&m);
    at_channel_init(&s->channel, mine, REGION, peer, REGION);
    return 0;
}

static void offer_window(struct scribbler *s, int lifeline)
{
    struct at_window_offer offer;
    int fd;

    if (at_window_offer(&s->channel, &fd) == 0) {
        offer.number = s->channel.window.number;
        (void)at_message_send(lifeline, &at_window_kind, &offer, &fd, 1);
        at_close(&fd);
        s->window = s->channel.window.at;
    }
}

/* Over the lifeline: no message, a strange one, with descriptors or without. */
static void pester(struct scribbler *s, int lifeline)
{
    uint8_t bytes[64];
    int fds[2] = {lifeline, STDERR_FILENO};

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)scribble_random(&s->random);
    }
    (void)at_fd_send(lifeline, at_bytes_over(bytes, 1 + s->random % sizeof(bytes)), fds,
                     s->random / 64 % 3);
}

static void ring(int bell, uint64_t dice)
{
    uint64_t nothing = dice % 16 == 0 ? 1 : 0;

    for (uint64_t i = 0; i < 1 + dice / 16 % 8; i++) {
        (void)!write(bell, &nothing, sizeof(nothing));
    }
}

static void run_errand(const struct errand *x, int lifeline, int bell)
{
    struct scribbler s = {.random = x->seed * 2 + 1, .serves = x->serves, .calls = true};
    uint64_t dice;

    if (attach(&s, x, lifeline) < 0) {
        return;
    }
    for (int i = 0; i < ACTS_MAX; i++) {
        dice = scribble_random(&s.random) >> 8;
        scribble(&s);
        if (dice % 16 == 0) { /* honest in this: what came is read */
            scribble_hear(&s);
            ring(bell, dice / 16);
        }
        if (dice % 300 == 0) {
            offer_window(&s, lifeline);
        }
        if (dice % 30000 == 0) {
            pester(&s, lifeline);
        }
        if (dice % 64 == 0 && is_over(lifeline)) {
            break;
        }
    }
    at_channel_deinit(&s.channel);
}

static void lie_for_ever(int wire)
{
    struct errand x;
    int fds[AT_FDS_PER_MESSAGE];
    size_t len;
    size_t n;

    (void)signal(SIGPIPE, SIG_IGN);
    while (at_fd_receive(wire, &x, sizeof(x), &len, fds, &n) == 0 && len == sizeof(x) && n == 2) {
        run_errand(&x, fds[0], fds[1]);
        at_fd_close_all(fds, 2);
    }
    _exit(0);
}

/* The victim */

struct outcome {
    int times;
    uint32_t status;
    char *room;
};

static void on_done(void *user, const struct at_call_result *result)
{
    struct outcome *o = user;

    o->times++;
    o->status = result->status;
}

static void *reply_room(void *user, size_t len)
{
    struct outcome *o = user;

    free(o->room);
    o->room = malloc(len);
    return o->room;
}

struct
try {
    struct at_pending p;
    struct at_stream s;
    struct outcome o;
    bool under_way;
    bool streams;
};

struct scene {
    struct test_owner victim;
    struct test_owner honest;
    bool victim_serves;
    struct try tries[CALLS];
    char payload[3000];
    uint64_t random;
    unsigned long turns_open; /* turns in which a liar's ring was read */
    unsigned long caught;
    unsigned long answered;
    unsigned long honest_calls;
};

static void turn_all(struct scene *c);

static void fill_in(struct at_pending *p, struct outcome *o, uint64_t channel, uint64_t limit_ns,
                    struct at_bytes method)
{
    *p = (struct at_pending){
        .done = on_done, .reply_room = reply_room, .user = o, .pinned = channel};
    p->request = (struct at_call_request){
        .contract = AT_LIT("a.B"), .method = method, .deadline_ns = at_now_ns() + limit_ns};
}

/* Reads and answers, well or not, what came; streams get a message or two. */
static void answer_all(struct scene *c, struct test_owner *o)
{
    while (!at_list_is_empty(&o->requests)) {
        struct at_incoming *in = at_container_of(o->requests.next, struct at_incoming, entry);
        struct at_bytes message;

        at_list_remove(&in->entry);
        c->answered++;
        if (in->stream == NULL) {
            at_engine_answer(o->engine, in, AT_STATUS_OK, (struct at_bytes){0},
                             at_bytes_over(c->payload, scribble_random(&c->random) % 300), 0);
            continue;
        }
        while (at_stream_peek(in->stream, &message)) {
            at_stream_consumed(o->engine, in->stream);
        }
        (void)at_stream_send(o->engine, in->stream,
                             at_bytes_over(c->payload, scribble_random(&c->random) % 3000), false);
        at_stream_end(o->engine, in, AT_STATUS_OK, (struct at_bytes){0}, (struct at_bytes){0});
    }
}

/* Calls and streams to the liar, all the time; each must end. */
static void keep_trying(struct scene *c, uint64_t channel)
{
    for (int i = 0; i < CALLS; i++) {
        struct try *t = &c->tries[i];
        struct at_bytes message;
        int r;

        if (t->under_way && t->streams) {
            while (at_stream_peek(&t->s, &message)) {
                at_stream_consumed(c->victim.engine, &t->s);
            }
            (void)at_stream_send(c->victim.engine, &t->s, at_bytes_over(c->payload, 200), false);
        }
        if (t->under_way && t->o.times == 0) {
            continue;
        }
        if (t->under_way) {
            c->answered += t->o.status == AT_STATUS_OK;
            CHECK_INT(t->o.times, 1);
            at_stream_release(c->victim.engine, &t->s);
        }
        t->o.times = 0;
        t->streams = i % 3 == 0;
        t->s = (struct at_stream){0};
        fill_in(&t->p, &t->o, channel, 5000000 + scribble_random(&c->random) % 20000000,
                t->streams ? AT_LIT("S") : AT_LIT("C"));
        t->p.request.payload = at_bytes_over(c->payload, scribble_random(&c->random) % 3000);
        r = t->streams
                ? at_stream_open(c->victim.engine, &t->p, &t->s, AT_STREAM_MESSAGE, at_now_ns())
                : at_engine_start(c->victim.engine, &t->p, at_now_ns());
        CHECK_INT(r, 0);
        t->under_way = true;
    }
}

static void stop_trying(struct scene *c)
{
    for (int i = 0; i < CALLS; i++) {
        struct try *t = &c->tries[i];

        if (t->under_way && t->o.times == 0) {
            at_engine_abandon(c->victim.engine, &t->p);
        }
        if (t->under_way) {
            at_stream_release(c->victim.engine, &t->s);
        }
        free(t->o.room);
        t->o = (struct outcome){0};
        t->under_way = false;
    }
}

static void turn_all(struct scene *c)
{
    test_turn(&c->victim, 0);
    answer_all(c, &c->victim);
    test_turn(&c->honest, 0);
    answer_all(c, &c->honest);
}

/* One call over the honest channel, the way that the victim's are not. */
static void call_honestly(struct scene *c)
{
    struct test_owner *caller = c->victim_serves ? &c->honest : &c->victim;
    struct at_pending p;
    struct outcome o = {0};
    int turns;

    fill_in(&p, &o, 9, 10 * AT_SECOND_NS, AT_LIT("C"));
    CHECK_INT(at_engine_start(caller->engine, &p, at_now_ns()), 0);
    for (turns = 0; o.times == 0 && turns < HONEST_TURNS; turns++) {
        turn_all(c);
    }
    ck_assert_msg(o.times == 1 && o.status == AT_STATUS_OK, "beside a liar: status %u in %d turns",
                  o.status, turns);
    free(o.room);
    c->honest_calls++;
}

static struct at_link *link_of(const struct scene *c, uint64_t channel)
{
    const struct at_engine *e = c->victim.engine;

    for (uint32_t i = 0; i < e->link_cap; i++) {
        if (e->links[i] != NULL && e->links[i]->id == channel) {
            return e->links[i];
        }
    }
    return NULL;
}

static void count_reports(struct scene *c)
{
    static struct at_message m;

    while (test_heard(&c->victim, &m) == 0) {
        c->caught += m.type == AT_SERVICE_BROKEN;
        at_message_clear(&m);
    }
    while (test_heard(&c->honest, &m) == 0) {
        ck_assert_msg(m.type != AT_SERVICE_BROKEN, "the honest channel was broken");
        at_message_clear(&m);
    }
}

static void take_away(struct scene *c, uint64_t channel)
{
    struct at_service_gone gone = {.channel = channel, .reason = AT_LIT("taken away")};

    CHECK_INT(at_message_send(c->victim.supervisor, &at_service_gone_kind, &gone, NULL, 0), 0);
    turn_all(c);
    turn_all(c);
    CHECK(link_of(c, channel) == NULL);
}

static void suffer(struct scene *c, uint64_t channel)
{
    struct at_link *l;
    int turns;

    for (turns = 0; (l = link_of(c, channel)) != NULL && turns < TURNS_MAX; turns++) {
        if (l->state == AT_LINK_OPEN) {
            c->turns_open++;
            if (!c->victim_serves) {
                keep_trying(c, channel);
            }
        }
        turn_all(c);
        if (turns % HONEST_EVERY == HONEST_EVERY - 1) {
            call_honestly(c);
        }
        if (turns % 8 == 0) { /* the liar may need this CPU */
            (void)nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        }
    }
    if (l != NULL) {
        take_away(c, channel);
    }
    call_honestly(c);
    count_reports(c);
}

static void open_scene(struct scene *c, bool victim_serves, unsigned long seed)
{
    struct at_pending first;
    struct outcome o = {0};
    struct test_owner *caller;

    memset(c, 0, sizeof(*c));
    c->victim_serves = victim_serves;
    c->random = seed * 2 + 1;
    CHECK_INT(test_owner_init(&c->victim, victim_serves ? methods : ""), 0);
    CHECK_INT(test_owner_init(&c->honest, victim_serves ? "" : methods), 0);
    caller = victim_serves ? &c->honest : &c->victim;
    fill_in(&first, &o, 0, AT_SECOND_NS, AT_LIT("C"));
    CHECK_INT(at_engine_start(caller->engine, &first, at_now_ns()), 0); /* it wants the contract */
    CHECK_INT(test_introduce(caller, 1, victim_serves ? &c->victim : &c->honest, 9, "good.1", NULL),
              0);
    for (int i = 0; i < 50 && o.times == 0; i++) {
        turn_all(c);
    }
    CHECK_INT(o.status, AT_STATUS_OK);
    free(o.room);
}

static void be_lied_to(bool victim_serves)
{
    unsigned long channels = number_of("AT_PROOF_CHANNELS", CHANNELS);
    unsigned long seed = number_of("AT_PROOF_SEED", (unsigned long)(at_now_ns() % 1000000));
    struct scene *c = malloc(sizeof(*c));
    int wire[2];
    pid_t pid;

    CHECK(c != NULL);
    CHECK_INT(at_socket_pair(wire), 0);
    pid = fork();
    if (pid == 0) {
        at_close(&wire[0]);
        lie_for_ever(wire[1]);
    }
    at_close(&wire[1]);
    open_scene(c, victim_serves, seed);
    for (unsigned long i = 0; i < channels; i++) {
        struct errand x = {.channel = 100 + i, .seed = seed + i, .serves = !victim_serves};
        struct test_channel t;
        int side = victim_serves ? 0 : 1;

        CHECK_INT(test_introduce(victim_serves ? NULL : &c->victim, 1,
                                 victim_serves ? &c->victim : NULL, x.channel, "liar.1", &t),
                  0);
        CHECK_INT(at_fd_send(wire[0], at_bytes_over(&x, sizeof(x)),
                             (int[]){t.lifeline[side], t.bell[victim_serves ? 1 : 0]}, 2),
                  0);
        at_close(&t.lifeline[side]);
        at_fd_close_all(t.bell, 2);
        turn_all(c);
        suffer(c, x.channel);
        stop_trying(c);
    }
    (void)printf(
        "# seed %lu: %lu channels of liars, %lu caught in a lie, in %lu turns; %lu calls of "
        "theirs answered; %lu honest calls beside them\n",
        seed, channels, c->caught, c->turns_open, c->answered - c->honest_calls, c->honest_calls);
    (void)fflush(stdout);
    CHECK(c->caught > channels / 4);
    answer_all(c, &c->victim);
    test_owner_deinit(&c->victim);
    test_owner_deinit(&c->honest);
    at_close(&wire[0]);
    (void)waitpid(pid, NULL, 0);
    free(c);
}

TEST(a_hostile_caller_costs_a_server_that_channel_and_nothing_else)
{
    be_lied_to(true);
}

TEST(a_hostile_server_costs_a_caller_that_channel_and_nothing_else)
{
    be_lied_to(false);
}

TEST_MAIN("proof/hostile engine")
