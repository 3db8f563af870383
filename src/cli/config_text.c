/* .env files and command lines. */
#include "cli/config_text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_limits.h"
#include "plan/plan.h"

struct lines {
    struct at_arena *arena;
    const struct at_config_vars *vars;
    struct at_config_errors *errors;
    struct at_map *values;
    struct at_bytes in;
    size_t i;
    size_t line_start;
    struct at_config_place place; /* line is kept up to date */
    size_t count;
};

static int at(const struct lines *l)
{
    return l->i < l->in.len ? l->in.at[l->i] : -1;
}

static void skip_blanks(struct lines *l)
{
    while (at(l) == ' ' || at(l) == '\t' || at(l) == '\r') {
        l->i++;
    }
}

static void skip_line(struct lines *l)
{
    while (at(l) >= 0 && at(l) != '\n') {
        l->i++;
    }
}

static struct at_config_place here(struct lines *l)
{
    l->place.col = (int)(l->i - l->line_start) + 1;
    return l->place;
}

static void new_line(struct lines *l)
{
    l->i++;
    l->line_start = l->i;
    l->place.line++;
}

static int complain(struct lines *l, const char *message, const char *hint)
{
    at_config_hint(l->errors,
                   at_config_say(l->errors, AT_CONFIG_SYNTAX, here(l), "", "%s", message), "%s",
                   hint);
    skip_line(l);
    return 0; /* the next line may hold the next mistake */
}

/* Up to the closing quote, which is stepped over; false when there is none. */
static bool cut_quoted(struct lines *l, char quote, struct at_text *raw)
{
    l->i++;
    while (at(l) >= 0 && at(l) != quote) {
        if (at(l) == '\\' && quote == '"' && l->i + 1 < l->in.len) {
            static const char from[] = "nrt\"\\";
            static const char to[] = "\n\r\t\"\\";
            const char *found = memchr(from, l->in.at[l->i + 1], sizeof(from) - 1);

            if (found != NULL) {
                at_text_add_char(raw, to[found - from]);
            } else if (l->in.at[l->i + 1] == '$') {
                at_text_add_str(raw, "$$");
            } else {
                at_text_add(raw, at_bytes_over(l->in.at + l->i, 2));
            }
            l->i += 2;
            continue;
        }
        if (quote == '\'' && at(l) == '$') {
            at_text_add_char(raw, '$'); /* literal: survives the filling in */
        }
        at_text_add_char(raw, (char)at(l));
        if (at(l) == '\n') {
            new_line(l);
        } else {
            l->i++;
        }
    }
    if (at(l) != quote) {
        return false;
    }
    l->i++;
    return true;
}

/* Up to the end of the line or " #". */
static void cut_bare(struct lines *l, struct at_text *raw)
{
    size_t start = l->i;

    while (at(l) >= 0 && at(l) != '\n' &&
           !(at(l) == '#' && (l->i == start || strchr(" \t", l->in.at[l->i - 1]) != NULL))) {
        l->i++;
    }
    at_text_add(raw, at_bytes_trim(at_bytes_over(l->in.at + start, l->i - start)));
    while (raw->len > 0 && raw->at[raw->len - 1] == '\r') {
        raw->at[--raw->len] = '\0';
    }
    skip_line(l);
}

static int keep_value(struct lines *l, struct at_bytes name, struct at_bytes value)
{
    const char *copy = at_arena_copy(l->arena, value);

    if (copy == NULL) {
        return -ENOMEM;
    }
    if (++l->count > AT_CONFIG_VARIABLES_MAX) {
        (void)at_config_say(l->errors, AT_CONFIG_LIMIT, here(l), "", "more than %d variables",
                            AT_CONFIG_VARIABLES_MAX);
        return AT_CONFIG_WRONG;
    }
    return at_map_put(l->values, name, (void *)(uintptr_t)copy);
}

static int fill_in(struct lines *l, struct at_bytes name, struct at_bytes raw,
                   struct at_config_place place)
{
    struct at_text value;
    int r;

    at_text_init(&value);
    r = at_config_interpolate(l->vars, raw, place, l->errors, &value);
    if (r == 0) {
        r = keep_value(l, name, at_text_bytes(&value));
    }
    at_text_deinit(&value);
    return r == AT_CONFIG_WRONG ? 0 : r;
}

static int read_value(struct lines *l, struct at_bytes name)
{
    struct at_config_place place = here(l);
    struct at_text raw;
    int r = 0;

    at_text_init(&raw);
    if (at(l) == '\'' || at(l) == '"') {
        char quote = (char)at(l);

        if (!cut_quoted(l, quote, &raw)) {
            l->i = l->in.len;
            (void)at_config_say(l->errors, AT_CONFIG_SYNTAX, place, "",
                                "the closing %c of this value is missing", quote);
            at_text_deinit(&raw);
            return 0;
        }
        skip_line(l);
    } else {
        cut_bare(l, &raw);
    }
    r = raw.failed ? -ENOMEM : fill_in(l, name, at_text_bytes(&raw), place);
    at_text_deinit(&raw);
    return r;
}

static int read_line(struct lines *l)
{
    size_t start;
    struct at_bytes name;

    skip_blanks(l);
    if (at_bytes_start_with(at_bytes_after(l->in, l->i), AT_LIT("export "))) {
        l->i += 7;
        skip_blanks(l);
    }
    if (at(l) < 0 || at(l) == '\n' || at(l) == '#') {
        skip_line(l);
        return 0;
    }
    start = l->i;
    while (at(l) >= 0 && strchr("= \t\r\n", at(l)) == NULL) {
        l->i++;
    }
    name = at_bytes_over(l->in.at + start, l->i - start);
    skip_blanks(l);
    if (!at_config_is_variable(name)) {
        l->i = start;
        return complain(l, "this line is not NAME=value", "a name has letters, digits and _");
    }
    if (at(l) == '=') {
        l->i++;
        skip_blanks(l);
        return read_value(l, name);
    }
    if (at(l) >= 0 && at(l) != '\n') {
        return complain(l, "an = is missing behind the name", "a line is NAME=value");
    }
    /* The name alone: the value of the environment, if there is one. */
    const char *value = at_config_var(l->vars, name);
    return value == NULL ? 0 : keep_value(l, name, at_bytes_of(value));
}

int at_config_dotenv(struct at_arena *arena, const char *file, struct at_bytes content,
                     const struct at_config_vars *vars, struct at_config_errors *errors,
                     struct at_map *values)
{
    struct lines l = {.arena = arena,
                      .vars = vars,
                      .errors = errors,
                      .values = values,
                      .in = content,
                      .place = {file, 1, 1}};
    size_t wrong = errors->wrong;
    int r = 0;

    if (at_bytes_index(content, '\0') < content.len || !at_bytes_is_utf8(content)) {
        (void)at_config_say(errors, AT_CONFIG_SYNTAX, l.place, "", "%s is not UTF-8 text", file);
        return AT_CONFIG_WRONG;
    }
    if (at_bytes_start_with(content, AT_LIT("\xEF\xBB\xBF"))) {
        l.in = at_bytes_after(content, 3);
    }
    while (r == 0 && l.i < l.in.len) {
        r = read_line(&l);
        if (at(&l) == '\n') {
            new_line(&l);
        }
    }
    return r == 0 && errors->wrong > wrong ? AT_CONFIG_WRONG : r;
}

struct words {
    struct at_text *word;
    bool open; /* a word has begun, perhaps with nothing in it: '' */
    char quote;
    bool escaped;
};

/* Takes one character; true when it ends a word. */
static bool take(struct words *w, char c)
{
    if (w->escaped) {
        if (w->quote == '"' && c != '"' && c != '\\' && c != '$' && c != '`') {
            at_text_add_char(w->word, '\\');
        }
        at_text_add_char(w->word, c);
        w->escaped = false;
    } else if (c == '\\' && w->quote != '\'') {
        w->escaped = true;
        w->open = true;
    } else if (w->quote != '\0') {
        if (c == w->quote) {
            w->quote = '\0';
        } else {
            at_text_add_char(w->word, c);
        }
    } else if (c == '\'' || c == '"') {
        w->quote = c;
        w->open = true;
    } else if (strchr(" \t\r\n", c) != NULL) {
        return w->open;
    } else {
        at_text_add_char(w->word, c);
        w->open = true;
    }
    return false;
}

static int keep_word(struct at_arena *arena, struct words *w, struct at_plan_strings *list)
{
    const char *copy = w->word->failed ? NULL : at_arena_copy(arena, at_text_bytes(w->word));

    if (copy == NULL) {
        return -ENOMEM;
    }
    list->at[list->count++] = copy;
    at_text_clear(w->word);
    w->open = false;
    return 0;
}

int at_config_split(struct at_arena *arena, struct at_bytes command, struct at_plan_strings *ret,
                    const char **ret_why)
{
    struct at_text word;
    struct words w = {.word = &word};
    struct at_plan_strings list = {at_arena_zalloc(arena, command.len / 2 + 1, sizeof(*list.at)),
                                   0};
    int r = list.at == NULL ? -ENOMEM : 0;

    at_text_init(&word);
    for (size_t i = 0; r == 0 && i < command.len; i++) {
        if (take(&w, (char)command.at[i])) {
            r = keep_word(arena, &w, &list);
        }
    }
    if (r == 0 && (w.quote != '\0' || w.escaped)) {
        *ret_why = w.escaped ? "it ends with a lone backslash" : "a closing quote is missing";
        r = AT_CONFIG_WRONG;
    }
    if (r == 0 && w.open) {
        r = keep_word(arena, &w, &list);
    }
    at_text_deinit(&word);
    if (r == 0) {
        *ret = list;
    }
    return r;
}
