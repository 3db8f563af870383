/* For tests: both ends of streams, between two engines of one process. */
#ifndef AT_CALL_TEST_STREAM_H
#define AT_CALL_TEST_STREAM_H

#include "at_test.h"
#include "call/metadata.h"
#include "call/stream.h"
#include "call/streams.h"
#include "call/test_owner.h"

static const char stream_contract[] = "a.B";
static const char stream_methods[] = "a.B/Call\na.B/Up c\na.B/Down s\na.B/Both cs\n";

struct client_end {
    struct at_pending p;
    struct at_stream s;
    int readable;
    int sent;
    int done;
    uint32_t status;
    char reason[512];
    char trailers[256];
    size_t trailers_len;
};

struct stage {
    struct test_owner client;
    struct test_owner server;
};

static inline void client_readable(void *user, struct at_stream *s)
{
    struct client_end *c = user;

    (void)s;
    c->readable++;
}

static inline void client_sent(void *user, struct at_stream *s)
{
    struct client_end *c = user;

    (void)s;
    c->sent++;
}

static inline void client_done(void *user, const struct at_call_result *result)
{
    struct client_end *c = user;

    c->done++;
    c->status = result->status;
    (void)snprintf(c->reason, sizeof(c->reason), "%.*s", (int)result->reason.len,
                   result->reason.at == NULL ? "" : (const char *)result->reason.at);
    c->trailers_len = result->metadata.len;
    if (result->metadata.len > 0 && result->metadata.len < sizeof(c->trailers)) {
        memcpy(c->trailers, result->metadata.at, result->metadata.len);
    }
}

static inline void open_with(struct stage *st, struct client_end *c, const char *method,
                             struct at_bytes first, uint32_t flags, struct at_bytes metadata)
{
    static const struct at_stream_ops ops = {.readable = client_readable, .sent = client_sent};

    *c = (struct client_end){.p.done = client_done, .p.user = c, .s.ops = &ops, .s.user = c};
    c->p.request =
        (struct at_call_request){.contract = at_bytes_of(stream_contract),
                                 .method = at_bytes_of(method),
                                 .payload = first,
                                 .metadata = metadata,
                                 .deadline_ns = test_now(&st->client) + 60 * AT_SECOND_NS};
    CHECK_INT(at_stream_open(st->client.engine, &c->p, &c->s, flags, test_now(&st->client)), 0);
    CHECK_INT(c->done, 0);
}

static inline void open_stream(struct stage *st, struct client_end *c, const char *method)
{
    open_with(st, c, method, (struct at_bytes){0}, 0, (struct at_bytes){0});
}

static inline void stage_turn(struct stage *st, int times)
{
    for (int i = 0; i < times; i++) {
        test_turn(&st->client, 0);
        test_turn(&st->server, 0);
    }
}

/* max_message: of the channel; 0: the default. */
static inline void stage_init_with(struct stage *st, uint32_t max_message)
{
    CHECK_INT(test_owner_init(&st->client, ""), 0);
    CHECK_INT(test_owner_init(&st->server, stream_methods), 0);
    st->client.max_message = max_message;
    st->server.max_message = max_message;
    CHECK_INT(at_engine_want(st->client.engine, at_bytes_of(stream_contract)), 0);
    CHECK_INT(test_introduce(&st->client, 1, &st->server, 7, "b.1", NULL), 0);
    stage_turn(st, 3);
}

static inline void stage_init(struct stage *st)
{
    stage_init_with(st, 0);
}

static inline void stage_deinit(struct stage *st)
{
    test_owner_deinit(&st->client);
    test_owner_deinit(&st->server);
}

/* The oldest request that the server's owner has not looked at. */
static inline struct at_incoming *server_end(struct stage *st)
{
    struct at_incoming *in = at_container_of(st->server.requests.next, struct at_incoming, entry);

    CHECK(!at_list_is_empty(&st->server.requests));
    at_list_remove(&in->entry);
    return in;
}

/* A stream that both ends have. */
static inline struct at_incoming *meet(struct stage *st, struct client_end *c, const char *method)
{
    open_stream(st, c, method);
    stage_turn(st, 2);
    return server_end(st);
}

static inline void end_ok(struct stage *st, struct at_incoming *in)
{
    at_stream_end(st->server.engine, in, AT_STATUS_OK, (struct at_bytes){0}, (struct at_bytes){0});
}

static inline bool next_is(struct at_engine *e, struct at_stream *s, struct at_bytes expected)
{
    struct at_bytes m;
    bool good = at_stream_peek(s, &m) && m.len == expected.len &&
                (m.len == 0 || memcmp(m.at, expected.at, m.len) == 0);

    at_stream_consumed(e, s);
    return good;
}

/* The client's only channel. */
static inline struct at_link *client_link(const struct stage *st)
{
    return st->client.engine->links[0];
}

static inline struct at_link *server_link(const struct stage *st)
{
    return st->server.engine->links[0];
}

#endif
