/*
 * A process that uses locks, for tests: it does what lines on its stdin say and answers each with a
 * line "STATUS TOKEN FLAGS REASON". At the end of stdin it ends as it is.
 *
 *   lock NAME MS    try NAME    share NAME MS    permits N NAME MS
 *   unlock          renew       repaired         twice (unlocks twice)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>

static struct atoll_lock held;

static int get(struct atoll_call *call, const char *name, struct atoll_lock_options o, unsigned ms)
{
    o.size = sizeof(o);
    if (ms > 0) {
        atoll_call_set_timeout(call, ms * UINT64_C(1000000));
    }
    return atoll_lock_with(call, name, &o, &held);
}

static int obey(struct atoll_call *call, const char *line)
{
    char name[64] = "";
    unsigned ms = 0;
    unsigned n = 0;

    if (sscanf(line, "lock %63s %u", name, &ms) >= 1) {
        return get(call, name, (struct atoll_lock_options){0}, ms);
    }
    if (sscanf(line, "share %63s %u", name, &ms) >= 1) {
        return get(call, name, (struct atoll_lock_options){.flags = ATOLL_LOCK_SHARED}, ms);
    }
    if (sscanf(line, "permits %u %63s %u", &n, name, &ms) >= 2) {
        return get(call, name, (struct atoll_lock_options){.permits = n}, ms);
    }
    if (sscanf(line, "try %63s", name) == 1) {
        return get(call, name, (struct atoll_lock_options){.flags = ATOLL_LOCK_TRY}, 0);
    }
    if (strncmp(line, "unlock", 6) == 0) {
        return atoll_unlock(call, &held);
    }
    if (strncmp(line, "renew", 5) == 0) {
        return atoll_lock_renew(call, &held);
    }
    if (strncmp(line, "repaired", 8) == 0) {
        return atoll_lock_repaired(call, &held);
    }
    (void)atoll_unlock(call, &held);
    return atoll_unlock(call, &held);
}

int main(void)
{
    struct atoll_call *call = atoll_call_new();
    char line[256];

    while (call != NULL && fgets(line, sizeof(line), stdin) != NULL) {
        int status;

        atoll_call_reset(call);
        status = obey(call, line);
        printf("%d %llu %u %s\n", status, (unsigned long long)held.token, held.flags,
               atoll_call_reason(call));
        (void)fflush(stdout);
    }
    return call == NULL ? 1 : 0;
}
