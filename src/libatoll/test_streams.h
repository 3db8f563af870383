/* The handlers of streams of the test server, and what all its handlers do. */
#ifndef AT_LIBATOLL_TEST_STREAMS_H
#define AT_LIBATOLL_TEST_STREAMS_H

#include <atoll/atoll.h>

#include "test.atoll.h"

void test_take_time(int32_t ms);
/* Kills the process unless the file exists, which it makes. */
void test_die_once(struct atoll_call *call, struct atoll_str path);
/* What the caller sent as "back-t…" and "back-i…" goes back in trailers and initial metadata. */
void test_send_back(struct atoll_call *call);

/* Sends `depth` replies (-1: until nobody listens), sleep_ms apart; then fails when asked to. */
int test_watch(struct atoll_call *call, const struct test_call_v1_Request *in,
               struct atoll_stream *out);
/* Counts: handled messages, depth bytes. */
int test_upload(struct atoll_call *call, struct atoll_stream *in, struct test_call_v1_Reply *out);
/* Sends each message back. */
int test_chat(struct atoll_call *call, struct atoll_stream *both);
/* The same two without a thread: one thread serves all of them by events. */
int test_keep(struct atoll_call *call, struct atoll_stream *both);
int test_collect(struct atoll_call *call, struct atoll_stream *in, struct test_call_v1_Reply *out);
/* Collect, kept until atoll_serve() has returned: then test_end_late() ends it. Returns status. */
int test_collect_late(struct atoll_call *call, struct atoll_stream *in,
                      struct test_call_v1_Reply *out);
int test_end_late(int status);

/* Not a server: opens a stream of Watch and one of Keep, and waits to be killed. */
int test_call_and_wait(void);

int test_kept(void);
int test_threads(void);
int test_sent(void);
int test_lost(void);

#endif
