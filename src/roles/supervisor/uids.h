/*
 * One uid per service for ever: a file of lines "uid service project", locked while it is read and
 * grown. Replicas share the uid of their service, and its state directory.
 */
#ifndef AT_SUPERVISOR_UIDS_H
#define AT_SUPERVISOR_UIDS_H

#include <sys/types.h>

#include "base/error.h"

/*
 * The uid of (project, service), allotted now when it is new and on disk before this returns.
 * path: the file, made with its directory when missing. -ENOSPC: none is left; -errno; the diag
 * says it in a sentence.
 */
int at_uids_allot(const char *path, const char *project, const char *service, uid_t *ret,
                  struct at_diag *diag);

#endif
