/*
 * For the proofs in this folder: a supervisor of one page in this process, and children that serve
 * and call. What they do is written down in a page that all of them share, so that it can be held
 * against what callers were told, whoever was killed when.
 */
#ifndef AT_PROOF_STAGE_H
#define AT_PROOF_STAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tiny_supervisor.h"

enum { BOOK_CALLS = 1 << 20, STAGE_THREADS = 4, STAGE_THREADS_MAX = 64 };

enum told {
    TOLD_NOTHING, /* the caller was killed, or waits */
    TOLD_OK,
    TOLD_NOT_TAKEN, /* failed, and its reason says that no instance had taken it */
    TOLD_MAYBE,     /* failed; it may have run */
    TOLD_ONEWAY,    /* gone, and nobody asked further */
    TOLD_CANCELLED, /* … or was cancelled */
    TOLD_WRONG,     /* what came back was not what was sent */
};

struct book_call {
    _Atomic uint8_t told;
    _Atomic uint8_t ran; /* times */
    uint8_t may_repeat;
    uint32_t late_ms;
};

/* Shared by all. */
struct book {
    _Atomic uint32_t next;     /* call */
    _Atomic bool over;         /* callers: end */
    _Atomic uint32_t answered; /* calls that ended well */
    _Atomic uint32_t failed;   /* the others that ended */
    _Atomic uint32_t slow_ms;  /* handlers take up to so long */
    _Atomic uint32_t limit_ms; /* deadline of calls */
    uint32_t threads;          /* of a caller that starts from now on */
    bool mixed;                /* calls are also cancelled, one-way, and late from the start */
    _Atomic bool has_reason;   /* who sets it writes the reason */
    char last_reason[256];     /* of the first call that failed, for people */
    struct book_call calls[BOOK_CALLS];
};

struct stage {
    struct tiny_supervisor *tiny;
    struct book *book;
    pid_t server;
    pid_t client;
    int server_index;
    int client_index;
    uint64_t random;
    bool died; /* a child that nobody had killed, or with another result than 0 */
};

uint64_t stage_random(uint64_t *state); /* xorshift */
void stage_open(struct stage *s, uint64_t seed);
void stage_close(struct stage *s); /* kills who still runs */
/* A child that is introduced as an instance of the service: its index there, or -1. */
int stage_spawn(struct stage *s, const char *service, int (*body)(void *user), pid_t *ret);
void stage_add_server(struct stage *s);
void stage_add_client(struct stage *s);
/* The supervisor works for so long. */
void stage_run(struct stage *s, uint64_t us);
void stage_kill(struct stage *s, pid_t *pid);
/* Has the child ended by itself? Then *pid becomes 0. */
void stage_look(struct stage *s, pid_t *pid);
/* Tells the callers to end and waits for that; false: they did not within 15 s. */
bool stage_finish(struct stage *s);
/* What a process holds: descriptors, mappings of memfds, threads; -1 each when it is gone. */
struct holdings {
    int fds;
    int memfds;
    int threads;
    long rss_kib;
};
struct holdings stage_holdings(pid_t pid);
/* Waits, at most 3 s, until pid holds no memfd. */
bool stage_holds_no_channel(struct stage *s, pid_t pid);

#endif
