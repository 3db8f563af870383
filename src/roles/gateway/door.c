#include "roles/gateway/door.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "call/call.h"
#include "loop/loop.h"
#include "net/net.h"
#include "pb/json.h"
#include "pb/pool.h"
#include "plan/gateway.h"
#include "plan/limits.h"
#include "plan/sealed.h"
#include "role/role.h"
#include "roles/gateway/access.h"
#include "roles/gateway/limits.h"
#include "roles/gateway/routes.h"
#include "roles/gateway/session.h"
#include "roles/gateway/trace.h"
#include "roles/gateway/transcode.h"
#include "wire/http1.h"

struct at_bytes at_door_date(struct at_door *door)
{
    uint64_t second = at_env_wall_ns(door->env) / AT_SECOND_NS;

    if (second != door->date_second) {
        door->date_second = second;
        at_http1_format_date(second, door->date);
    }
    return at_bytes_over(door->date, 29);
}

static bool can_call(const struct at_door_listener *listener, size_t i, const char **ret_name)
{
    const struct at_door *door = listener->door;
    const struct at_gateway_service *service =
        &door->config.services[listener->config->services.at[i]];

    *ret_name = service->name;
    for (size_t j = 0; j < service->contracts.count; j++) {
        if (!at_calls_can_call(door->calls, at_bytes_of(service->contracts.at[j]))) {
            return false;
        }
    }
    return true;
}

bool at_door_is_ready(const struct at_door_listener *listener, struct at_text *out)
{
    size_t waiting = 0;

    for (size_t i = 0; i < listener->config->services.count; i++) {
        const char *name;

        if (!can_call(listener, i, &name)) {
            at_text_add_str(out, waiting++ > 0 ? ", " : "");
            at_text_add_str(out, name);
        }
    }
    return waiting == 0;
}

bool at_door_tell_states(const struct at_door_listener *listener, struct at_text *out)
{
    struct at_text waiting;
    struct at_json_writer w;
    bool ready;

    at_text_init(&waiting);
    ready = at_door_is_ready(listener, &waiting);
    at_text_deinit(&waiting);
    at_text_clear(out);
    at_json_writer_init(&w, out, 0);
    at_json_begin_object(&w);
    at_json_key(&w, "status");
    at_json_str(&w, ready ? "ready" : "not ready");
    at_json_key(&w, "services");
    at_json_begin_array(&w);
    for (size_t i = 0; i < listener->config->services.count; i++) {
        const char *name;
        bool it = can_call(listener, i, &name);

        at_json_begin_object(&w);
        at_json_key(&w, "name");
        at_json_str(&w, name);
        at_json_key(&w, "state");
        at_json_str(&w, it ? "ready" : "not ready");
        at_json_end_object(&w);
    }
    at_json_end_array(&w);
    at_json_end_object(&w);
    at_text_add_char(out, '\n');
    return ready;
}

void at_door_session_ended(struct at_door *door)
{
    if (door->draining && at_list_is_empty(&door->sessions)) {
        at_role_stopped(door->role, 0);
    }
}

static void on_turn(void *user)
{
    struct at_door *door = user;

    at_access_flush(&door->access);
    at_log_catch_up();
}

/* ---- what is served ---- */

/* The pool of one service: its own, because two services may hold two versions of a message. */
static int read_contract(struct at_door *door, size_t i, struct at_bytes contracts)
{
    const struct at_gateway_service *service = &door->config.services[i];
    struct at_diag diag;
    int r;

    if (service->contract_bytes == 0) {
        return 0;
    }
    door->pools[i] = at_pool_new();
    if (door->pools[i] == NULL) {
        return -ENOMEM;
    }
    r = at_pool_add(door->pools[i],
                    at_bytes_before(at_bytes_after(contracts, service->contract_offset),
                                    service->contract_bytes),
                    &diag);
    if (r == -EBADMSG) {
        at_log(AT_LOG_ERROR,
               "service=%s error=\"%s\" | its contract is not usable, so nothing of it "
               "is served; build the service again",
               service->name, diag.what);
        door->pools[i] = at_pool_free(door->pools[i]);
        return 0;
    }
    return r;
}

static int read_contracts(struct at_door *door, int fd)
{
    struct at_bytes contracts = {NULL, 0};
    int r = 0;

    door->pools = calloc(door->config.service_count + 1, sizeof(struct at_pool *));
    if (door->pools == NULL) {
        return -ENOMEM;
    }
    if (fd < 0) {
        return 0;
    }
    r = at_sealed_map(fd, AT_PLAN_CONTRACTS_BYTES_MAX, &contracts);
    for (size_t i = 0; i < door->config.service_count && r == 0; i++) {
        r = read_contract(door, i, contracts);
    }
    at_sealed_unmap(&contracts);
    return r;
}

static int route_service(struct at_door_listener *l, size_t i)
{
    const struct at_gateway_service *service = &l->door->config.services[i];
    const struct at_pool *pool = l->door->pools[i];

    for (size_t j = 0; j < service->contracts.count; j++) {
        struct at_bytes name = at_bytes_of(service->contracts.at[j]);
        const struct at_pool_service *contract =
            pool == NULL ? NULL : at_pool_find_service(pool, name);
        struct at_diag diag;
        int r;

        if (contract == NULL) {
            at_log(AT_LOG_WARN, "service=%s contract=%s | not in its descriptors; not served",
                   service->name, service->contracts.at[j]);
            continue;
        }
        r = at_routes_add(&l->routes, contract, &diag);
        if (r == -ENOMEM) {
            return r;
        }
        if (r < 0) {
            at_log(AT_LOG_WARN, "service=%s | %s", service->name, diag.what);
        }
        r = at_calls_want(l->door->calls, name);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void on_accept(void *user, int fd)
{
    at_session_open(user, fd);
}

static int open_listener(struct at_door *door, size_t i)
{
    struct at_door_listener *l = &door->listeners[i];
    int fd;
    int r;

    l->door = door;
    l->config = &door->config.listeners[i];
    at_routes_init(&l->routes, at_env_random(door->env));
    for (size_t j = 0; j < l->config->services.count; j++) {
        r = route_service(l, l->config->services.at[j]);
        if (r < 0) {
            return r;
        }
    }
    at_routes_seal(&l->routes);
    fd = i < door->fd_count ? at_take_fd(&door->fds[i]) : -1;
    if (fd < 0) {
        at_log(AT_LOG_ERROR, "listener=%s:%u | its socket was not handed over", l->config->address,
               (unsigned)l->config->port);
        return -EBADF;
    }
    r = at_fd_set_nonblocking(fd, 1);
    if (r == 0) {
        r = at_listener_new(door->net, fd, on_accept, l, &l->listener);
    }
    if (r < 0) {
        at_close(&fd);
    }
    return r;
}

/* ---- the role ---- */

static size_t streams_max(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
        limit.rlim_cur > AT_GATEWAY_STREAMS_MAX + AT_GATEWAY_FDS_SPARE) {
        return AT_GATEWAY_STREAMS_MAX;
    }
    return limit.rlim_cur > (rlim_t)2 * AT_GATEWAY_FDS_SPARE ? limit.rlim_cur - AT_GATEWAY_FDS_SPARE
                                                             : AT_GATEWAY_FDS_SPARE;
}

/* All that strangers make us hold; the rest of the memory limit is for our own work. */
static size_t budget(const struct at_gateway_config *config)
{
    uint64_t part = config->memory_bytes / AT_GATEWAY_HELD_PART;

    return part != 0 && part < AT_GATEWAY_HELD_BYTES ? (size_t)part : AT_GATEWAY_HELD_BYTES;
}

static int read_config(struct at_door *door, uint64_t contracts_bytes)
{
    struct at_diag diag;
    int r =
        at_gateway_config_unpack(at_role_config(door->role), contracts_bytes, &door->config, &diag);

    if (r > 0) {
        at_log(AT_LOG_ERROR,
               "error=\"%s\" | the supervisor's configuration for the door is "
               "malformed",
               diag.what);
        return -EBADMSG;
    }
    door->has_config = r == 0;
    return r;
}

/* Listeners come first, the contracts last. */
static int take_handed_over(struct at_door *door)
{
    at_auto_close
    int contracts = -1;
    struct stat st = {.st_size = 0};
    int r;

    while (door->fd_count < AT_FDS_PER_MESSAGE) {
        int fd = at_role_take_fd(door->role, door->fd_count);

        if (fd < 0) {
            break;
        }
        door->fds[door->fd_count++] = fd;
    }
    if (door->fd_count > 0 && fstat(door->fds[door->fd_count - 1], &st) == 0 &&
        S_ISREG(st.st_mode)) {
        contracts = door->fds[--door->fd_count];
    }
    r = read_config(door, contracts < 0 ? 0 : (uint64_t)st.st_size);
    return r < 0 ? r : read_contracts(door, contracts);
}

int at_door_start(void *user, struct at_role *role)
{
    struct at_door *door = user;
    int r;

    door->role = role;
    door->env = at_env_real();
    door->loop = at_role_loop(role);
    at_list_init(&door->sessions);
    at_transcode_init(&door->transcode);
    at_text_init(&door->text);
    at_text_init(&door->allow);
    at_access_init(&door->access, STDERR_FILENO);
    at_trace_source_init(&door->trace, at_env_random(door->env), at_env_random(door->env));
    r = take_handed_over(door);
    if (r == 0) {
        r = at_net_new(door->loop, streams_max(), &door->net);
    }
    if (r == 0) {
        at_net_set_budget(door->net, budget(&door->config));
        at_role_gave_control(role); /* first: one loop watches a descriptor once */
        r = at_calls_new(door->loop, at_role_control_fd(role), at_role_message, role, &door->calls);
    }
    if (r < 0) {
        return r;
    }
    door->listeners = calloc(door->config.listener_count + 1, sizeof(*door->listeners));
    if (door->listeners == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < door->config.listener_count && r == 0; i++) {
        r = open_listener(door, i);
    }
    if (r < 0) {
        return r;
    }
    at_loop_on_turn(door->loop, on_turn, door);
    return at_role_ready(role, "listening");
}

void at_door_stop(void *user, uint64_t grace_ns)
{
    struct at_door *door = user;

    door->draining = true;
    for (size_t i = 0; door->listeners != NULL && i < door->config.listener_count; i++) {
        door->listeners[i].listener = at_listener_free(door->listeners[i].listener);
    }
    at_session_drain_all(door);
    if (at_list_is_empty(&door->sessions)) {
        at_role_stopped(door->role, 0);
    }
}

void at_door_end(void *user)
{
    struct at_door *door = user;

    if (door->sessions.next != NULL) {
        at_session_close_all(door);
    }
    for (size_t i = 0; door->listeners != NULL && i < door->config.listener_count; i++) {
        door->listeners[i].listener = at_listener_free(door->listeners[i].listener);
        at_routes_deinit(&door->listeners[i].routes);
    }
    free(door->listeners);
    door->calls = at_calls_free(door->calls);
    door->net = at_net_free(door->net);
    for (size_t i = 0; door->pools != NULL && i < door->config.service_count; i++) {
        (void)at_pool_free(door->pools[i]);
    }
    free(door->pools);
    at_fd_close_all(door->fds, door->fd_count);
    at_access_flush(&door->access);
    at_transcode_deinit(&door->transcode);
    at_text_deinit(&door->text);
    at_text_deinit(&door->allow);
    if (door->has_config) {
        at_gateway_config_deinit(&door->config);
    }
}
