/* Lint, by the cases of testdata/lint.cases. */
#include "contract/lint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "contract/cases_fixture.h"
#include "contract/finding.h"
#include "contract/set.h"
#include "lint_cases.h"

static struct at_arena arena;

static struct at_findings lint(struct at_bytes bytes, const char *const *except, size_t count)
{
    struct at_set set;
    struct at_findings out;
    struct at_lint_options options = {.except = except, .except_count = count};

    load_set(&arena, bytes, &set);
    at_findings_init(&out, &arena);
    CHECK_INT(at_lint(&set, &options, &out), 0);
    return out;
}

static void check_wrong(const struct one_case *c, size_t part, const struct at_findings *list)
{
    const char *label = c->parts[part].label;
    size_t of_rule = 0;
    int line = 0;
    int col = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->at[i].rule->name, c->rule) == 0) {
            if (of_rule++ == 0) {
                line = list->at[i].line;
                col = list->at[i].col;
            }
        } else if (!says(c->note, list->at[i].rule->name)) {
            print_findings(list);
            at_test_fail(__FILE__, __LINE__, "%s, part %zu: found by %s", c->rule, part,
                         list->at[i].rule->name);
        }
    }
    if (of_rule == 0) {
        print_findings(list);
        at_test_fail(__FILE__, __LINE__, "%s, part %zu: nothing found", c->rule, part);
    }
    if (strchr(label, ':') != NULL) {
        char want[64];

        snprintf(want, sizeof(want), "wrong %d:%d", line, col);
        CHECK_STR(want, label);
    }
}

static void check_fine(const struct one_case *c, size_t part, const struct at_findings *list)
{
    if (list->count > 0) {
        print_findings(list);
        at_test_fail(__FILE__, __LINE__, "%s, part %zu: it is fine, and something is found",
                     c->rule, part);
    }
}

TEST(each_rule_finds_what_is_wrong_by_it_and_nothing_in_what_is_fine)
{
    struct at_reader r = at_reader_over(lint_cases, lint_cases_len);
    struct one_case c;

    while (next_case(&r, &c)) {
        for (size_t i = 0; i < c.part_count; i++) {
            struct at_findings list;

            at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
            list = lint(c.parts[i].set, NULL, 0);
            if (strcmp(c.parts[i].label, "fine") == 0) {
                check_fine(&c, i, &list);
            } else {
                check_wrong(&c, i, &list);
            }
            at_arena_deinit(&arena);
        }
    }
}

TEST(a_rule_that_is_excepted_finds_nothing)
{
    struct at_reader r = at_reader_over(lint_cases, lint_cases_len);
    struct one_case c;

    while (next_case(&r, &c)) {
        const char *except[] = {c.rule};

        for (size_t i = 0; i < c.part_count; i++) {
            struct at_findings list;

            at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
            list = lint(c.parts[i].set, except, 1);
            for (size_t k = 0; k < list.count; k++) {
                CHECK(strcmp(list.at[k].rule->name, c.rule) != 0);
            }
            at_arena_deinit(&arena);
        }
    }
}

TEST(every_rule_has_a_case_that_is_wrong_and_one_that_is_fine)
{
    const struct at_rule *rule;

    for (size_t i = 0; (rule = at_lint_rule_at(i)) != NULL; i++) {
        struct at_reader r = at_reader_over(lint_cases, lint_cases_len);
        struct one_case c;
        bool wrong = false;
        bool fine = false;

        while (next_case(&r, &c)) {
            for (size_t k = 0; strcmp(c.rule, rule->name) == 0 && k < c.part_count; k++) {
                wrong = wrong || strncmp(c.parts[k].label, "wrong", 5) == 0;
                fine = fine || strcmp(c.parts[k].label, "fine") == 0;
            }
        }
        if (!wrong || !fine) {
            at_test_fail(__FILE__, __LINE__, "%s has no such case", rule->name);
        }
        CHECK(rule->why != NULL && rule->why[0] != '\0');
        CHECK(rule->advice != NULL && rule->advice[0] != '\0');
    }
}

TEST(running_out_of_memory_is_an_error_and_leaks_nothing)
{
    struct at_reader r = at_reader_over(lint_cases, lint_cases_len);
    struct one_case c;

    for (size_t n = 0; n < 5; n++) {
        CHECK(next_case(&r, &c));
    }
    for (size_t limit = 64;; limit += 997) {
        struct at_lint_options options = {.given = NULL};
        struct at_findings out;
        struct at_set set;
        struct at_diag diag;
        int result;

        at_arena_init(&arena, 64, limit);
        at_findings_init(&out, &arena);
        result = at_set_load(&arena, c.parts[0].set, &set, &diag);
        result = result == 0 ? at_lint(&set, &options, &out) : result;
        at_arena_deinit(&arena);
        if (result == 0) {
            break;
        }
        CHECK_INT(result, -ENOMEM);
    }
}

TEST_MAIN("contract/lint")
