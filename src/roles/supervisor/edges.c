#include "roles/supervisor/edges.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/socket.h"
#include "control/limits.h"
#include "control/message.h"
#include "control/service.h"
#include "plan/plan.h"
#include "roles/supervisor/limits.h"
#include "roles/supervisor/outbox.h"
#include "roles/supervisor/permit.h"
#include "roles/supervisor/spread.h"

struct want {
    struct at_list link; /* in the party's wants */
    uint64_t request;
    uint32_t service; /* target */
    size_t contract_len;
    char contract[AT_CONTROL_CONTRACT_MAX + 1]; /* "" when asked for by service */
};

struct channel {
    struct at_list client_link;
    struct at_list server_link;
    uint64_t id;
    uint64_t opened_ns;
    struct at_party *client;
    struct at_party *server;
    struct want *want;
};

/* A channel that was broken: the same two are not joined again before due_ns. */
struct pause {
    struct at_list link;
    struct at_party *client;
    struct want *want;
    uint64_t server_generation;
    uint64_t due_ns;
};

enum { GENERATION_SHIFT = 32, SUPERVISOR_SHIFT = 24, SERIAL_MASK = (1 << SUPERVISOR_SHIFT) - 1 };

int at_edges_init(struct at_edges *edges, const struct at_plan *plan, uint32_t supervisor,
                  const struct at_edges_ops *ops, void *user)
{
    *edges = (struct at_edges){
        .plan = plan,
        .serial = (uint64_t)(supervisor & 0xff) << SUPERVISOR_SHIFT,
        .ops = ops,
        .user = user,
    };
    at_list_init(&edges->parties);
    at_list_init(&edges->pauses);
    edges->failed = calloc(plan->service_count + 1, sizeof(char *));
    return edges->failed == NULL ? -ENOMEM : 0;
}

void at_edges_deinit(struct at_edges *edges)
{
    for (size_t i = 0; edges->failed != NULL && i < edges->plan->service_count; i++) {
        free(edges->failed[i]);
    }
    free(edges->failed);
    edges->failed = NULL;
}

void at_edges_join(struct at_edges *edges, struct at_party *party)
{
    at_list_init(&party->wants);
    at_outbox_init(&party->outbox);
    at_list_init(&party->as_client);
    at_list_init(&party->as_server);
    party->want_count = 0;
    party->channel_count = 0;
    party->broken_count = 0;
    party->is_ready = false;
    at_list_append(&edges->parties, &party->link);
}

/* ---- telling ---- */

void at_edges_say(struct at_edges *edges, struct at_party *party, const struct at_letter *letter)
{
    int r;

    if (party->sock < 0) {
        return;
    }
    r = at_outbox_put(&party->outbox, party->sock, letter, AT_SUPER_PARTY_BYTES_MAX);
    if (r == -ENOBUFS) {
        edges->ops->on_trouble(edges->user, party, "it does not read its control socket");
    } else if (r < 0 && r != -EPIPE && r != -ECONNRESET) {
        edges->ops->on_trouble(edges->user, party, strerrordesc_np(-r));
    } else if (!at_outbox_is_empty(&party->outbox)) {
        edges->ops->on_wait(edges->user, party);
    }
}

bool at_edges_flush(struct at_edges *edges, struct at_party *party)
{
    int r = party->sock < 0 ? 0 : at_outbox_flush(&party->outbox, party->sock);

    if (r < 0 && r != -EAGAIN && r != -EPIPE && r != -ECONNRESET) {
        edges->ops->on_trouble(edges->user, party, strerrordesc_np(-r));
    }
    return r != -EAGAIN;
}

static void tell(struct at_edges *edges, struct at_party *party, const struct at_message_kind *kind,
                 const void *message, const int *fds, size_t n)
{
    at_edges_say(edges, party,
                 &(struct at_letter){.kind = kind, .message = message, .fds = fds, .fd_count = n});
}

static struct at_bytes name_of(const struct at_edges *edges, uint32_t service)
{
    return service == AT_EDGES_OPERATOR ? AT_LIT("operator")
                                        : at_bytes_of(edges->plan->services[service].name);
}

static void tell_edge(struct at_edges *edges, struct at_party *party, const struct want *w,
                      enum at_edge_state state, const char *reason)
{
    struct at_service_edge edge = {
        .request = w->request,
        .state = state,
        .service = name_of(edges, w->service),
        .reason = at_bytes_before(at_bytes_of(reason), AT_CONTROL_REASON_MAX),
    };

    tell(edges, party, &at_service_edge_kind, &edge, NULL, 0);
}

static void tell_gone(struct at_edges *edges, struct at_party *party, uint64_t id,
                      const char *reason)
{
    struct at_service_gone gone = {
        .channel = id,
        .reason = at_bytes_before(at_bytes_of(reason), AT_CONTROL_REASON_MAX),
    };

    tell(edges, party, &at_service_gone_kind, &gone, NULL, 0);
}

/* ---- channels ---- */

static struct channel *remember(struct at_party *client, struct at_party *server, struct want *want,
                                uint64_t id)
{
    struct channel *c = calloc(1, sizeof(*c));

    if (c != NULL) {
        *c = (struct channel){.id = id, .client = client, .server = server, .want = want};
        at_list_append(&client->as_client, &c->client_link);
        at_list_append(&server->as_server, &c->server_link);
        client->channel_count++;
        server->channel_count++;
    }
    return c;
}

static void forget(struct channel *c)
{
    at_list_remove(&c->client_link);
    at_list_remove(&c->server_link);
    c->client->channel_count--;
    c->server->channel_count--;
    free(c);
}

static bool is_joined_to(const struct at_party *client, const struct want *want,
                         const struct at_party *server)
{
    at_list_foreach (it, &client->as_client) {
        const struct channel *c = at_container_of(it, struct channel, client_link);

        if (c->want == want && c->server == server) {
            return true;
        }
    }
    return false;
}

static bool has_channel(const struct at_party *client, const struct want *want)
{
    at_list_foreach (it, &client->as_client) {
        if (at_container_of(it, struct channel, client_link)->want == want) {
            return true;
        }
    }
    return false;
}

struct joint {
    int lifeline[2];
    int bell[2]; /* 0: the client waits on it, 1: the server does */
};

static void close_joint(struct joint *j)
{
    at_fd_close_all(j->lifeline, 2);
    at_fd_close_all(j->bell, 2);
}

static int make_joint(struct joint *j)
{
    int r;

    *j = (struct joint){.lifeline = {-1, -1}, .bell = {-1, -1}};
    r = at_socket_pair(j->lifeline);
    if (r < 0) {
        return at_up(r);
    }
    for (int i = 0; i < 2; i++) {
        j->bell[i] = at_service_make_bell();
        if (j->bell[i] < 0) {
            r = j->bell[i];
            close_joint(j);
            return at_up(r);
        }
    }
    return 0;
}

static bool is_gateway(const struct at_edges *edges, const struct at_party *p)
{
    return p->service != AT_EDGES_OPERATOR &&
           edges->plan->services[p->service].kind == AT_PLAN_GATEWAY;
}

/*
 * A server whose outbox is full because one client has it opened channel after channel is not the
 * one to blame. false: the client was blamed, the server has not heard of the channel.
 */
static bool tell_server(struct at_edges *edges, const struct channel *c,
                        const struct at_letter *letter)
{
    char reason[128];

    if (c->client->broken_count < AT_SUPER_BROKEN_BLAMED ||
        at_outbox_has_room(&c->server->outbox, letter, AT_SUPER_PARTY_BYTES_MAX)) {
        at_edges_say(edges, c->server, letter);
        return true;
    }
    (void)snprintf(reason, sizeof(reason),
                   "it breaks channels to %s faster than that can take new ones", c->server->name);
    edges->ops->on_trouble(edges->user, c->client, reason);
    return false;
}

/* The server hears first: its end exists before the client can send anything. false: nobody did. */
static bool tell_both(struct at_edges *edges, const struct channel *c, const struct joint *j,
                      uint32_t layout)
{
    uint32_t max_message = edges->plan->services[c->server->service].max_message;
    struct at_service_open to_server = {
        .channel = c->id,
        .side = AT_SIDE_SERVER,
        .flags = is_gateway(edges, c->client) ? AT_OPEN_MAY_STATE_CALLER : 0,
        .peer_service = name_of(edges, c->client->service),
        .peer_instance = at_bytes_of(c->client->name),
        .peer_generation = c->client->generation,
        .layout = layout,
        .max_message = max_message,
    };
    struct at_service_open to_client = {
        .channel = c->id,
        .request = c->want->request,
        .side = AT_SIDE_CLIENT,
        .peer_service = name_of(edges, c->server->service),
        .peer_instance = at_bytes_of(c->server->name),
        .peer_generation = c->server->generation,
        .layout = layout,
        .max_message = max_message,
    };
    at_spread_tell(edges->plan, c->client->service, c->server, &to_client);
    int server_fds[] = {j->lifeline[1], j->bell[1], j->bell[0]};
    int client_fds[] = {j->lifeline[0], j->bell[0], j->bell[1]};

    const struct at_letter letter = {
        .kind = &at_service_open_kind, .message = &to_server, .fds = server_fds, .fd_count = 3};

    if (!tell_server(edges, c, &letter)) {
        return false;
    }
    tell(edges, c->client, &at_service_open_kind, &to_client, client_fds, 3);
    return true;
}

/* Have both said what they speak? */
static bool is_known(const struct at_party *a, const struct at_party *b)
{
    return a->layout_max != 0 && b->layout_max != 0;
}

/* The highest layout that both speak, or 0. */
static uint32_t common_layout(const struct at_party *a, const struct at_party *b)
{
    uint32_t least = a->layout_min > b->layout_min ? a->layout_min : b->layout_min;
    uint32_t most = a->layout_max < b->layout_max ? a->layout_max : b->layout_max;

    return most >= least ? most : 0;
}

/* When all that keeps the two apart is the layout, the asker hears so. */
static bool tell_apart(struct at_edges *edges, struct at_party *client, const struct want *want)
{
    char reason[AT_CONTROL_REASON_MAX];

    at_list_foreach (it, &edges->parties) {
        const struct at_party *s = at_container_of(it, struct at_party, link);

        if (s->service == want->service && s->is_ready && s != client && is_known(client, s) &&
            common_layout(client, s) == 0) {
            (void)snprintf(reason, sizeof(reason),
                           "%s speaks channel layouts %u to %u and %s %u to %u: bring both to the "
                           "same release of libatoll",
                           client->name, client->layout_min, client->layout_max, s->name,
                           s->layout_min, s->layout_max);
            tell_edge(edges, client, want, AT_EDGE_FAILED, reason);
            return true;
        }
    }
    return false;
}

/* ---- what was broken ---- */

static struct pause *find_pause(struct at_edges *edges, const struct at_party *client,
                                const struct want *want, uint64_t server_generation)
{
    at_list_foreach (it, &edges->pauses) {
        struct pause *p = at_container_of(it, struct pause, link);

        if (p->client == client && p->want == want && p->server_generation == server_generation) {
            return p;
        }
    }
    return NULL;
}

static void end_pause(struct pause *p)
{
    at_list_remove(&p->link);
    free(p);
}

/* Without memory there is no pause: it is opened when the client asks again. */
static void begin_pause(struct at_edges *edges, const struct channel *c)
{
    uint64_t now = edges->ops->now_ns(edges->user);
    uint64_t due = c->opened_ns + AT_SUPER_REOPEN_MS * AT_MILLISECOND_NS;
    struct pause *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return;
    }
    *p = (struct pause){.client = c->client,
                        .want = c->want,
                        .server_generation = c->server->generation,
                        .due_ns = due > now ? due : now};
    at_list_append(&edges->pauses, &p->link);
    edges->ops->on_later(edges->user, p->due_ns);
}

static bool must_rest(struct at_edges *edges, const struct at_party *client,
                      const struct want *want, const struct at_party *server)
{
    struct pause *p = find_pause(edges, client, want, server->generation);

    if (p == NULL) {
        return false;
    }
    if (p->due_ns > edges->ops->now_ns(edges->user)) {
        return true;
    }
    end_pause(p);
    return false;
}

static void end_pauses_of(struct at_edges *edges, const struct at_party *party)
{
    at_list_foreach_safe (it, &edges->pauses) {
        struct pause *p = at_container_of(it, struct pause, link);

        if (p->client == party || p->server_generation == party->generation) {
            end_pause(p);
        }
    }
}

/* ---- opening ---- */

static void open_channel(struct at_edges *edges, struct at_party *client, struct want *want,
                         struct at_party *server)
{
    uint32_t layout = common_layout(client, server);
    struct joint j;
    struct channel *c;

    if (!is_known(client, server) || layout == 0 || is_joined_to(client, want, server) ||
        must_rest(edges, client, want, server)) {
        return;
    }
    if (make_joint(&j) < 0) {
        tell_edge(edges, client, want, AT_EDGE_WAITING,
                  "the supervisor has no descriptor left for another channel");
        return;
    }
    edges->serial = (edges->serial & ~(uint64_t)SERIAL_MASK) | ((edges->serial + 1) & SERIAL_MASK);
    c = remember(client, server, want,
                 (server->generation << GENERATION_SHIFT) | (edges->serial & UINT32_MAX));
    if (c != NULL) {
        c->opened_ns = edges->ops->now_ns(edges->user);
        if (!tell_both(edges, c, &j, layout)) {
            forget(c);
        }
    }
    close_joint(&j);
}

void at_edges_ready(struct at_edges *edges, struct at_party *party)
{
    party->is_ready = true;
    at_list_foreach (it, &edges->parties) {
        struct at_party *client = at_container_of(it, struct at_party, link);

        at_list_foreach (w, &client->wants) {
            struct want *want = at_container_of(w, struct want, link);

            if (want->service == party->service && client != party) {
                open_channel(edges, client, want, party);
                (void)(has_channel(client, want) || tell_apart(edges, client, want));
            }
        }
    }
}

/* ---- leaving ---- */

static void free_wants(struct at_party *party)
{
    at_list_foreach_safe (it, &party->wants) {
        at_list_remove(it);
        free(at_container_of(it, struct want, link));
    }
    party->want_count = 0;
}

void at_edges_leave(struct at_edges *edges, struct at_party *party, const char *reason)
{
    if (!at_list_is_linked(&party->link)) {
        return;
    }
    party->is_ready = false;
    at_list_foreach_safe (it, &party->as_server) {
        struct channel *c = at_container_of(it, struct channel, server_link);
        struct at_party *client = c->client;
        struct want *want = c->want;

        tell_gone(edges, client, c->id, reason);
        forget(c);
        if (!has_channel(client, want)) {
            tell_edge(edges, client, want, AT_EDGE_WAITING, reason);
        }
    }
    at_list_foreach_safe (it, &party->as_client) {
        struct channel *c = at_container_of(it, struct channel, client_link);

        tell_gone(edges, c->server, c->id, reason);
        forget(c);
    }
    end_pauses_of(edges, party);
    free_wants(party);
    at_outbox_deinit(&party->outbox);
    at_list_remove(&party->link);
}

/* The other one hears GONE, and both are joined anew after a rest. */
static const char *break_up(struct at_edges *edges, struct channel *c, struct at_party *other,
                            const char *text)
{
    struct at_party *client = c->client;
    struct want *want = c->want;

    tell_gone(edges, other, c->id, text);
    begin_pause(edges, c);
    forget(c);
    if (!has_channel(client, want)) {
        tell_edge(edges, client, want, AT_EDGE_WAITING, text);
    }
    return other->name;
}

const char *at_edges_broken(struct at_edges *edges, struct at_party *party, uint64_t channel,
                            struct at_bytes reason)
{
    char text[AT_CONTROL_REASON_MAX];

    (void)snprintf(text, sizeof(text), "%s gave the channel up: %.*s", party->name, (int)reason.len,
                   reason.len == 0 ? "" : (const char *)reason.at);
    at_list_foreach (it, &party->as_client) {
        struct channel *c = at_container_of(it, struct channel, client_link);

        if (c->id == channel) {
            party->broken_count++;
            return break_up(edges, c, c->server, text);
        }
    }
    at_list_foreach (it, &party->as_server) {
        struct channel *c = at_container_of(it, struct channel, server_link);

        if (c->id == channel) {
            return break_up(edges, c, c->client, text);
        }
    }
    return NULL;
}

/* ---- wanting ---- */

static struct want *find_want(const struct at_party *party, uint32_t service,
                              struct at_bytes contract)
{
    at_list_foreach (it, &party->wants) {
        struct want *w = at_container_of(it, struct want, link);

        if (w->service == service &&
            at_bytes_equal(at_bytes_over(w->contract, w->contract_len), contract)) {
            return w;
        }
    }
    return NULL;
}

static struct want *add_want(struct at_party *party, uint32_t service, struct at_bytes contract)
{
    struct want *w = calloc(1, sizeof(*w));

    if (w != NULL) {
        w->service = service;
        w->contract_len = contract.len;
        if (contract.len > 0) {
            memcpy(w->contract, contract.at, contract.len);
        }
        at_list_append(&party->wants, &w->link);
        party->want_count++;
    }
    return w;
}

static struct at_party *find_server(const struct at_edges *edges, uint32_t service,
                                    uint64_t generation)
{
    at_list_foreach (it, &edges->parties) {
        struct at_party *p = at_container_of(it, struct at_party, link);

        if (p->service == service && p->generation == generation) {
            return p;
        }
    }
    return NULL;
}

static bool knows_channel(const struct at_party *client, uint64_t id)
{
    at_list_foreach (it, &client->as_client) {
        if (at_container_of(it, struct channel, client_link)->id == id) {
            return true;
        }
    }
    return false;
}

uint64_t at_edges_tick(struct at_edges *edges)
{
    uint64_t now = edges->ops->now_ns(edges->user);
    uint64_t next = 0;

    at_list_foreach_safe (it, &edges->pauses) {
        struct pause *p = at_container_of(it, struct pause, link);
        struct at_party *server;

        if (p->due_ns > now) {
            next = next == 0 || p->due_ns < next ? p->due_ns : next;
            continue;
        }
        server = find_server(edges, p->want->service, p->server_generation);
        at_list_remove(&p->link); /* it keeps the channel shut no more */
        if (server != NULL && server->is_ready) {
            open_channel(edges, p->client, p->want, server);
        }
        free(p);
    }
    return next;
}

/* Channels that an earlier supervisor opened: taken over when the server still lives. */
static void take_over(struct at_edges *edges, struct at_party *client, struct want *want,
                      struct at_bytes have)
{
    struct at_bytes line;

    while (at_bytes_cut(&have, '\n', &line)) {
        uint64_t id;
        struct at_party *server;

        if (!at_bytes_to_u64(line, &id) || knows_channel(client, id)) {
            continue;
        }
        server = find_server(edges, want->service, id >> GENERATION_SHIFT);
        if (server == NULL || server == client || !server->is_ready ||
            is_joined_to(client, want, server)) {
            tell_gone(edges, client, id, "its other end is gone since no supervisor ran");
            continue;
        }
        (void)remember(client, server, want, id);
    }
}

static void serve_want(struct at_edges *edges, struct at_party *party, struct want *want)
{
    char reason[AT_CONTROL_REASON_MAX];

    at_list_foreach (it, &edges->parties) {
        struct at_party *server = at_container_of(it, struct at_party, link);

        if (server->service == want->service && server->is_ready && server != party) {
            open_channel(edges, party, want, server);
        }
    }
    if (has_channel(party, want)) {
        return;
    }
    if (edges->failed[want->service] != NULL) {
        tell_edge(edges, party, want, AT_EDGE_FAILED, edges->failed[want->service]);
        return;
    }
    if (tell_apart(edges, party, want)) {
        return;
    }
    (void)snprintf(reason, sizeof(reason), "no instance of \"%s\" is ready yet",
                   edges->plan->services[want->service].name);
    tell_edge(edges, party, want, AT_EDGE_WAITING, reason);
}

int at_edges_hello(struct at_edges *edges, struct at_party *party, uint32_t layout_min,
                   uint32_t layout_max)
{
    bool is_new = party->layout_max == 0;

    if (layout_min > layout_max || (layout_min == 0 && layout_max != 0)) {
        return AT_MESSAGE_MALFORMED;
    }
    party->layout_min = layout_max == 0 ? 1 : layout_min;
    party->layout_max = layout_max == 0 ? 1 : layout_max;
    if (is_new && party->is_ready) {
        at_edges_ready(edges, party); /* taken over: ready before we knew what it speaks */
    }
    at_list_foreach (it, &party->wants) {
        if (is_new) {
            serve_want(edges, party, at_container_of(it, struct want, link));
        }
    }
    return 0;
}

int at_edges_want(struct at_edges *edges, struct at_party *party,
                  const struct at_service_want *want)
{
    char why[AT_CONTROL_REASON_MAX];
    struct want nobody = {.request = want->request, .service = AT_EDGES_OPERATOR};
    struct want *w;
    int to;

    if (want->request == 0 || (want->service.len == 0 && want->contract.len == 0)) {
        return AT_MESSAGE_MALFORMED;
    }
    to = at_permit_find(edges->plan, want, why, sizeof(why));
    if (to < 0) {
        tell_edge(edges, party, &nobody, AT_EDGE_UNKNOWN, why);
        return 0;
    }
    nobody.service = (uint32_t)to;
    if (!at_permit_call(edges->plan, party->service, (uint32_t)to, why, sizeof(why))) {
        tell_edge(edges, party, &nobody, AT_EDGE_DENIED, why);
        return 0;
    }
    w = find_want(party, (uint32_t)to, want->contract);
    if (w == NULL && party->want_count >= AT_SUPER_WANTS_MAX) {
        return AT_MESSAGE_MALFORMED;
    }
    w = w != NULL ? w : add_want(party, (uint32_t)to, want->contract);
    if (w == NULL) {
        return -ENOMEM;
    }
    w->request = want->request;
    take_over(edges, party, w, want->have);
    serve_want(edges, party, w);
    return 0;
}

void at_edges_set_failed(struct at_edges *edges, uint32_t service, const char *reason)
{
    free(edges->failed[service]);
    edges->failed[service] = reason == NULL ? NULL : strdup(reason);
    if (reason == NULL) {
        return;
    }
    at_list_foreach (it, &edges->parties) {
        struct at_party *party = at_container_of(it, struct at_party, link);

        at_list_foreach (w, &party->wants) {
            struct want *want = at_container_of(w, struct want, link);

            if (want->service == service && !has_channel(party, want)) {
                tell_edge(edges, party, want, AT_EDGE_FAILED, reason);
            }
        }
    }
}

uint32_t at_edges_count(const struct at_edges *edges, uint32_t from, uint32_t to)
{
    uint32_t n = 0;

    at_list_foreach (it, &edges->parties) {
        const struct at_party *p = at_container_of(it, struct at_party, link);

        if (p->service != from) {
            continue;
        }
        at_list_foreach (c, &p->as_client) {
            n += at_container_of(c, struct channel, client_link)->server->service == to ? 1 : 0;
        }
    }
    return n;
}
