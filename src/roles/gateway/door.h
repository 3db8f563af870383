/*
 * The door: the gateway's state, shared by its connections.
 *
 * One thread, one loop. Scratch members (request, match, transcode, …) hold what belongs to the one
 * request being worked on right now; nothing of them is kept across a return to the loop.
 */
#ifndef AT_GATEWAY_DOOR_H
#define AT_GATEWAY_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/text.h"
#include "call/call.h"
#include "loop/loop.h"
#include "net/net.h"
#include "pb/pool.h"
#include "plan/gateway.h"
#include "role/role.h"
#include "roles/gateway/access.h"
#include "roles/gateway/limits.h"
#include "roles/gateway/routes.h"
#include "roles/gateway/trace.h"
#include "roles/gateway/transcode.h"
#include "wire/http1.h"

struct at_door;

/* One port and what is served on it. */
struct at_door_listener {
    struct at_door *door;
    const struct at_gateway_listener *config;
    struct at_listener *listener;
    struct at_routes routes;
};

struct at_door {
    struct at_role *role;
    struct at_env *env;
    struct at_loop *loop;
    struct at_net *net;
    struct at_calls *calls;
    struct at_gateway_config config;
    bool has_config;
    int fds[AT_FDS_PER_MESSAGE]; /* handed over and not yet in use: sockets of listeners */
    size_t fd_count;
    struct at_pool **pools; /* one per service of config: two may hold two versions of a message */
    struct at_door_listener *listeners;
    struct at_list sessions;
    struct at_trace_source trace;
    struct at_access access;
    bool draining;

    struct at_http1_request request;
    struct at_match match;
    struct at_transcode transcode;
    struct at_text text;   /* problem bodies, lists of services */
    struct at_text allow;  /* verbs of a 405 */
    struct at_bytes path;  /* normalised; in path_room */
    struct at_bytes query; /* still encoded; in the request */
    char path_room[AT_HTTP1_LINE_BYTES];
    uint8_t metadata[AT_GATEWAY_METADATA_BYTES]; /* of the call being made */
    uint64_t date_second;
    char date[32];
};

/* on_start, on_stop, on_resume and on_end of the role; user is a zeroed struct at_door. */
int at_door_start(void *user, struct at_role *role);
void at_door_stop(void *user, uint64_t grace_ns);
void at_door_end(void *user);

/* The Date header of this second. */
struct at_bytes at_door_date(struct at_door *door);
/* Can every service of the listener be called? Otherwise *out names those that cannot. */
bool at_door_is_ready(const struct at_door_listener *listener, struct at_text *out);
/* The same for /readyz?verbose: *out becomes JSON with the state of every service. */
bool at_door_tell_states(const struct at_door_listener *listener, struct at_text *out);
/* A session has ended: when the door drains and it was the last, the role stops. */
void at_door_session_ended(struct at_door *door);

#endif
