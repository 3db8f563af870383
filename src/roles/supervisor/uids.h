/*
 * One uid per service for ever: a file of lines "uid service project". While it is read and grown, a
 * file beside it (".lock") is locked, which only its owner can open: whoever may open a file can
 * lock it for ever. Replicas share the uid of their service, and its state directory.
 */
#ifndef AT_SUPERVISOR_UIDS_H
#define AT_SUPERVISOR_UIDS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The uid of (project, service), allotted now when it is new and on disk before this returns.
 * path: the file, made with its directory when missing. -ENOSPC: none is left; -ETIMEDOUT: another
 * held the lock for all of patience_ms; -errno; the diag says it in a sentence.
 */
int at_uids_allot(const char *path, uint32_t patience_ms, const char *project, const char *service,
                  uid_t *ret, struct at_diag *diag);

#endif
