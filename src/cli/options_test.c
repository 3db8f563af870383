#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/help.h"

struct line {
    struct at_cli cli;
    char *err;
    size_t err_len;
    int code;
};

/* Parses words[0..count) behind "atoll". */
static struct line *parse(char **words, int count)
{
    struct line *l = calloc(1, sizeof(*l));
    char *argv[32] = {(char *)(uintptr_t)"atoll"};

    unsetenv("ATOLL_FILE");
    for (int i = 0; i < count; i++) {
        argv[i + 1] = words[i];
    }
    l->cli.out = stdout;
    l->cli.err = open_memstream(&l->err, &l->err_len);
    l->code = at_cli_parse(&l->cli, count + 1, argv);
    fflush(l->cli.err);
    return l;
}

static void done(struct line *l)
{
    fclose(l->cli.err);
    free(l->err);
    free(l);
}

#define PARSE(...)                                                                                 \
    parse((char *[]){__VA_ARGS__}, (int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)))
#define W(s) ((char *)(uintptr_t)(s))

TEST(flags_may_stand_anywhere_and_in_every_common_form)
{
    struct line *l = PARSE(W("-fone.yaml"), W("--file=two.yaml"), W("logs"), W("-fn"), W("5"),
                           W("cart"), W("--since"), W("10m"), W("-q"));

    CHECK_INT(l->code, 0);
    CHECK_STR(l->cli.verb->name, "logs");
    CHECK(l->cli.file_count == 2);
    CHECK_STR(l->cli.files[0], "one.yaml");
    CHECK_STR(l->cli.files[1], "two.yaml");
    CHECK(at_cli_has(&l->cli, "follow"));
    CHECK_STR(at_cli_value(&l->cli, "tail"), "5");
    CHECK_STR(at_cli_value(&l->cli, "since"), "10m");
    CHECK(l->cli.quiet);
    CHECK(l->cli.word_count == 1);
    CHECK_STR(l->cli.words[0], "cart");
    done(l);
}

TEST(behind_two_hyphens_everything_is_a_word)
{
    struct line *l = PARSE(W("logs"), W("--"), W("-f"), W("--tail"));

    CHECK_INT(l->code, 0);
    CHECK(l->cli.word_count == 2);
    CHECK(!at_cli_has(&l->cli, "follow"));
    done(l);
}

TEST(a_single_hyphen_is_a_word)
{
    struct line *l = PARSE(W("call"), W("stock.GetItem"), W("-"));

    CHECK_INT(l->code, 0);
    CHECK_STR(l->cli.words[1], "-");
    done(l);
}

static void check_refused(struct line *l, const char *says)
{
    CHECK_INT(l->code, AT_EXIT_USAGE);
    ck_assert_msg(strstr(l->err, says) != NULL, "\"%s\" is not in: %s", says, l->err);
    done(l);
}

TEST(what_is_wrong_is_said_with_what_was_probably_meant)
{
    check_refused(PARSE(W("donw")), "there is no verb \"donw\"; did you mean \"down\"?");
    check_refused(PARSE(W("bogus")), "there is no verb \"bogus\"\n");
    check_refused(PARSE(W("logs"), W("--folow")),
                  "there is no flag --folow; did you mean --follow?");
    check_refused(PARSE(W("ps"), W("-Z")), "there is no flag -Z");
    check_refused(PARSE(W("logs"), W("--tail")), "--tail needs a value: --tail N");
    check_refused(PARSE(W("logs"), W("--follow=1")), "--follow takes no value");
    check_refused(PARSE(W("ps"), W("-o"), W("xml")),
                  "--output is one of table|json|jsonl, not \"xml\"");
    check_refused(PARSE(W("ps"), W("--timeout"), W("3")), "did you mean 3s?");
    check_refused(PARSE(W("down"), W("cart")), "\"cart\" is one word too many");
    check_refused(PARSE(W("completion")), "something is missing");
    check_refused(PARSE(W("completionbashzshfishcompletion")), "there is no verb");
}

TEST(without_a_verb_there_is_help_and_every_verb_has_its_own)
{
    struct line *l = parse(NULL, 0);

    CHECK_INT(l->code, 0);
    CHECK_STR(l->cli.verb->name, "help");
    done(l);
    l = PARSE(W("logs"), W("--help"));
    CHECK_STR(l->cli.verb->name, "help");
    CHECK_STR(l->cli.words[0], "logs");
    done(l);
    l = PARSE(W("--version"));
    CHECK_STR(l->cli.verb->name, "version");
    done(l);
}

TEST(a_variable_stands_in_for_a_flag_and_the_flag_wins)
{
    setenv("ATOLL_OUTPUT", "jsonl", 1);
    setenv("ATOLL_TIMEOUT", "2s", 1);
    struct line *l = PARSE(W("ps"));

    CHECK(l->cli.output == AT_OUTPUT_JSONL);
    CHECK(l->cli.timeout_ns == 2 * AT_SECOND_NS);
    done(l);
    l = PARSE(W("ps"), W("-o"), W("table"));
    CHECK(l->cli.output == AT_OUTPUT_TABLE);
    done(l);
    setenv("ATOLL_OUTPUT", "xml", 1);
    check_refused(PARSE(W("ps")), "--output is one of");
    unsetenv("ATOLL_OUTPUT");
    unsetenv("ATOLL_TIMEOUT");
}

static bool colours(bool tty, const char *no, const char *force, const char *flag)
{
    char *argv[] = {W("atoll"), W("ps"), W(flag)};
    struct at_cli cli = {.out = stdout, .err = stderr, .out_is_tty = tty};

    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    unsetenv("CLICOLOR_FORCE");
    if (no != NULL) {
        setenv("NO_COLOR", no, 1);
    }
    if (force != NULL) {
        setenv("CLICOLOR_FORCE", force, 1);
    }
    CHECK_INT(at_cli_parse(&cli, flag == NULL ? 2 : 3, argv), 0);
    return cli.out_colour;
}

TEST(colour_is_for_terminals_unless_somebody_decided)
{
    CHECK(colours(true, NULL, NULL, NULL));
    CHECK(!colours(false, NULL, NULL, NULL));
    CHECK(!colours(true, "1", NULL, NULL));
    CHECK(colours(true, "", NULL, NULL)); /* NO_COLOR counts when it is not empty */
    CHECK(!colours(true, NULL, NULL, "--no-color"));
    CHECK(colours(false, NULL, "1", NULL));
    CHECK(!colours(false, NULL, "0", NULL));
    CHECK(!colours(false, "1", "1", NULL));
}

TEST(every_verb_is_complete_and_documented)
{
    struct at_text man;

    at_text_init(&man);
    at_help_man(&man);
    CHECK(!man.failed);
    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL; v++) {
        struct at_text help;
        char section[128];

        CHECK(v->run != NULL && v->summary != NULL && v->usage != NULL && v->about != NULL);
        CHECK(v->options != NULL);
        at_text_init(&help);
        at_help_verb(&help, v, false);
        CHECK(!help.failed);
        for (const struct at_cli_option *o = v->options; o->name != NULL; o++) {
            CHECK(strstr(at_text_str(&help), o->name) != NULL);
            CHECK(o->what != NULL);
        }
        CHECK(strchr(at_text_str(&help), '\033') == NULL);
        snprintf(section, sizeof(section), ".SS \"atoll %s", v->name);
        CHECK(strstr(at_text_str(&man), section) != NULL);
        at_text_deinit(&help);
    }
    at_text_deinit(&man);
}

TEST(no_verb_has_two_flags_of_one_name_or_letter)
{
    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL; v++) {
        for (const struct at_cli_option *a = v->options; a->name != NULL; a++) {
            for (const struct at_cli_option *b = a + 1; b->name != NULL; b++) {
                CHECK(strcmp(a->name, b->name) != 0);
                CHECK(a->letter == '\0' || a->letter != b->letter);
            }
        }
    }
}

TEST_MAIN("cli/options")
