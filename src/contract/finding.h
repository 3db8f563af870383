/*
 * What lint and the comparison of contracts have to say: a rule, a place, and sentences.
 *
 * Findings and all their texts are in the arena of their list. The list grows; running out of
 * memory makes it `failed`, which its owner asks once at the end.
 */
#ifndef AT_CONTRACT_FINDING_H
#define AT_CONTRACT_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/set.h"

/* Whom a change breaks. */
enum at_breaks {
    AT_BREAKS_WIRE = 1,   /* peers that speak the binary encoding or call the methods */
    AT_BREAKS_JSON = 2,   /* clients that speak JSON or REST */
    AT_BREAKS_SOURCE = 4, /* programs that are built from the contract */
    AT_BREAKS_ALL = 7,
};

/* A rule as users know it. Names are a promise: they stand in comments and scripts. */
struct at_rule {
    const char *name;   /* "FIELD_LOWER_SNAKE_CASE" */
    const char *why;    /* a sentence: what goes wrong otherwise */
    const char *advice; /* a sentence: what to do; a finding may have a better one */
    unsigned breaks;    /* enum at_breaks; 0 for lint */
};

struct at_finding {
    const struct at_rule *rule;
    unsigned breaks; /* enum at_breaks; 0 for lint */
    const struct at_set_file *file;
    bool in_old;         /* file is one of the old set: nothing is left of it in the new one */
    int line;            /* from 1; 0: the set does not tell */
    int col;             /* from 1 */
    const char *subject; /* "field shop.stock.v1.Item.count" */
    const char *what;    /* "was int32 and is now string" */
    const char *advice;  /* what to write instead */
};

struct at_findings {
    struct at_arena *arena;
    struct at_finding *at;
    size_t count;
    size_t cap;
    bool failed; /* out of memory: what is there is not all */
    bool more;   /* there were more than AT_FINDINGS_MAX */
};

void at_findings_init(struct at_findings *list, struct at_arena *arena);
/* A new finding of the rule; NULL when failed or full. The caller fills in the rest. */
struct at_finding *at_findings_add(struct at_findings *list, const struct at_rule *rule);
/* By file, line and column; of one place by what they are about and the rule. */
void at_findings_sort(struct at_findings *list);
/* The place of a path: its own, or that of the nearest thing around it that has one. */
void at_finding_place(struct at_finding *finding, const struct at_set_file *file,
                      const struct at_set_path *path);
/* printf into the arena; "" and failed when there is no memory. */
const char *at_findings_text(struct at_findings *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Is the rule named among them? */
bool at_rule_is_among(const struct at_rule *rule, const char *const *names, size_t count);

#endif
