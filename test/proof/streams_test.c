/*
 * Streams of every kind between two real processes, against a plain model: from its number follows
 * what each stream is to carry, both ways, in which sizes, who reads slowly, who gives up where. The
 * service and the caller hold what came against that, and this test what both say.
 *
 * 240 streams; AT_PROOF_STREAMS says how many instead. AT_PROOF_SEED repeats a run.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <atoll/atoll.h>

#include "at_test.h"
#include "base/clock.h"
#include "proof_stage.h"
#include "test.atoll.h"

typedef struct test_call_v1_Request request;
typedef struct test_call_v1_Reply reply;

enum { STREAMS = 240, STREAMS_MAX = 1 << 20, LONGEST = 1 << 20, CALLERS = 4, SHORT_MS = 15 };
enum kind { WATCH, UPLOAD, CHAT, KINDS };
enum order { READ_FIRST, IN_TURN, SEND_FIRST, ORDERS };
enum end { WELL, CANCELS, SHORT_DEADLINE, SERVICE_FAILS, ENDS };

/* What a stream is to carry: follows from seed and number alone. */
struct plan {
    uint64_t seed;
    enum kind kind;
    enum order order; /* of the service, in a chat */
    enum end end;
    uint32_t up; /* messages */
    uint32_t down;
    uint32_t until; /* messages after which somebody gives up */
    bool slow;
    int failed; /* of the service, not of the plan: what sending or receiving ended with */
};

struct said {
    _Atomic uint32_t got;  /* messages that came to the service */
    _Atomic bool end;      /* … and that there were no more */
    _Atomic bool wrong;    /* not what the plan says */
    _Atomic int8_t status; /* of the caller; -1: none yet */
    _Atomic uint32_t came; /* messages that came to the caller */
    _Atomic bool caller_wrong;
};

struct stream_book {
    uint64_t seed;
    uint32_t count;
    _Atomic uint32_t next;
    _Atomic bool has_reason; /* who sets it writes the reason */
    char last_reason[256];
    struct said said[STREAMS_MAX];
};

static struct stream_book *book;

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 32;
}

static struct plan plan_of(uint32_t number)
{
    uint64_t r = mix(book->seed * 1000003 + number + 1);
    struct plan p = {.seed = r,
                     .kind = (enum kind)(r % KINDS),
                     .order = (enum order)(r / 8 % ORDERS),
                     .end = r / 64 % 8 < ENDS ? (enum end)(r / 64 % 8) : WELL,
                     .up = (uint32_t)(r / 1024 % 40),
                     .down = (uint32_t)(r / 65536 % 40),
                     .slow = r / (1 << 22) % 8 == 0};

    p.up = p.kind == WATCH ? 1 : p.up;
    p.down = p.kind == UPLOAD ? 1 : p.down;
    p.until = (uint32_t)(r / (1 << 26) % 20);
    return p;
}

/* The i-th message of a direction: its length and its bytes. */
static size_t length_of(const struct plan *p, bool up, uint32_t i)
{
    uint64_t r = mix(p->seed + i * 2 + up);

    return r % 64 == 0 ? r / 64 % LONGEST : r % 8 == 0 ? r / 64 % 40000 : r / 64 % 300;
}

static void fill(const struct plan *p, bool up, uint32_t i, char *to, size_t len)
{
    memset(to, (int)(mix(p->seed ^ i) & 127) + up, len);
}

static bool is_right(const struct plan *p, bool up, uint32_t i, struct atoll_str got)
{
    char c = (char)((int)(mix(p->seed ^ i) & 127) + up);

    if (got.len != length_of(p, up, i)) {
        return false;
    }
    for (size_t k = 0; k < got.len; k++) {
        if (got.at[k] != c) {
            return false;
        }
    }
    return true;
}

static void dawdle(const struct plan *p, uint32_t i)
{
    if (p->slow && i % 4 == 0) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static bool may_end_with(const struct plan *p, int status)
{
    switch (p->end) {
    case CANCELS: return status == ATOLL_CANCELLED || status == ATOLL_OK;
    case SHORT_DEADLINE: return status == ATOLL_DEADLINE_EXCEEDED || status == ATOLL_OK;
    case SERVICE_FAILS: return status == ATOLL_FAILED_PRECONDITION;
    case WELL:
    case ENDS:
    default: return status == ATOLL_OK;
    }
}

/* The service */

static bool begin(struct atoll_call *call, struct plan *p, struct said **s, char **room)
{
    const char *text = atoll_call_metadata(call, "stream");
    unsigned long number = text == NULL ? STREAMS_MAX : strtoul(text, NULL, 10);

    *room = atoll_alloc(call, LONGEST);
    if (number >= STREAMS_MAX || *room == NULL) {
        return false;
    }
    *p = plan_of((uint32_t)number);
    *s = &book->said[number];
    return true;
}

/* True: go on. */
static bool take(struct plan *p, struct said *s, struct atoll_stream *in)
{
    request m;
    uint32_t i = atomic_load(&s->got);
    int status = p->kind == UPLOAD ? test_call_v1_Alpha_upload_server_recv(in, &m)
                                   : test_call_v1_Alpha_chat_server_recv(in, &m);

    dawdle(p, i);
    if (status == ATOLL_STREAM_END) {
        atomic_store(&s->end, true);
    }
    if (status != ATOLL_OK) {
        p->failed = status == ATOLL_STREAM_END ? p->failed : status;
        return false;
    }
    if (!is_right(p, true, i, m.payload)) {
        atomic_store(&s->wrong, true);
    }
    atomic_store(&s->got, i + 1);
    return p->end != SERVICE_FAILS || i + 1 < p->until;
}

static bool give(struct plan *p, struct atoll_stream *out, uint32_t i, char *room)
{
    reply m = {.payload = {.at = room, .len = length_of(p, false, i)}};
    int status;

    if (p->failed != 0 || i >= p->down || (p->end == SERVICE_FAILS && i >= p->until)) {
        return false;
    }
    fill(p, false, i, room, m.payload.len);
    status = p->kind == WATCH ? test_call_v1_Alpha_watch_server_send(out, &m)
                              : test_call_v1_Alpha_chat_server_send(out, &m);
    p->failed = status;
    return status == ATOLL_OK;
}

static int over(struct atoll_call *call, const struct plan *p)
{
    if (p->failed != 0) {
        return p->failed; /* else the caller would believe that it got all */
    }
    return p->end == SERVICE_FAILS ? atoll_fail(call, ATOLL_FAILED_PRECONDITION, "as planned")
                                   : ATOLL_OK;
}

static int watch(struct atoll_call *call, const request *in, struct atoll_stream *out)
{
    struct plan p;
    struct said *s;
    char *room;

    if (!begin(call, &p, &s, &room)) {
        return atoll_fail(call, ATOLL_INTERNAL, "no plan");
    }
    atomic_store(&s->got, 1);
    atomic_store(&s->end, true);
    if (!is_right(&p, true, 0, in->payload)) {
        atomic_store(&s->wrong, true);
    }
    for (uint32_t i = 0; give(&p, out, i, room); i++) {
    }
    return over(call, &p);
}

static int upload(struct atoll_call *call, struct atoll_stream *in, reply *out)
{
    struct plan p;
    struct said *s;
    char *room;

    if (!begin(call, &p, &s, &room)) {
        return atoll_fail(call, ATOLL_INTERNAL, "no plan");
    }
    while (take(&p, s, in)) {
    }
    out->payload = (struct atoll_str){.at = room, .len = length_of(&p, false, 0)};
    fill(&p, false, 0, room, out->payload.len);
    return over(call, &p);
}

static int chat(struct atoll_call *call, struct atoll_stream *both)
{
    struct plan p;
    struct said *s;
    char *room;
    uint32_t sent = 0;
    bool more = true;

    if (!begin(call, &p, &s, &room)) {
        return atoll_fail(call, ATOLL_INTERNAL, "no plan");
    }
    while (p.order == SEND_FIRST && give(&p, both, sent, room)) {
        sent++;
    }
    while (more) {
        more = take(&p, s, both);
        sent += p.order == IN_TURN && give(&p, both, sent, room);
    }
    while (give(&p, both, sent, room)) {
        sent++;
    }
    return over(call, &p);
}

static int serve(void *user)
{
    struct test_call_v1_Alpha alpha = {.watch = watch, .upload = upload, .chat = chat};
    struct atoll_service service = test_call_v1_Alpha_with(&alpha);
    struct atoll_serve_options options = {.size = sizeof(options), .threads_max = 8};

    (void)user;
    return atoll_serve(&service, 1, &options);
}

/* The caller */

struct sending {
    const struct plan *plan;
    struct atoll_stream *stream;
    char *room;
};

/* In a thread of its own: one may send while another receives. */
static void *send_all(void *user)
{
    struct sending *x = user;
    const struct plan *p = x->plan;

    for (uint32_t i = 0; i < p->up; i++) {
        request m = {.payload = {.at = x->room, .len = length_of(p, true, i)}};
        int status;

        if (p->end == CANCELS && i == p->until) {
            atoll_stream_cancel(x->stream);
        }
        fill(p, true, i, x->room, m.payload.len);
        status = p->kind == UPLOAD ? test_call_v1_Alpha_upload_send(x->stream, &m)
                                   : test_call_v1_Alpha_chat_send(x->stream, &m);
        if (status != ATOLL_OK) {
            return NULL;
        }
    }
    (void)(p->kind == UPLOAD ? test_call_v1_Alpha_upload_close_send(x->stream)
                             : test_call_v1_Alpha_chat_close_send(x->stream));
    return NULL;
}

static void receive_all(const struct plan *p, struct said *s, struct atoll_stream *stream)
{
    for (uint32_t i = 0;; i++) {
        reply m;
        int status = p->kind == WATCH ? test_call_v1_Alpha_watch_recv(stream, &m)
                                      : test_call_v1_Alpha_chat_recv(stream, &m);

        if (status != ATOLL_OK) {
            return;
        }
        if (i >= p->down || !is_right(p, false, i, m.payload)) {
            atomic_store(&s->caller_wrong, true);
        }
        atomic_store(&s->came, i + 1);
        dawdle(p, i);
        if (p->end == CANCELS && i == p->until) {
            atoll_stream_cancel(stream);
        }
    }
}

static int finish(const struct plan *p, struct said *s, struct atoll_stream *stream)
{
    reply m = {0};
    int status;

    if (p->kind != UPLOAD) {
        return p->kind == WATCH ? test_call_v1_Alpha_watch_finish(stream)
                                : test_call_v1_Alpha_chat_finish(stream);
    }
    status = test_call_v1_Alpha_upload_finish(stream, &m);
    if (status == ATOLL_OK) {
        atomic_store(&s->came, 1);
        if (!is_right(p, false, 0, m.payload)) {
            atomic_store(&s->caller_wrong, true);
        }
    }
    return status;
}

static int open_stream(struct atoll_call *call, const struct plan *p, char *room,
                       struct atoll_stream **stream)
{
    request m = {.payload = {.at = room, .len = length_of(p, true, 0)}};

    if (p->kind == WATCH) {
        fill(p, true, 0, room, m.payload.len);
        return test_call_v1_Alpha_watch_open(call, &m, stream);
    }
    return p->kind == UPLOAD ? test_call_v1_Alpha_upload_open(call, stream)
                             : test_call_v1_Alpha_chat_open(call, stream);
}

static void run_stream(struct atoll_call *call, uint32_t number, char *room)
{
    struct plan p = plan_of(number);
    struct said *s = &book->said[number];
    struct sending sending = {.plan = &p, .room = room};
    pthread_t sender;
    char text[16];
    int status;

    atoll_call_reset(call);
    (void)snprintf(text, sizeof(text), "%u", number);
    (void)atoll_call_set_metadata(call, "stream", text);
    atoll_call_set_timeout(call, (p.end == SHORT_DEADLINE ? SHORT_MS : 30000) * UINT64_C(1000000));
    status = open_stream(call, &p, room, &sending.stream);
    if (status == ATOLL_OK) {
        bool sends = p.kind != WATCH && pthread_create(&sender, NULL, send_all, &sending) == 0;

        if (p.kind != UPLOAD) {
            receive_all(&p, s, sending.stream);
        }
        if (sends) {
            (void)pthread_join(sender, NULL);
        }
        status = finish(&p, s, sending.stream);
    }
    if (status != ATOLL_OK && !may_end_with(&p, status) &&
        !atomic_exchange(&book->has_reason, true)) {
        (void)snprintf(book->last_reason, sizeof(book->last_reason), "%u: %d: %s", number, status,
                       atoll_call_reason(call));
    }
    atomic_store(&s->status, (int8_t)status);
}

static void *call_on(void *user)
{
    struct atoll_call *call = atoll_call_new();
    char *room = malloc(LONGEST);
    uint32_t number;

    (void)user;
    while (call != NULL && room != NULL &&
           (number = atomic_fetch_add(&book->next, 1)) < book->count) {
        run_stream(call, number, room);
    }
    free(room);
    atoll_call_free(call);
    return NULL;
}

static int call_out(void *user)
{
    pthread_t threads[CALLERS];

    (void)user;
    for (int i = 0; i < CALLERS; i++) {
        (void)pthread_create(&threads[i], NULL, call_on, NULL);
    }
    for (int i = 0; i < CALLERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return 0;
}

/* The model */

static void judge(uint32_t number, unsigned long *ends)
{
    struct plan p = plan_of(number);
    struct said *s = &book->said[number];

    ck_assert_msg(!s->wrong, "stream %u: message %u came wrong to the service", number, s->got);
    ck_assert_msg(!s->caller_wrong, "stream %u: message %u came wrong to the caller", number,
                  s->came);
    ck_assert_msg(may_end_with(&p, s->status), "stream %u (kind %d, end %d) ended %d; %s", number,
                  (int)p.kind, (int)p.end, s->status, book->last_reason);
    ck_assert_msg(s->got <= p.up && s->came <= p.down, "stream %u carried too much", number);
    if (s->status == ATOLL_OK) {
        ck_assert_msg(s->got == p.up && s->end, "stream %u: %u of %u came to the service", number,
                      s->got, p.up);
        ck_assert_msg(s->came == p.down, "stream %u: %u of %u came to the caller", number, s->came,
                      p.down);
    }
    ends[s->status]++;
}

static void run_all(struct stage *s)
{
    pid_t server;
    pid_t client;

    CHECK(stage_spawn(s, "alpha", serve, &server) >= 0);
    CHECK(stage_spawn(s, "asker", call_out, &client) >= 0);
    while (client > 0) {
        stage_run(s, 2000);
        stage_look(s, &client);
    }
    stage_run(s, 20000);
    stage_kill(s, &server);
    CHECK(!s->died);
}

TEST(streams_of_every_kind_carry_what_the_model_says)
{
    unsigned long ends[32] = {0};
    const char *count = getenv("AT_PROOF_STREAMS");
    const char *seed = getenv("AT_PROOF_SEED");
    struct stage s;

    stage_open(&s, 1);
    book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(book != MAP_FAILED);
    book->count = count == NULL ? STREAMS : (uint32_t)strtoul(count, NULL, 10) % STREAMS_MAX;
    book->seed = seed == NULL ? at_now_ns() % 1000000 : strtoul(seed, NULL, 10);
    (void)printf("# seed %lu\n", (unsigned long)book->seed);
    (void)fflush(stdout);
    run_all(&s);
    for (uint32_t i = 0; i < book->count; i++) {
        judge(i, ends);
    }
    (void)printf("# %u streams: %lu well, %lu cancelled, %lu too late, %lu failed as planned\n",
                 book->count, ends[ATOLL_OK], ends[ATOLL_CANCELLED], ends[ATOLL_DEADLINE_EXCEEDED],
                 ends[ATOLL_FAILED_PRECONDITION]);
    (void)munmap(book, sizeof(*book));
    stage_close(&s);
}

TEST_MAIN("proof/streams")
