/*
 * The stage of the stories: a plan made by hand, an atolld of its own in a project of its own, and
 * the operator's side of the conversation.
 */
#ifndef AT_SUPERVISOR_STAGE_H
#define AT_SUPERVISOR_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/message.h"
#include "control/operator.h"
#include "plan/plan.h"

enum { STAGE_SERVICES_MAX = 8, STAGE_ARGS_MAX = 3 };

struct stage {
    struct at_plan plan;
    struct at_plan_service services[STAGE_SERVICES_MAX];
    const char *args[STAGE_SERVICES_MAX][STAGE_ARGS_MAX];
    const char *contracts[STAGE_SERVICES_MAX][1];
    uint32_t uses[STAGE_SERVICES_MAX][STAGE_SERVICES_MAX];
    struct at_plan_dependency depends[STAGE_SERVICES_MAX][STAGE_SERVICES_MAX];
    char system[32];
    char project[64];
    char actor[96];
    char uids[96];
    const char *daemon;  /* path of atolld; NULL: the one of this build */
    const char *libexec; /* where atoll-reaper is; NULL: in this build */
    pid_t anchor;
    int operator_fd;
    struct at_message *message;
    char last_reason[1024]; /* of the last RESULT or PROBLEM */
};

/* A stage with an empty plan. false: not root, the story cannot be told (it is skipped). */
bool stage_open(struct stage *t);
/* Adds a service that plays `play` with `with` (may be NULL); its index. */
uint32_t stage_add(struct stage *t, const char *name, const char *play, const char *with);
void stage_uses(struct stage *t, uint32_t from, uint32_t to);
void stage_serves(struct stage *t, uint32_t service, const char *contract);
void stage_depends(struct stage *t, uint32_t on, uint32_t from);
/* Starts atolld and says START; the RESULT's code. */
uint32_t stage_up(struct stage *t);
/* The same without waiting for the RESULT. */
void stage_launch(struct stage *t);
uint32_t stage_result(struct stage *t);
/* Waits for an EVENT of the instance in that state on START's connection. */
bool stage_saw(struct stage *t, const char *instance, uint32_t state);
/* Says DOWN, waits until atolld has left; its exit code. Checks that nothing is left. */
int stage_down(struct stage *t);
/* Waits for atolld's own end; its exit code or -signal. */
int stage_wait(struct stage *t);
/* Fails the test when a run directory or a group of the system is left. */
void stage_check_nothing_left(const struct stage *t);
void stage_close(struct stage *t);

struct stage_row {
    uint32_t state;
    uint32_t pid;
    uint32_t reaper_pid;
    uint32_t restarts;
    char last_exit[1024];
};
/* The row of the instance by a connection of its own; false: there is no such. */
bool stage_ps(struct stage *t, const char *instance, struct stage_row *ret);
/* Waits until the instance is in that state (10 s). */
struct stage_row stage_wait_for(struct stage *t, const char *instance, uint32_t state);
/* Waits until the instance has another pid than before and is ready. */
struct stage_row stage_wait_for_other(struct stage *t, const char *instance, uint32_t pid);
/* Waits until a line of the instance's log contains the text (10 s); false: it never came. */
bool stage_heard(struct stage *t, const char *instance, const char *text);
/* How many lines of it contain the text. */
int stage_count(struct stage *t, const char *instance, const char *text);
/* WELCOME's pids. */
void stage_pids(struct stage *t, pid_t *ret_anchor, pid_t *ret_supervisor);
/* The supervisor by the anchor's children, without asking anybody; 0: none now. */
pid_t stage_find_supervisor(const struct stage *t);
/* Has atolld ended? Then its exit code or -signal goes to *ret. */
bool stage_has_ended(struct stage *t, int *ret);
/* A fresh connection to control.sock with HELLO said; the caller closes it. */
int stage_connect(struct stage *t);

#endif
