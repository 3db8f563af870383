/*
 * The drain: reads the stdout and stderr of every instance and writes their logs.
 *
 * A service never waits for a disk and never for another service: a turn takes at most
 * AT_LOG_READ_MAX bytes from a stream, lines beyond AT_LOG_RATE_BYTES per second of a stream are
 * dropped and counted, and so are lines that cannot be written. The log itself says how many.
 */
#ifndef AT_ROLES_TELEMETRY_DRAIN_H
#define AT_ROLES_TELEMETRY_DRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "loop/loop.h"
#include "roles/telemetry/logfile.h"

struct at_drain;

/* conf is copied; its directory stays the caller's. */
int at_drain_new(struct at_loop *loop, const struct at_logfile_conf *conf, struct at_drain **ret);
/* Writes what is held, closes all pipes. NULL is accepted. Returns NULL. */
struct at_drain *at_drain_free(struct at_drain *drain);
/*
 * Takes over the read ends of an instance (-1: there is none), also on failure. Pipes of an
 * instance and generation that are drained already are closed: they are the same ones again.
 * 0, -EINVAL (a name that no file may have), -ENOSPC (too many streams), -ENOMEM.
 */
int at_drain_add(struct at_drain *drain, struct at_bytes instance, uint64_t generation, int out_fd,
                 int err_fd);
/* Reads what the pipes hold now, and writes it: before the end. */
void at_drain_sweep(struct at_drain *drain);
/* Pipes that are open. */
size_t at_drain_streams(const struct at_drain *drain);

#endif
