/* Breaking changes, by the cases of testdata/breaking.cases. */
#include "contract/breaking.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "breaking_cases.h"
#include "contract/cases_fixture.h"
#include "contract/finding.h"
#include "contract/set.h"

static struct at_arena arena;

static struct at_findings compare(struct at_bytes old, struct at_bytes now, unsigned against)
{
    struct at_set sets[2];
    struct at_findings out;
    struct at_breaking_options options = {.against = against};

    load_set(&arena, old, &sets[0]);
    load_set(&arena, now, &sets[1]);
    at_findings_init(&out, &arena);
    CHECK_INT(at_breaking(&sets[0], &sets[1], &options, &out), 0);
    return out;
}

/* Whom the label or else the note says it breaks. */
static unsigned breaks_of(const struct one_case *c, size_t part)
{
    static const char *const words[] = {"wire", "json", "source"};
    unsigned breaks = 0;

    for (unsigned i = 0; i < 3; i++) {
        breaks |= says(c->parts[part].label, words[i]) ? 1U << i : 0;
    }
    bool labelled = breaks != 0;

    for (unsigned i = 0; i < 3 && !labelled; i++) {
        breaks |= says(c->note, words[i]) ? 1U << i : 0;
    }
    return breaks;
}

static void check_breaks(const struct one_case *c, size_t part, const struct at_findings *list)
{
    size_t expected = says(c->parts[part].label, "2") ? 2 : 1;
    size_t of_rule = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct at_finding *f = &list->at[i];

        if (strcmp(f->rule->name, c->rule) == 0 && f->breaks == breaks_of(c, part)) {
            of_rule++;
        } else if (!says(c->note, f->rule->name)) {
            print_findings(list);
            at_test_fail(__FILE__, __LINE__, "%s, part %zu: found by %s", c->rule, part,
                         f->rule->name);
        }
    }
    if (of_rule != expected) {
        print_findings(list);
        at_test_fail(__FILE__, __LINE__, "%s, part %zu: %zu findings of it", c->rule, part,
                     of_rule);
    }
}

TEST(each_rule_finds_the_change_that_breaks_says_whom_and_lets_others_pass)
{
    struct at_reader r = at_reader_over(breaking_cases, breaking_cases_len);
    struct one_case c;

    while (next_case(&r, &c)) {
        CHECK_STR(c.parts[0].label, "old");
        for (size_t i = 1; i < c.part_count; i++) {
            struct at_findings list;

            at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
            list = compare(c.parts[0].set, c.parts[i].set, 0);
            if (strcmp(c.parts[i].label, "fine") != 0) {
                check_breaks(&c, i, &list);
            } else if (list.count > 0) {
                print_findings(&list);
                at_test_fail(__FILE__, __LINE__, "%s, part %zu: it breaks nobody", c.rule, i);
            }
            at_arena_deinit(&arena);
        }
    }
}

TEST(a_level_leaves_out_what_breaks_only_others)
{
    static const unsigned levels[] = {AT_BREAKS_WIRE, AT_BREAKS_WIRE | AT_BREAKS_JSON};
    struct at_reader r = at_reader_over(breaking_cases, breaking_cases_len);
    struct one_case c;

    while (next_case(&r, &c)) {
        for (size_t i = 1; i < c.part_count; i++) {
            for (size_t level = 0; level < 2; level++) {
                struct at_findings some;
                struct at_findings all;
                size_t expected = 0;

                at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
                some = compare(c.parts[0].set, c.parts[i].set, levels[level]);
                all = compare(c.parts[0].set, c.parts[i].set, 0);
                for (size_t k = 0; k < all.count; k++) {
                    expected += (all.at[k].breaks & levels[level]) != 0 ? 1 : 0;
                }
                CHECK_INT(some.count, expected);
                at_arena_deinit(&arena);
            }
        }
    }
}

TEST(nothing_breaks_when_nothing_has_changed)
{
    struct at_reader r = at_reader_over(breaking_cases, breaking_cases_len);
    struct one_case c;

    while (next_case(&r, &c)) {
        for (size_t i = 0; i < c.part_count; i++) {
            at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
            CHECK_INT(compare(c.parts[i].set, c.parts[i].set, 0).count, 0);
            at_arena_deinit(&arena);
        }
    }
}

TEST(every_rule_has_a_case_that_breaks_and_one_that_is_fine)
{
    const struct at_rule *rule;

    for (size_t i = 0; (rule = at_breaking_rule_at(i)) != NULL; i++) {
        struct at_reader r = at_reader_over(breaking_cases, breaking_cases_len);
        struct one_case c;
        bool breaks = false;
        bool fine = false;

        while (next_case(&r, &c)) {
            for (size_t k = 1; strcmp(c.rule, rule->name) == 0 && k < c.part_count; k++) {
                breaks = breaks || strncmp(c.parts[k].label, "breaks", 6) == 0;
                fine = fine || strcmp(c.parts[k].label, "fine") == 0;
            }
        }
        if (!breaks || !fine) {
            at_test_fail(__FILE__, __LINE__, "%s has no such case", rule->name);
        }
        CHECK(rule->name != NULL && rule->why != NULL && rule->advice != NULL);
        CHECK(rule->breaks != 0 && rule->breaks <= AT_BREAKS_ALL);
    }
}

/* The first case of that rule. */
static void find_case(const char *rule, struct one_case *c)
{
    struct at_reader r = at_reader_over(breaking_cases, breaking_cases_len);

    do {
        CHECK(next_case(&r, c));
    } while (strcmp(c->rule, rule) != 0);
}

TEST(a_finding_says_what_where_and_what_to_do)
{
    struct one_case c;
    struct at_findings list;

    find_case("FIELD_WIRE_COMPATIBLE_TYPE", &c);
    at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
    list = compare(c.parts[0].set, c.parts[1].set, 0);
    CHECK_INT(list.count, 1);
    CHECK_STR(list.at[0].subject, "field t.v1.A.a");
    CHECK_STR(list.at[0].what, "was int32 and is now sint32");
    CHECK_INT(list.at[0].line, 2);
    CHECK_INT(list.at[0].col, 13);
    CHECK(!list.at[0].in_old);
    at_arena_deinit(&arena);
}

TEST(what_is_gone_with_its_file_points_into_the_old_contracts)
{
    struct one_case c;
    struct at_findings list;

    find_case("FILE_NO_DELETE", &c);
    at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
    list = compare(c.parts[0].set, c.parts[1].set, 0);
    CHECK_INT(list.count, 1);
    CHECK(list.at[0].in_old);
    CHECK_INT(list.at[0].line, 1);
    at_arena_deinit(&arena);
}

TEST(a_change_of_the_package_is_one_finding_and_other_changes_are_found_behind_it)
{
    struct one_case c;
    struct at_findings list;

    find_case("FILE_SAME_PACKAGE", &c);
    at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
    list = compare(c.parts[1].set, c.parts[0].set, 0);
    CHECK_INT(list.count, 1);
    CHECK_STR(list.at[0].what, "the package was t.v2 and is now t.v1");
    at_arena_deinit(&arena);
}

TEST(rules_and_files_that_are_left_out_find_nothing)
{
    static const char *const except[] = {"FIELD_SAME_NAME", "FIELD_WIRE_COMPATIBLE_TYPE"};
    const bool given[64] = {false};
    struct one_case c;
    struct at_set sets[2];
    struct at_findings out;
    struct at_breaking_options options = {.except = except, .except_count = 2};

    find_case("FIELD_WIRE_COMPATIBLE_TYPE", &c);
    at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
    load_set(&arena, c.parts[0].set, &sets[0]);
    load_set(&arena, c.parts[1].set, &sets[1]);
    at_findings_init(&out, &arena);
    CHECK_INT(at_breaking(&sets[0], &sets[1], &options, &out), 0);
    CHECK_INT(out.count, 0);
    options = (struct at_breaking_options){.given = given};
    CHECK_INT(at_breaking(&sets[0], &sets[1], &options, &out), 0);
    CHECK_INT(out.count, 0);
    options.given = NULL;
    CHECK_INT(at_breaking(&sets[0], &sets[1], &options, &out), 0);
    CHECK_INT(out.count, 1);
    at_arena_deinit(&arena);
}

TEST(running_out_of_memory_is_an_error_and_leaks_nothing)
{
    struct one_case c;

    find_case("FIELD_SAME_ONEOF", &c);
    for (size_t limit = 64;; limit += 997) {
        struct at_breaking_options options = {.given = NULL};
        struct at_findings out;
        struct at_set sets[2];
        struct at_diag diag;
        int result;

        at_arena_init(&arena, 64, limit);
        at_findings_init(&out, &arena);
        result = at_set_load(&arena, c.parts[0].set, &sets[0], &diag);
        result = result == 0 ? at_set_load(&arena, c.parts[1].set, &sets[1], &diag) : result;
        result = result == 0 ? at_breaking(&sets[0], &sets[1], &options, &out) : result;
        at_arena_deinit(&arena);
        if (result == 0) {
            CHECK(out.count > 0);
            break;
        }
        CHECK_INT(result, -ENOMEM);
    }
}

TEST_MAIN("contract/breaking")
