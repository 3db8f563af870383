/*
 * Contracts: any bytes are refused with a reason or give a set that every rule can look at. Nothing
 * breaks between a set and itself; what breaks the wire alone is a part of what breaks at all; and
 * everything found says what it is.
 *
 * The input is two sets: two bytes say how long the first one is (little-endian), the rest is the
 * second one.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "contract/breaking.h"
#include "contract/finding.h"
#include "contract/lint.h"
#include "contract/set.h"

enum { MEMORY_MAX = 256 << 20 };

static void expect(int holds)
{
    if (!holds) {
        abort();
    }
}

static int load(struct at_arena *arena, struct at_bytes bytes, struct at_set *set)
{
    struct at_diag diag = {.line = 0};
    int r = at_set_load(arena, bytes, set, &diag);

    expect(r == 0 || r == -ENOMEM || (r == AT_SET_MALFORMED && diag.what[0] != '\0'));
    return r;
}

static void are_whole(const struct at_findings *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct at_finding *f = &list->at[i];

        expect(f->rule != NULL && f->file != NULL && f->line >= 0 && f->col >= 0);
        expect(list->failed || (f->subject[0] != '\0' && f->what[0] != '\0'));
        expect(f->advice != NULL);
    }
}

static void lint(struct at_arena *arena, const struct at_set *set)
{
    struct at_lint_options options = {.given = NULL};
    struct at_findings once;
    struct at_findings twice;
    int r;

    at_findings_init(&once, arena);
    r = at_lint(set, &options, &once);
    expect(r == 0 || r == -ENOMEM);
    are_whole(&once);
    at_findings_init(&twice, arena);
    expect(at_lint(set, &options, &twice) == -ENOMEM || r != 0 || once.count == twice.count);
}

static size_t count_breaking(struct at_arena *arena, const struct at_set *old,
                             const struct at_set *now, unsigned against, int *ret)
{
    struct at_breaking_options options = {.against = against};
    struct at_findings found;

    at_findings_init(&found, arena);
    *ret = at_breaking(old, now, &options, &found);
    expect(*ret == 0 || *ret == -ENOMEM);
    are_whole(&found);
    for (size_t i = 0; i < found.count; i++) {
        expect(found.at[i].breaks != 0);
        expect(against == 0 || (found.at[i].breaks & against) != 0);
    }
    return found.more ? SIZE_MAX : found.count;
}

static void compare(struct at_arena *arena, const struct at_set *old, const struct at_set *now)
{
    int r[4];
    size_t itself = count_breaking(arena, old, old, 0, &r[0]);
    size_t all = count_breaking(arena, old, now, 0, &r[1]);
    size_t wire = count_breaking(arena, old, now, AT_BREAKS_WIRE, &r[2]);
    size_t json = count_breaking(arena, old, now, AT_BREAKS_WIRE | AT_BREAKS_JSON, &r[3]);

    expect(r[0] != 0 || itself == 0);
    if (r[1] == 0 && r[2] == 0 && r[3] == 0) {
        expect(wire <= json && json <= all);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_bytes all = at_bytes_over(data, size);
    size_t first = size < 2 ? 0 : (size_t)(data[0] | data[1] << 8);
    struct at_arena arena;
    struct at_set old;
    struct at_set now;

    all = at_bytes_after(all, 2);
    at_arena_init(&arena, 4096, MEMORY_MAX);
    if (load(&arena, at_bytes_before(all, first), &old) == 0) {
        lint(&arena, &old);
        if (load(&arena, at_bytes_after(all, first), &now) == 0) {
            compare(&arena, &old, &now);
            compare(&arena, &now, &old);
        }
    }
    at_arena_deinit(&arena);
    return 0;
}
