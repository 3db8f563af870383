/*
 * What the anchor keeps for the next supervisor. Storing never fails from the caller's view: when
 * the anchor is gone there is no next supervisor, and the system ends anyway.
 */
#ifndef AT_SUPERVISOR_VAULT_H
#define AT_SUPERVISOR_VAULT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct at_anchor_exited;
struct at_system;
struct at_instance;

/* One thing that was kept. Descriptors are taken out by setting them to -1. */
struct at_kept {
    struct at_bytes name; /* borrowed from room */
    struct at_bytes record;
    int *fds;
    size_t fd_count;
    uint8_t *room;
};

struct at_kept_list {
    struct at_kept *at;
    size_t count;
    struct at_anchor_exited *exits; /* that no supervisor has heard of yet */
    size_t exit_count;
};

/* Asks for everything that was kept. 0, -errno. *ret is the caller's (at_vault_kept_deinit). */
int at_vault_restore(struct at_system *s, struct at_kept_list *ret);
void at_vault_kept_deinit(struct at_kept_list *list);
/* The orphan may be one of our instances' reapers: then its end is known. */
void at_vault_tell_exit(struct at_system *s, const struct at_anchor_exited *exited);

/* The uids of the record "system" into s->uids. -EPROTO: not as many as the plan has services. */
int at_vault_unpack_uids(struct at_system *s, struct at_bytes packed);

void at_vault_store(struct at_system *s, const char *name, struct at_bytes record, const int *fds,
                    size_t n);
void at_vault_drop(struct at_system *s, const char *name);
void at_vault_store_system(struct at_system *s);
/* START was heard: should we die over it, the next supervisor begins it again. */
void at_vault_store_starting(struct at_system *s);
void at_vault_store_instance(const struct at_instance *i);
/* Nothing runs any more: the anchor leaves with this code when we do. */
void at_vault_finished(struct at_system *s, int code);
/* What the anchor says while we run (exits of orphans); its end means: stop everything. */
void at_vault_on_anchor(void *user, int fd, uint32_t events);

#endif
