/* Reading what testdata/make_cases.py made: contracts, and the rules that they are cases of. */
#ifndef AT_CONTRACT_CASES_FIXTURE_H
#define AT_CONTRACT_CASES_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "contract/finding.h"
#include "contract/limits.h"
#include "contract/set.h"

enum { CASE_PARTS_MAX = 16, CASE_BYTES_MAX = 1 << 20, CASE_TEXT_MAX = 256 };

struct one_case {
    char rule[CASE_TEXT_MAX];
    char note[CASE_TEXT_MAX]; /* "wire json also OTHER_RULE" */
    struct {
        char label[CASE_TEXT_MAX]; /* "old", "breaks source", "wrong 3:5", "fine" */
        struct at_bytes set;
    } parts[CASE_PARTS_MAX];
    size_t part_count;
};

static void take_text(struct at_reader *r, char *out)
{
    struct at_bytes b = at_read_sized(r, CASE_TEXT_MAX - 1);

    memcpy(out, b.len == 0 ? (const uint8_t *)"" : b.at, b.len);
    out[b.len] = '\0';
}

static bool next_case(struct at_reader *r, struct one_case *c)
{
    if (at_reader_left(r) == 0) {
        return false;
    }
    c->part_count = 0;
    take_text(r, c->rule);
    take_text(r, c->note);
    for (;;) {
        char label[CASE_TEXT_MAX];

        take_text(r, label);
        CHECK(!r->failed);
        if (label[0] == '\0') {
            return true;
        }
        CHECK(c->part_count < CASE_PARTS_MAX);
        memcpy(c->parts[c->part_count].label, label, sizeof(label));
        c->parts[c->part_count++].set = at_read_sized(r, CASE_BYTES_MAX);
    }
}

/* Is the word in the text, between blanks? */
static bool says(const char *text, const char *word)
{
    struct at_bytes rest = at_bytes_of(text);
    struct at_bytes piece;

    while (at_bytes_cut(&rest, ' ', &piece)) {
        if (at_bytes_equal(piece, at_bytes_of(word))) {
            return true;
        }
    }
    return false;
}

static void load_set(struct at_arena *arena, struct at_bytes bytes, struct at_set *set)
{
    struct at_diag diag = {.line = 0};
    int r = at_set_load(arena, bytes, set, &diag);

    if (r != 0) {
        at_test_fail(__FILE__, __LINE__, "the set is not taken: %d %s", r, diag.what);
    }
}

/* For messages of failed checks. */
static void print_findings(const struct at_findings *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct at_finding *f = &list->at[i];

        (void)fprintf(stderr, "  %.*s:%d:%d: %s: %s (%s, breaks %u); %s\n",
                      (int)f->file->proto->name.len, f->file->proto->name.at, f->line, f->col,
                      f->subject, f->what, f->rule->name, f->breaks, f->advice);
    }
}

#endif
