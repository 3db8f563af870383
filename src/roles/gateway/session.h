/*
 * One HTTP/1.1 connection: requests in order, one call at a time.
 *
 *   IDLE --(bytes)--> HEAD --(head complete)--> BODY --(body complete)--> CALLING --(answer)--> IDLE
 *
 * A request that is complete when its head is read goes straight from HEAD to CALLING without being
 * copied. Pipelined requests wait in the stream until their turn.
 */
#ifndef AT_GATEWAY_SESSION_H
#define AT_GATEWAY_SESSION_H

#include "roles/gateway/door.h"

struct at_session;

/* The connection fd becomes the session's; closed when memory is short. */
void at_session_open(struct at_door_listener *listener, int fd);
/* The door drains: idle sessions end now, busy ones after their answer. */
void at_session_drain_all(struct at_door *door);
/* Ends every session at once. */
void at_session_close_all(struct at_door *door);

#endif
