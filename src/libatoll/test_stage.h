/*
 * For tests: this process calls, others (the program TEST_SERVER) serve, and a thread plays the
 * supervisor.
 */
#ifndef AT_LIBATOLL_TEST_STAGE_H
#define AT_LIBATOLL_TEST_STAGE_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atoll/atoll.h>

#include "at_test.h"
#include "libatoll/process.h"
#include "test.atoll.h"
#include "tiny_supervisor.h"

enum { SERVERS_MAX = 8 };

struct stage {
    struct tiny_supervisor *tiny;
    pthread_t thread;
    pthread_mutex_t lock;
    bool over;
    pid_t servers[SERVERS_MAX];
    int server_index[SERVERS_MAX]; /* in tiny */
    int count;
    int client_fd;
    struct atoll_call *call;
};

static inline void *supervise(void *user)
{
    struct stage *s = user;
    bool over = false;

    while (!over) {
        (void)pthread_mutex_lock(&s->lock);
        tiny_turn(s->tiny, 1);
        over = s->over;
        (void)pthread_mutex_unlock(&s->lock);
        (void)usleep(200);
    }
    return NULL;
}

static inline int add_server(struct stage *s, const char *kind, const char *threads)
{
    char name[32];
    const char *argv[] = {TEST_SERVER, kind, threads, NULL};
    int fd = -1;
    int i = s->count++;

    (void)snprintf(name, sizeof(name), "%s.%d", kind, i + 1);
    (void)pthread_mutex_lock(&s->lock);
    s->server_index[i] = tiny_add(s->tiny, kind, name, &fd);
    (void)pthread_mutex_unlock(&s->lock);
    CHECK(fd >= 0);
    s->servers[i] = tiny_exec(fd, TEST_SERVER, argv);
    CHECK(s->servers[i] > 0);
    return i;
}

static inline void begin(struct stage *s)
{
    char number[16];

    *s = (struct stage){.tiny = tiny_new()};
    (void)pthread_mutex_init(&s->lock, NULL);
    CHECK(tiny_add(s->tiny, "asker", "asker.1", &s->client_fd) == 0);
    (void)snprintf(number, sizeof(number), "%d", s->client_fd);
    (void)setenv("ATOLL_CONTROL_FD", number, 1);
    CHECK(pthread_create(&s->thread, NULL, supervise, s) == 0);
    s->call = atoll_call_new();
    CHECK(s->call != NULL);
}

static inline void kill_server(struct stage *s, int i)
{
    if (s->servers[i] > 0) {
        (void)kill(s->servers[i], SIGKILL);
        (void)waitpid(s->servers[i], NULL, 0);
        s->servers[i] = 0;
    }
}

static inline void end(struct stage *s)
{
    atoll_call_free(s->call);
    at_process_end();
    for (int i = 0; i < s->count; i++) {
        kill_server(s, i);
    }
    (void)pthread_mutex_lock(&s->lock);
    s->over = true;
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
    tiny_free(s->tiny);
    (void)close(s->client_fd);
}

static inline int echo(struct atoll_call *call, const char *text, struct test_call_v1_Reply *out)
{
    struct test_call_v1_Request in = {0};

    in.payload = (struct atoll_str){.at = text, .len = strlen(text)};
    return test_call_v1_Alpha_echo(call, &in, out);
}

static inline bool is(struct atoll_str s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

#endif
