/* ${VARIABLES} as Docker Compose has them. An explicit stack instead of recursion: it is input. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_limits.h"
#include "cli/config_text.h"

/* ${name op word}: what is open. */
struct frame {
    struct at_bytes name;
    const char *value; /* NULL: unset, or empty where ':' counts that as unset */
    char op;           /* '-', '?' or '+' */
    bool needed;       /* what stands in the word counts */
    size_t start;      /* of the word in out */
};

struct scan {
    const struct at_config_vars *vars;
    struct at_bytes in;
    size_t i;
    struct at_config_place place;
    struct at_config_errors *errors;
    struct at_text *out;
    struct frame frames[AT_CONFIG_INTERPOLATION_DEPTH];
    size_t depth;
};

static bool is_name_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_part(uint8_t c)
{
    return is_name_start(c) || (c >= '0' && c <= '9');
}

bool at_config_is_variable(struct at_bytes name)
{
    if (name.len == 0 || !is_name_start(name.at[0])) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        if (!is_name_part(name.at[i])) {
            return false;
        }
    }
    return true;
}

const char *at_config_var(const struct at_config_vars *vars, struct at_bytes name)
{
    for (const char *const *e = vars->environ; e != NULL && *e != NULL; e++) {
        if (strncmp(*e, (const char *)name.at, name.len) == 0 && (*e)[name.len] == '=') {
            return *e + name.len + 1;
        }
    }
    for (size_t i = 0; i < sizeof(vars->maps) / sizeof(vars->maps[0]); i++) {
        const char *value = vars->maps[i] == NULL ? NULL : at_map_get(vars->maps[i], name);

        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

static int wrong(struct scan *s, const char *why, const char *hint)
{
    struct at_config_quoted room;
    struct at_config_error *e = at_config_say(s->errors, AT_CONFIG_INTERPOLATION, s->place, "",
                                              "%s in “%s”", why, at_config_quote(s->in, &room));

    at_config_hint(s->errors, e, "%s", hint);
    return AT_CONFIG_WRONG;
}

static bool is_needed(const struct scan *s)
{
    return s->depth == 0 || s->frames[s->depth - 1].needed;
}

static struct at_bytes cut_name(struct scan *s)
{
    size_t start = s->i;

    if (s->i < s->in.len && is_name_start(s->in.at[s->i])) {
        while (s->i < s->in.len && is_name_part(s->in.at[s->i])) {
            s->i++;
        }
    }
    return at_bytes_over(s->in.at + start, s->i - start);
}

static int put_value(struct scan *s, struct at_bytes name)
{
    const char *value = at_config_var(s->vars, name);
    struct at_config_quoted room;

    if (value == NULL && is_needed(s)) {
        at_config_hint(s->errors,
                       at_config_warn(s->errors, AT_CONFIG_INTERPOLATION, s->place, "",
                                      "the variable %s is not set; it reads as empty",
                                      at_config_quote(name, &room)),
                       "set it, or write ${%s:-default}", at_config_quote(name, &room));
    }
    at_text_add_str(s->out, value);
    return 0;
}

/* Behind "${name": the operator. */
static int open_frame(struct scan *s, struct at_bytes name)
{
    bool colon = s->i < s->in.len && s->in.at[s->i] == ':';
    const char *value = at_config_var(s->vars, name);
    char op = '\0';

    s->i += colon ? 1 : 0;
    if (s->i < s->in.len) {
        op = (char)s->in.at[s->i];
    }
    if (op != '-' && op != '?' && op != '+') {
        return wrong(s, "a ${…} that is not well-formed",
                     "the forms are ${A}, ${A:-default}, ${A-default}, ${A:?message}, ${A:+other}; "
                     "a literal $ is $$");
    }
    if (s->depth == AT_CONFIG_INTERPOLATION_DEPTH) {
        return wrong(s, "too many ${…} inside each other", "put the inner ones into .env");
    }
    s->i++;
    if (value != NULL && colon && value[0] == '\0') {
        value = NULL;
    }
    s->frames[s->depth] = (struct frame){
        .name = name,
        .value = value,
        .op = op,
        .needed = is_needed(s) && (op == '+' ? value != NULL : value == NULL),
        .start = s->out->len,
    };
    s->depth++;
    return 0;
}

static int open_brace(struct scan *s)
{
    struct at_bytes name = cut_name(s);

    if (name.len == 0) {
        return wrong(s, "a ${…} without a name", "a literal $ is $$");
    }
    if (s->i < s->in.len && s->in.at[s->i] == '}') {
        s->i++;
        return put_value(s, name);
    }
    return open_frame(s, name);
}

/* The word of the innermost ${…} is complete: it stays, or the value takes its place. */
static int close_brace(struct scan *s)
{
    const struct frame *f = &s->frames[--s->depth];
    struct at_bytes word = at_bytes_after(at_text_bytes(s->out), f->start);
    struct at_config_quoted name;
    struct at_config_quoted text;

    s->i++;
    if (f->op == '?' && f->value == NULL && is_needed(s)) {
        struct at_config_error *e =
            at_config_say(s->errors, AT_CONFIG_INTERPOLATION, s->place, "",
                          "the variable %s must be set%s%s", at_config_quote(f->name, &name),
                          word.len > 0 ? ": " : "", at_config_quote(word, &text));

        at_config_hint(s->errors, e, "set it in the environment or in .env");
        return AT_CONFIG_WRONG;
    }
    if (f->needed || s->out->at == NULL) {
        return 0;
    }
    s->out->len = f->start;
    s->out->at[f->start] = '\0';
    if (f->op != '+') {
        at_text_add_str(s->out, f->value);
    }
    return 0;
}

static int dollar(struct scan *s)
{
    uint8_t next = s->i + 1 < s->in.len ? s->in.at[s->i + 1] : 0;

    s->i++;
    if (next == '$') {
        s->i++;
        at_text_add_char(s->out, '$');
        return 0;
    }
    if (next == '{') {
        s->i++;
        return open_brace(s);
    }
    if (is_name_start(next)) {
        return put_value(s, cut_name(s));
    }
    return wrong(s, "a $ that begins no variable", "a literal $ is $$");
}

static int step(struct scan *s)
{
    uint8_t c = s->in.at[s->i];

    if (c == '$') {
        return dollar(s);
    }
    if (c == '}' && s->depth > 0) {
        return close_brace(s);
    }
    at_text_add_char(s->out, (char)c);
    s->i++;
    return 0;
}

int at_config_interpolate(const struct at_config_vars *vars, struct at_bytes in,
                          struct at_config_place place, struct at_config_errors *errors,
                          struct at_text *out)
{
    struct scan s = {.vars = vars, .in = in, .place = place, .errors = errors, .out = out};
    int r = 0;

    while (r == 0 && s.i < in.len) {
        r = step(&s);
        if (r == 0 && out->len > AT_CONFIG_SCALAR_MAX) {
            (void)at_config_say(errors, AT_CONFIG_LIMIT, place, "",
                                "a value may have up to %d bytes once variables are filled in",
                                AT_CONFIG_SCALAR_MAX);
            r = AT_CONFIG_WRONG;
        }
    }
    if (r == 0 && s.depth > 0) {
        r = wrong(&s, "a ${…} without its closing }", "a literal $ is $$");
    }
    if (r == 0 && !at_bytes_is_utf8(at_text_bytes(out))) {
        r = wrong(&s, "a variable whose value is not UTF-8", "set it to UTF-8 text");
    }
    return out->failed ? -ENOMEM : r;
}
