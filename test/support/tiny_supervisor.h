/*
 * For tests and benches: a supervisor of one page. It says WELCOME, introduces those who WANT to
 * those who are READY, and tells who is GONE. It starts and fences nothing.
 */
#ifndef AT_TINY_SUPERVISOR_H
#define AT_TINY_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/message.h"

/* Enough for a bench with a thousand clients of one service. */
enum { TINY_INSTANCES = 1024, TINY_WANTS = 1024, TINY_CHANNELS = 2048 };

struct tiny_instance {
    char service[32];
    char name[32];
    char contracts[2048];
    uint64_t generation;
    uint32_t layout_min;
    uint32_t layout_max;
    int fd;
    bool ready;
    struct at_bytes config; /* of a role, set by the test before HELLO; borrowed */
};

struct tiny_want {
    int instance;
    uint64_t request;
    char contract[128];
};

struct tiny_channel {
    uint64_t id; /* 0: ended */
    uint64_t request;
    int client;
    int server;
};

struct tiny_supervisor {
    struct tiny_instance instances[TINY_INSTANCES];
    struct tiny_want wants[TINY_WANTS];
    struct tiny_channel channels[TINY_CHANNELS];
    int instance_count;
    int want_count;
    int channel_count;
    uint64_t next_channel;
    int version;         /* of the conversation */
    uint32_t layout_max; /* of channels, whatever both ends know; 0: no limit */
    int broken;          /* BROKEN heard */
    int stopping;
    uint32_t last_layout; /* of the channel opened last */
    char last_reason[256];
    struct at_message message;
};

/* malloc; never NULL in practice. */
struct tiny_supervisor *tiny_new(void);
void tiny_free(struct tiny_supervisor *t);
/* A new instance ("stock.1"): *ret_fd is its end of the control socket, for the child. Its index. */
int tiny_add(struct tiny_supervisor *t, const char *service, const char *name, int *ret_fd);
/* Handles what comes within timeout_ms. */
void tiny_turn(struct tiny_supervisor *t, int timeout_ms);
/* Asks the instance to stop. */
void tiny_stop(struct tiny_supervisor *t, int instance, uint64_t grace_ns);
/* A new supervisor took over: everything that is known is forgotten but the sockets. */
void tiny_resume(struct tiny_supervisor *t);
/* Forks; the child gets the control socket as ATOLL_CONTROL_FD, runs body and exits with its
 * result. The parent's copy of fd is closed. */
pid_t tiny_spawn(int fd, int (*body)(void *user), void *user);
/* The same with another program; argv ends with NULL. */
pid_t tiny_exec(int fd, const char *path, const char *const *argv);

#endif
