#include "test_streams.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Atomic int kept;
static _Atomic int sent;
static _Atomic int lost;
static pthread_once_t once = PTHREAD_ONCE_INIT;

int test_kept(void)
{
    return kept;
}

int test_sent(void)
{
    return sent;
}

int test_lost(void)
{
    return lost;
}

int test_threads(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[128];
    int n = -1;

    while (f != NULL && n < 0 && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "Threads:", 8) == 0) {
            n = (int)strtol(line + 8, NULL, 10);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return n;
}

void test_take_time(int32_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    if (ms > 0) {
        (void)nanosleep(&t, NULL);
    }
}

void test_die_once(struct atoll_call *call, struct atoll_str path)
{
    const char *name = path.len == 0 ? NULL : atoll_copy(call, path.at, path.len).at;
    int fd = name == NULL ? -1 : open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)kill(getpid(), SIGKILL);
    }
}

void test_send_back(struct atoll_call *call)
{
    struct atoll_metadata_pair pair = {0};

    while (atoll_call_next_value(call, ATOLL_METADATA, &pair)) {
        if (pair.key.len >= 6 && memcmp(pair.key.at, "back-", 5) == 0) {
            (void)atoll_call_add_value(call, pair.key.at[5] == 't' ? ATOLL_TRAILER : ATOLL_INITIAL,
                                       atoll_copy(call, pair.key.at, pair.key.len).at, pair.value);
        }
    }
}

static int ended(struct atoll_call *call, int status, bool fail)
{
    lost += status == ATOLL_CANCELLED || status == ATOLL_DEADLINE_EXCEEDED;
    if (status != ATOLL_OK && status != ATOLL_STREAM_END) {
        return status;
    }
    return fail ? atoll_fail(call, ATOLL_FAILED_PRECONDITION, "asked to fail, number %d", 42)
                : ATOLL_OK;
}

int test_watch(struct atoll_call *call, const struct test_call_v1_Request *in,
               struct atoll_stream *out)
{
    struct test_call_v1_Reply reply = {.payload = in->payload,
                                       .deadline_ns = atoll_call_deadline(call)};
    int status = ATOLL_OK;

    test_send_back(call);
    for (int i = 0; status == ATOLL_OK && i != in->depth; i++) {
        test_take_time(in->sleep_ms);
        reply.handled = i + 1;
        status = test_call_v1_Alpha_watch_server_send(out, &reply);
        sent += status == ATOLL_OK;
    }
    return ended(call, status, in->fail);
}

int test_upload(struct atoll_call *call, struct atoll_stream *in, struct test_call_v1_Reply *out)
{
    struct test_call_v1_Request part;
    bool fail = false;
    bool plain = false;
    int status;

    test_send_back(call);
    while ((status = test_call_v1_Alpha_upload_server_recv(in, &part)) == ATOLL_OK && !fail) {
        out->handled++;
        out->depth += (int32_t)part.payload.len;
        fail = part.fail;
        plain = part.sleep_ms < 0;
        test_die_once(call, part.exit_first);
        test_take_time(part.sleep_ms);
    }
    return plain ? status : ended(call, fail ? ATOLL_OK : status, fail);
}

int test_chat(struct atoll_call *call, struct atoll_stream *both)
{
    struct test_call_v1_Request line;
    struct test_call_v1_Reply reply = {0};
    struct test_call_v1_Request next = {0};
    bool fail = false;
    int status;

    test_send_back(call);
    while ((status = test_call_v1_Alpha_chat_server_recv(both, &line)) == ATOLL_OK && !fail) {
        fail = line.fail;
        test_die_once(call, line.exit_first);
        test_take_time(line.sleep_ms);
        if (line.depth > 0) { /* a nested call from within a stream */
            next.depth = line.depth - 1;
            status = test_call_v1_Alpha_bounce(call, &next, &reply);
            if (status != ATOLL_OK) {
                break;
            }
        }
        reply.payload = line.payload;
        reply.handled++;
        status = test_call_v1_Alpha_chat_server_send(both, &reply);
        if (status != ATOLL_OK) {
            break;
        }
        sent++;
    }
    return ended(call, fail ? ATOLL_OK : status, fail);
}

/* ---- kept ---- */

struct keeping {
    struct test_call_v1_Request in;
    struct test_call_v1_Reply reply;
    struct test_call_v1_Reply *out; /* of Collect */
    int under_way;
};

static void end(struct keeping *k, struct atoll_stream *stream, int status)
{
    (void)k;
    if (stream != NULL) {
        atoll_stream_end(stream, ended(atoll_stream_call(stream), status, false));
    }
}

static void receive(struct keeping *k, struct atoll_stream *stream)
{
    int status = atoll_stream_recv_async(stream, &k->in, NULL, k);

    k->under_way += status == ATOLL_OK;
    if (status != ATOLL_OK) {
        end(k, stream, status);
    }
}

static void received(struct keeping *k, struct atoll_stream *stream)
{
    int status;

    if (k->out != NULL) {
        k->out->handled++;
        k->out->depth += (int32_t)k->in.payload.len;
        receive(k, stream);
        return;
    }
    k->reply.payload = k->in.payload;
    k->reply.handled++;
    status = atoll_stream_send_async(stream, &k->reply, NULL, k);
    k->under_way += status == ATOLL_OK;
    if (status != ATOLL_OK) {
        end(k, stream, status);
    }
}

static void *serve_events(void *user)
{
    struct atoll_event event;

    (void)user;
    while (atoll_next(&event, -1) == 1) {
        struct keeping *k = event.tag;

        k->under_way--;
        if (event.stream != NULL) {
            if (event.status != ATOLL_OK) {
                end(k, event.stream, event.status);
            } else if (event.kind == ATOLL_EVENT_RECV) {
                received(k, event.stream);
            } else if (event.kind == ATOLL_EVENT_SEND) {
                sent++;
                receive(k, event.stream);
            }
        }
        if (k->under_way == 0) {
            free(k);
            kept--;
        }
    }
    return NULL;
}

static void begin_serving(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, serve_events, NULL) == 0) {
        (void)pthread_detach(thread);
    }
}

static int keep(struct atoll_call *call, struct atoll_stream *stream,
                struct test_call_v1_Reply *out)
{
    struct keeping *k = calloc(1, sizeof(*k));
    int status;

    test_send_back(call);
    (void)pthread_once(&once, begin_serving);
    if (k == NULL) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory");
    }
    kept++;
    k->out = out;
    k->under_way = 2;
    status = atoll_stream_keep(stream); /* before its events can come */
    if (atoll_stream_gone_async(stream, NULL, k) != ATOLL_OK ||
        atoll_stream_recv_async(stream, &k->in, NULL, k) != ATOLL_OK) {
        abort();
    }
    return status;
}

enum { QUIET_MAX = 1024 };
static struct atoll_stream *quiet[QUIET_MAX]; /* kept, and nothing is asked */
static int quiet_count;
static pthread_mutex_t quiet_lock = PTHREAD_MUTEX_INITIALIZER;

static int keep_quietly(struct atoll_stream *both)
{
    int status;

    (void)pthread_mutex_lock(&quiet_lock);
    status = atoll_stream_keep(both);
    if (quiet_count < QUIET_MAX) {
        quiet[quiet_count++] = both;
        kept++;
    }
    (void)pthread_mutex_unlock(&quiet_lock);
    return status;
}

static int end_quiet_ones(void)
{
    struct test_call_v1_Reply reply = {0};

    (void)pthread_mutex_lock(&quiet_lock);
    for (; quiet_count > 0; quiet_count--, kept--) {
        struct atoll_stream *s = quiet[quiet_count - 1];

        lost += test_call_v1_Alpha_keep_server_send(s, &reply) == ATOLL_CANCELLED &&
                atoll_call_cancelled(atoll_stream_call(s)) &&
                atoll_call_metadata(atoll_stream_call(s), "quiet") != NULL;
        atoll_stream_end(s, ATOLL_OK);
    }
    (void)pthread_mutex_unlock(&quiet_lock);
    return ATOLL_OK;
}

int test_keep(struct atoll_call *call, struct atoll_stream *both)
{
    const char *how = atoll_call_metadata(call, "quiet");

    if (how != NULL) {
        return strcmp(how, "end") == 0 ? end_quiet_ones() : keep_quietly(both);
    }
    return keep(call, both, NULL);
}

int test_collect(struct atoll_call *call, struct atoll_stream *in, struct test_call_v1_Reply *out)
{
    return keep(call, in, out);
}

static struct atoll_stream *late_one;

int test_collect_late(struct atoll_call *call, struct atoll_stream *in,
                      struct test_call_v1_Reply *out)
{
    (void)call;
    (void)out;
    late_one = in;
    kept++;
    return atoll_stream_keep(in);
}

int test_end_late(int status)
{
    if (late_one != NULL) {
        atoll_stream_end(late_one, ATOLL_OK);
    }
    return status;
}

int test_call_and_wait(void)
{
    struct atoll_call *call = atoll_call_new();
    struct atoll_call *other = atoll_call_new();
    struct test_call_v1_Request in = {.payload = {"tick", 4}, .depth = -1};
    struct test_call_v1_Reply out;
    struct atoll_stream *watch;
    struct atoll_stream *kept_one;

    if (test_call_v1_Alpha_watch_open(call, &in, &watch) != ATOLL_OK ||
        test_call_v1_Alpha_watch_recv(watch, &out) != ATOLL_OK ||
        test_call_v1_Alpha_keep_open(other, &kept_one) != ATOLL_OK ||
        test_call_v1_Alpha_keep_send(kept_one, &in) != ATOLL_OK ||
        test_call_v1_Alpha_keep_recv(kept_one, &out) != ATOLL_OK) {
        return 1;
    }
    return test_call_v1_Alpha_keep_recv(kept_one, &out); /* nothing comes */
}
