#include "contract/finding.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/limits.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

enum { FIRST_CAP = 64, TEXT_MAX = 2048 };

void at_findings_init(struct at_findings *list, struct at_arena *arena)
{
    *list = (struct at_findings){.arena = arena};
}

/* Into a list of twice the size; the old one stays in the arena: at most as much again. */
static bool grow(struct at_findings *list)
{
    size_t cap = list->cap == 0 ? FIRST_CAP : 2 * list->cap;
    struct at_finding *at = at_arena_zalloc(list->arena, cap, sizeof(*at));

    if (at == NULL) {
        return false;
    }
    if (list->count > 0) {
        memcpy(at, list->at, list->count * sizeof(*at));
    }
    list->at = at;
    list->cap = cap;
    return true;
}

struct at_finding *at_findings_add(struct at_findings *list, const struct at_rule *rule)
{
    if (list->count == AT_FINDINGS_MAX) {
        list->more = true;
        return NULL;
    }
    if (list->count == list->cap && !grow(list)) {
        list->failed = true;
        return NULL;
    }
    list->at[list->count] = (struct at_finding){
        .rule = rule,
        .breaks = rule->breaks,
        .subject = "",
        .what = "",
        .advice = rule->advice,
    };
    return &list->at[list->count++];
}

static int by_place(const void *a, const void *b)
{
    const struct at_finding *one = a;
    const struct at_finding *two = b;
    int r = at_bytes_compare(at_set_bytes(one->file->proto->name),
                             at_set_bytes(two->file->proto->name));

    if (r == 0) {
        r = (one->line > two->line) - (one->line < two->line);
    }
    if (r == 0) {
        r = (one->col > two->col) - (one->col < two->col);
    }
    if (r == 0) { /* texts decide, so that the order is always the same */
        r = strcmp(one->subject, two->subject);
    }
    if (r == 0) {
        r = strcmp(one->rule->name, two->rule->name);
    }
    return r == 0 ? strcmp(one->what, two->what) : r;
}

void at_findings_sort(struct at_findings *list)
{
    if (list->count > 1) {
        qsort(list->at, list->count, sizeof(*list->at), by_place);
    }
}

static bool take_place(struct at_finding *finding,
                       const struct google_protobuf_SourceCodeInfo_Location *where)
{
    if (where == NULL || where->span.count < 3 || where->span.at[0] < 0 || where->span.at[1] < 0 ||
        where->span.at[0] == INT32_MAX || where->span.at[1] == INT32_MAX) {
        return false;
    }
    finding->line = where->span.at[0] + 1;
    finding->col = where->span.at[1] + 1;
    return true;
}

void at_finding_place(struct at_finding *finding, const struct at_set_file *file,
                      const struct at_set_path *path)
{
    struct at_set_path up = *path;

    finding->file = file;
    while (!take_place(finding, at_set_location_of(file, &up)) && up.len > 0) {
        up.len -= up.len % 2 == 0 ? 2 : 1;
    }
}

const char *at_findings_text(struct at_findings *list, const char *format, ...)
{
    char text[TEXT_MAX];
    const char *copy;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    copy = at_arena_copy(list->arena, at_bytes_of(text));
    if (copy == NULL) {
        list->failed = true;
        return "";
    }
    return copy;
}

bool at_rule_is_among(const struct at_rule *rule, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rule->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}
