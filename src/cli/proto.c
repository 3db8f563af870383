/* atoll proto: finds the command in a table and sees that flags and words are its own. */
#include "cli/proto.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"

#define ANY_WORDS AT_CLI_WORDS_MAX

static const char *const check_flags[] = {"proto-path", "except", "list", NULL};
static const char *const diff_flags[] = {"proto-path", "against", "except", "list", NULL};
static const char *const describe_flags[] = {"proto-path", NULL};
static const char *const decode_flags[] = {"proto-path", "input", "hex",      "base64",
                                           "text",       "mask",  "defaults", NULL};
static const char *const encode_flags[] = {"proto-path", "input", "hex", "base64", "text", NULL};

// clang-format off
static const struct at_proto_command commands[] = {
    {.name = "check", .usage = "[PATH...]", .flags = check_flags, .words_max = ANY_WORDS,
     .run = at_proto_check},
    {.name = "diff", .usage = "OLD [NEW]", .flags = diff_flags, .words_max = 2,
     .run = at_proto_diff},
    {.name = "describe", .usage = "[NAME] [PATH...]", .flags = describe_flags, .words_max = ANY_WORDS,
     .run = at_proto_describe},
    {.name = "decode", .usage = "[TYPE [PATH...]] <BYTES", .flags = decode_flags, .words_max = ANY_WORDS,
     .run = at_proto_decode},
    {.name = "encode", .usage = "TYPE [PATH...] <JSON", .flags = encode_flags, .words_min = 1,
     .words_max = ANY_WORDS, .run = at_proto_encode},
};
// clang-format on

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int say_usage(struct at_cli *cli, const struct at_proto_command *command)
{
    if (command == NULL) {
        (void)fputs("Try: atoll help proto\n", cli->err);
    } else {
        fprintf(cli->err, "Usage: atoll proto %s %s\nTry: atoll help proto\n", command->name,
                command->usage);
    }
    return AT_EXIT_USAGE;
}

static const struct at_proto_command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int unknown(struct at_cli *cli, const char *name)
{
    const char *names[COMMANDS];

    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    const char *near = at_text_nearest(at_bytes_of(name), names, COMMANDS);

    at_cli_fail(cli, AT_EXIT_USAGE, "there is no command \"proto %s\"%s%s%s", name,
                near == NULL ? "" : "; did you mean \"proto ", near == NULL ? "" : near,
                near == NULL ? "" : "\"?");
    return say_usage(cli, NULL);
}

void at_proto_add_names(struct at_text *out)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        at_text_addf(out, "%s%s", i == 0 ? "" : " ", commands[i].name);
    }
}

static bool takes(const struct at_proto_command *command, const struct at_cli_option *option)
{
    for (size_t i = 0; command->flags[i] != NULL; i++) {
        if (strcmp(command->flags[i], option->name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_proto(const struct at_cli *cli, const struct at_cli_option *option)
{
    for (const struct at_cli_option *o = cli->verb->options; o->name != NULL; o++) {
        if (o == option) {
            return true;
        }
    }
    return false;
}

static int check_flags_of(struct at_cli *cli, const struct at_proto_command *command)
{
    for (size_t i = 0; i < cli->given_count; i++) {
        const struct at_cli_option *option = cli->given[i].option;

        if (is_of_proto(cli, option) && !takes(command, option)) {
            at_cli_fail(cli, AT_EXIT_USAGE, "proto %s takes no --%s", command->name, option->name);
            return say_usage(cli, command);
        }
    }
    return 0;
}

int at_verb_proto(struct at_cli *cli)
{
    const struct at_proto_command *command = find(cli->words[0]);
    size_t count = cli->word_count - 1;
    int code;

    if (command == NULL) {
        return unknown(cli, cli->words[0]);
    }
    if (count < command->words_min) {
        at_cli_fail(cli, AT_EXIT_USAGE, "something is missing");
        return say_usage(cli, command);
    }
    if (count > command->words_max) {
        at_cli_fail(cli, AT_EXIT_USAGE, "\"%s\" is one word too many",
                    cli->words[1 + command->words_max]);
        return say_usage(cli, command);
    }
    code = check_flags_of(cli, command);
    return code != 0 ? code : command->run(cli, cli->words + 1, count);
}
