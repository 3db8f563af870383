/* Lists of findings: their order, their places and their limits. */
#include "contract/finding.h"

#include <stdio.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "contract/limits.h"
#include "contract/rich_fixture.h"

static const struct at_rule rule = {"A_RULE", "why", "advice", AT_BREAKS_JSON};

TEST(findings_are_ordered_by_file_line_and_column_and_always_the_same)
{
    static const struct google_protobuf_FileDescriptorProto protos[] = {{.name = {"b.proto", 7}},
                                                                        {.name = {"a.proto", 7}}};
    static const struct at_set_file files[] = {{.proto = &protos[0]}, {.proto = &protos[1]}};
    static const struct {
        int file;
        int line;
        int col;
        const char *what;
    } rows[] = {{0, 1, 1, "5"}, {1, 9, 2, "3"}, {1, 9, 10, "4"}, {1, 2, 50, "1"}, {1, 2, 50, "2"}};
    struct at_arena arena;
    struct at_findings list;

    at_arena_init(&arena, 64, 1 << 20);
    at_findings_init(&list, &arena);
    at_findings_sort(&list); /* of nothing */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct at_finding *f = at_findings_add(&list, &rule);

        CHECK(f != NULL && f->breaks == AT_BREAKS_JSON);
        CHECK_STR(f->advice, "advice");
        f->file = &files[rows[i].file];
        f->line = rows[i].line;
        f->col = rows[i].col;
        f->what = rows[i].what;
    }
    at_findings_sort(&list);
    for (size_t i = 0; i < list.count; i++) {
        char want[24];

        snprintf(want, sizeof(want), "%zu", i + 1);
        CHECK_STR(list.at[i].what, want);
    }
    at_arena_deinit(&arena);
}

TEST(more_findings_than_the_limit_are_left_out_and_it_is_known)
{
    struct at_arena arena;
    struct at_findings list;

    at_arena_init(&arena, 4096, 1 << 28);
    at_findings_init(&list, &arena);
    for (int i = 0; i < AT_FINDINGS_MAX; i++) {
        CHECK(at_findings_add(&list, &rule) != NULL);
    }
    CHECK(!list.more);
    CHECK(at_findings_add(&list, &rule) == NULL);
    CHECK(list.more && !list.failed && list.count == AT_FINDINGS_MAX);
    at_arena_deinit(&arena);
}

TEST(without_memory_the_list_says_that_it_is_not_whole)
{
    struct at_arena arena;
    struct at_findings list;

    at_arena_init(&arena, 64, 0);
    at_findings_init(&list, &arena);
    CHECK(at_findings_add(&list, &rule) == NULL);
    CHECK(list.failed && !list.more);
    CHECK_STR(at_findings_text(&list, "%d", 7), "");
    at_arena_deinit(&arena);
}

TEST(what_has_no_place_of_its_own_takes_that_of_what_is_around_it)
{
    struct rich rich;
    const struct at_set_symbol *s = NULL;
    struct at_finding own = {.line = 0};
    struct at_finding around = {.line = 0};
    struct at_finding nowhere = {.line = 0};
    struct at_set_path path;
    struct at_set_file bare;

    rich_load(&rich);
    for (size_t i = 0; s == NULL || s->parent == NULL || at_set_is_map_entry(s); i++) {
        s = &rich.set.symbols[i];
    }
    at_set_path_of(s, &path);
    at_finding_place(&own, s->file, &path);
    CHECK(own.line > 1 && own.col > 1 && own.file == s->file);
    at_set_path_add(&path, 2, 9999);
    at_finding_place(&around, s->file, &path);
    CHECK(around.line == own.line && around.col == own.col);
    bare = *s->file;
    bare.location_count = 0;
    at_finding_place(&nowhere, &bare, &path);
    CHECK(nowhere.line == 0 && nowhere.col == 0 && nowhere.file == &bare);
    at_arena_deinit(&rich.arena);
}

TEST_MAIN("contract/finding")
