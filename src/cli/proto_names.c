#include "cli/proto_names.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/contracts.h"
#include "contract/set.h"

enum { SHOWN_MAX = 16, NEAREST_MAX = 3 };

static bool is_path(const char *word)
{
    static const char *const ends[] = {".proto",    ".pb",   ".binpb", ".desc",
                                       ".protoset", ".yaml", ".yml"};
    size_t len = strlen(word);
    struct stat st;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);

        if (len > end && strcmp(word + len - end, ends[i]) == 0) {
            return true;
        }
    }
    return stat(word, &st) == 0;
}

/* "pkg.Service/Method", as gRPC also with a slash in front; nothing that only paths have. */
static bool could_be_name(const char *word)
{
    size_t slashes = 0;

    word += *word == '/' && strchr(word + 1, '/') != NULL;
    for (const char *c = word; *c != '\0'; c++) {
        slashes += *c == '/';
        if (*c != '/' && *c != '.' && *c != '_' && !(*c >= '0' && *c <= '9') &&
            !((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z')) {
            return false;
        }
    }
    return slashes <= 1 && word[0] != '/' && strstr(word, "./") == NULL &&
           strstr(word, "..") == NULL;
}

int at_proto_split(struct at_cli *cli, const char *const *words, size_t count,
                   struct at_proto_words *ret)
{
    *ret = (struct at_proto_words){.name = NULL};
    for (size_t i = 0; i < count; i++) {
        if (is_path(words[i]) || !could_be_name(words[i])) {
            ret->paths[ret->path_count++] = words[i];
        } else if (ret->name == NULL) {
            ret->name = words[i] + (words[i][0] == '/');
        } else {
            return at_cli_fail(cli, AT_EXIT_USAGE,
                               "\"%s\" and \"%s\" are two names, and no files of these names exist",
                               ret->name, words[i]);
        }
    }
    return 0;
}

static bool counts(const struct at_set_symbol *s, bool messages)
{
    return s->kind == AT_SET_MESSAGE ? !at_set_is_map_entry(s) : !messages;
}

static bool ends_with_name(const char *full_name, const char *name)
{
    size_t len = strlen(full_name);
    size_t end = strlen(name);

    return len > end && full_name[len - end - 1] == '.' && strcmp(full_name + len - end, name) == 0;
}

static int say_many(struct at_cli *cli, const char *name, const struct at_set_symbol *const *found,
                    size_t n)
{
    int code = at_cli_fail(cli, AT_EXIT_UNKNOWN, "\"%s\" may be any of these; say which:", name);

    for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
        struct at_cli_problem problem = {.line = 0};

        (void)snprintf(problem.message, sizeof(problem.message), "%s", found[i]->full_name);
        at_cli_note(cli, &problem);
        fprintf(cli->err, "  %s\n", found[i]->full_name);
    }
    if (n > SHOWN_MAX) {
        fprintf(cli->err, "  and %zu more\n", n - SHOWN_MAX);
    }
    return code;
}

/* The full names that count and their last parts, for "did you mean". NULL: no memory. */
static const char **all_names(const struct at_contracts *c, bool messages, size_t *ret)
{
    const char **names = malloc((2 * c->set.symbol_count + 1) * sizeof(*names));
    size_t n = 0;

    for (size_t i = 0; names != NULL && i < c->set.symbol_count; i++) {
        const struct at_set_symbol *s = &c->set.symbols[i];
        const char *last = strrchr(s->full_name, '.');

        if (counts(s, messages)) {
            names[n++] = s->full_name;
            names[n++] = last == NULL ? s->full_name : last + 1;
        }
    }
    *ret = n;
    return names;
}

/* "; did you mean CartItem?": what is a letter or two away, else what has the word in its name. */
static void add_nearest(const struct at_contracts *c, const char *name, bool messages,
                        struct at_text *out)
{
    size_t count = 0;
    const char **names = all_names(c, messages, &count);
    const char *near = names == NULL ? NULL : at_text_nearest(at_bytes_of(name), names, count);
    const char *last = strrchr(name, '.');
    size_t told = 0;

    last = last == NULL ? name : last + 1;
    if (near != NULL) {
        at_text_addf(out, "; did you mean %s?", near);
    }
    for (size_t i = 0; near == NULL && i + 1 < count && told < NEAREST_MAX; i += 2) {
        if (last[0] != '\0' && strcasestr(names[i + 1], last) != NULL) {
            at_text_addf(out, "%s%s", told++ == 0 ? "; did you mean " : " or ", names[i]);
        }
    }
    at_text_add_str(out, told > 0 ? "?" : "");
    free(names);
}

int at_proto_say_unknown(struct at_cli *cli, const struct at_contracts *c, const char *name,
                         bool messages)
{
    struct at_text nearest;
    int code;

    at_text_init(&nearest);
    add_nearest(c, name, messages, &nearest);
    code = at_cli_fail(
        cli, AT_EXIT_UNKNOWN, "the contracts have no %s \"%s\"%s\n  See: atoll proto describe",
        messages ? "message" : "type, service or method", name, at_text_str(&nearest));
    at_text_deinit(&nearest);
    return code;
}

const struct at_set_symbol *at_proto_find(struct at_cli *cli, const struct at_contracts *c,
                                          const char *name, bool messages, int *ret_code)
{
    const struct at_set_symbol *found[SHOWN_MAX];
    const struct at_set_symbol *exact = at_set_find(&c->set, at_bytes_of(name));
    size_t n = 0;

    if (exact != NULL && counts(exact, messages)) {
        return exact;
    }
    for (size_t i = 0; i < c->set.symbol_count; i++) {
        const struct at_set_symbol *s = &c->set.symbols[i];

        if (counts(s, messages) && ends_with_name(s->full_name, name)) {
            if (n < SHOWN_MAX) {
                found[n] = s;
            }
            n++;
        }
    }
    if (n == 1) {
        return found[0];
    }
    *ret_code = n > 1           ? say_many(cli, name, found, n)
                : exact != NULL ? at_cli_fail(cli, AT_EXIT_UNKNOWN, "%s is no message", name)
                                : at_proto_say_unknown(cli, c, name, messages);
    return NULL;
}
