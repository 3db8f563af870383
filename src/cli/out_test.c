#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/text.h"
#include "cli/cli.h"

static const struct at_column columns[] = {
    {.title = "NAME", .field = "name"}, {.title = "PID", .field = "pid", .right = true},
    {.title = NULL, .field = "hidden"}, {.title = "MEM", .field = "memory_bytes", .right = true},
    {.title = "OK", .field = "ok"},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void fill(struct at_table *t)
{
    at_table_init(t, columns, COLUMNS);
    at_table_text(t, "cart.1");
    at_table_colour(t, "32");
    at_table_u64(t, 812, NULL);
    at_table_text(t, "x\"y");
    at_table_u64(t, 3250585, "3.1M");
    at_table_bool(t, true);
    at_table_text(t, "st\xc3\xb6"
                     "ck\033");
    at_table_null(t);
    at_table_text(t, "");
    at_table_null(t);
    at_table_bool(t, false);
}

TEST(a_table_is_aligned_by_characters_and_safe)
{
    struct at_table t;
    struct at_text text;

    at_text_init(&text);
    fill(&t);
    at_table_render(&t, false, &text);
    CHECK_STR(at_text_str(&text), "NAME       PID   MEM  OK\n"
                                  "cart.1     812  3.1M  yes\n"
                                  "st\xc3\xb6"
                                  "ck\\x1b    -     -  no\n");
    at_text_deinit(&text);
    at_table_deinit(&t);
}

TEST(colour_changes_nothing_but_colour)
{
    struct at_table t;
    struct at_text text;

    at_text_init(&text);
    fill(&t);
    at_table_render(&t, true, &text);
    CHECK(strstr(at_text_str(&text), "\033[32mcart.1") != NULL);
    at_text_deinit(&text);
    at_table_deinit(&t);
}

static char *print(enum at_cli_output output)
{
    struct at_cli cli = {.output = output, .err = stderr};
    struct at_table t;
    char *out = NULL;
    size_t len;

    cli.out = open_memstream(&out, &len);
    fill(&t);
    CHECK_INT(at_table_print(&t, &cli), AT_EXIT_OK);
    fclose(cli.out);
    at_table_deinit(&t);
    return out;
}

TEST(json_is_one_array_with_numbers_as_numbers)
{
    char *out = print(AT_OUTPUT_JSON);

    CHECK(strstr(out, "[{\"name\":\"cart.1\",\"pid\":812,\"hidden\":\"x\\\"y\","
                      "\"memory_bytes\":3250585,\"ok\":true},{") == out);
    CHECK(strstr(out, "\"pid\":null,\"hidden\":\"\",\"memory_bytes\":null,\"ok\":false}]\n") !=
          NULL);
    free(out);
}

TEST(jsonl_is_one_object_a_line)
{
    char *out = print(AT_OUTPUT_JSONL);
    size_t lines = 0;

    for (const char *c = out; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    CHECK(lines == 2);
    CHECK(out[0] == '{');
    free(out);
}

TEST(a_table_without_rows_is_an_empty_array)
{
    struct at_cli cli = {.output = AT_OUTPUT_JSON, .err = stderr};
    struct at_table t;
    char *out = NULL;
    size_t len;

    cli.out = open_memstream(&out, &len);
    at_table_init(&t, columns, COLUMNS);
    CHECK_INT(at_table_print(&t, &cli), AT_EXIT_OK);
    fclose(cli.out);
    CHECK_STR(out, "[]\n");
    free(out);
    at_table_deinit(&t);
}

TEST(a_list_is_an_array_of_its_lines)
{
    static const struct at_column one[] = {{.title = NULL, .field = "walls"}};
    struct at_cli cli = {.output = AT_OUTPUT_JSONL, .err = stderr};
    struct at_table t;
    char *out = NULL;
    size_t len;

    cli.out = open_memstream(&out, &len);
    at_table_init(&t, one, 1);
    at_table_list(&t, at_bytes_of("no cgroup\nno \"wall\"\n"));
    at_table_list(&t, at_bytes_of(""));
    CHECK_INT(at_table_print(&t, &cli), AT_EXIT_OK);
    fclose(cli.out);
    CHECK_STR(out, "{\"walls\":[\"no cgroup\",\"no \\\"wall\\\"\"]}\n{\"walls\":[]}\n");
    free(out);
    at_table_deinit(&t);
}

TEST(without_memory_a_table_says_so)
{
    WITH_EACH_ALLOCATION_FAILING({
        struct at_table t;
        struct at_text text;

        at_text_init(&text);
        fill(&t);
        at_table_render(&t, false, &text);
        CHECK(text.failed == allocation_failed());
        at_text_deinit(&text);
        at_table_deinit(&t);
    });
}

TEST_MAIN("cli/out")
