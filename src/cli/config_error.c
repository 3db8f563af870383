/* The list of mistakes: kept sorted, printed once, for people or as JSON. */
#include "cli/config_error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_limits.h"

enum { QUOTE_SHOWN = 60 }; /* bytes of a user's text that a message shows */

static const char *const code_names[AT_CONFIG_CODES] = {
    [AT_CONFIG_FILE] = "file",
    [AT_CONFIG_SYNTAX] = "syntax",
    [AT_CONFIG_DUPLICATE] = "duplicate",
    [AT_CONFIG_LIMIT] = "limit",
    [AT_CONFIG_INTERPOLATION] = "interpolation",
    [AT_CONFIG_UNKNOWN_KEY] = "unknown-key",
    [AT_CONFIG_NOT_HONOURED] = "not-honoured",
    [AT_CONFIG_TYPE] = "type",
    [AT_CONFIG_VALUE] = "value",
    [AT_CONFIG_MISSING] = "missing",
    [AT_CONFIG_UNKNOWN_NAME] = "unknown-name",
    [AT_CONFIG_CYCLE] = "cycle",
    [AT_CONFIG_CONTRACT] = "contract",
    [AT_CONFIG_BINARY] = "binary",
};

const char *at_config_code_name(enum at_config_code code)
{
    const char *name = code > 0 && code < AT_CONFIG_CODES ? code_names[code] : NULL;

    return name == NULL ? "unknown" : name;
}

void at_config_errors_init(struct at_config_errors *errors)
{
    *errors = (struct at_config_errors){0};
    at_arena_init(&errors->arena, 1024, AT_CONFIG_ERRORS_BYTES_MAX);
}

void at_config_errors_deinit(struct at_config_errors *errors)
{
    at_arena_deinit(&errors->arena);
    free(errors->at);
    *errors = (struct at_config_errors){0};
}

const char *at_config_quote(struct at_bytes text, struct at_config_quoted *room)
{
    size_t shown = text.len;

    if (shown > QUOTE_SHOWN) {
        shown = QUOTE_SHOWN;
        while (shown > 0 && (text.at[shown] & 0xC0) == 0x80) {
            shown--; /* not in the middle of a character */
        }
    }
    if (shown < text.len) {
        (void)snprintf(room->at, sizeof(room->at), "%.*s… (%zu bytes)", (int)shown,
                       (const char *)text.at, text.len);
    } else {
        (void)snprintf(room->at, sizeof(room->at), "%.*s", (int)shown,
                       text.at == NULL ? "" : (const char *)text.at);
    }
    return room->at;
}

/* A copy that a terminal may show; NULL marks the list as failed. */
static const char *keep(struct at_config_errors *errors, struct at_bytes text)
{
    struct at_text visible;
    const char *copy;

    at_text_init(&visible);
    at_text_add_visible(&visible, text);
    copy = visible.failed ? NULL : at_arena_copy(&errors->arena, at_text_bytes(&visible));
    at_text_deinit(&visible);
    if (copy == NULL) {
        errors->failed = true;
    }
    return copy;
}

__attribute__((format(printf, 2, 0))) static const char *
keep_format(struct at_config_errors *errors, const char *format, va_list args)
{
    struct at_text text;
    const char *copy;

    at_text_init(&text);
    at_text_addv(&text, format, args);
    if (text.failed) {
        errors->failed = true;
    }
    copy = text.failed ? NULL : keep(errors, at_text_bytes(&text));
    at_text_deinit(&text);
    return copy;
}

static bool is_full(struct at_config_errors *errors)
{
    if (errors->count >= AT_CONFIG_ERRORS_MAX) {
        errors->overflow = true;
    }
    return errors->overflow;
}

static bool reserve(struct at_config_errors *errors)
{
    size_t cap = errors->cap == 0 ? 8 : errors->cap * 2;
    struct at_config_error *bigger;

    if (errors->count < errors->cap) {
        return true;
    }
    bigger = realloc(errors->at, cap * sizeof(*bigger));
    if (bigger == NULL) {
        errors->failed = true;
        return false;
    }
    errors->at = bigger;
    errors->cap = cap;
    return true;
}

static struct at_config_error *add(struct at_config_errors *errors, enum at_config_code code,
                                   struct at_config_place place, const char *field,
                                   const char *message)
{
    struct at_config_error e = {
        .code = code,
        .file = keep(errors, at_bytes_of(place.file)),
        .line = place.line,
        .col = place.col,
        .field = keep(errors, at_bytes_of(field)),
        .message = message,
        .hint = "",
    };

    if (e.file == NULL || e.field == NULL || e.message == NULL || !reserve(errors)) {
        return NULL;
    }
    errors->at[errors->count] = e;
    return &errors->at[errors->count++];
}

struct at_config_error *at_config_say(struct at_config_errors *errors, enum at_config_code code,
                                      struct at_config_place place, const char *field,
                                      const char *format, ...)
{
    va_list args;
    const char *message;

    errors->wrong++;
    if (is_full(errors)) {
        return NULL;
    }
    va_start(args, format);
    message = keep_format(errors, format, args);
    va_end(args);
    return add(errors, code, place, field, message);
}

struct at_config_error *at_config_warn(struct at_config_errors *errors, enum at_config_code code,
                                       struct at_config_place place, const char *field,
                                       const char *format, ...)
{
    va_list args;
    struct at_config_error *e;
    const char *message;

    if (is_full(errors)) {
        return NULL;
    }
    va_start(args, format);
    message = keep_format(errors, format, args);
    va_end(args);
    e = add(errors, code, place, field, message);
    if (e != NULL) {
        e->warning = true;
    }
    return e;
}

void at_config_hint(struct at_config_errors *errors, struct at_config_error *e, const char *format,
                    ...)
{
    va_list args;
    const char *hint;

    if (e == NULL) {
        return;
    }
    va_start(args, format);
    hint = keep_format(errors, format, args);
    va_end(args);
    e->hint = hint == NULL ? "" : hint;
}

static int by_place(const void *left, const void *right)
{
    const struct at_config_error *a = left;
    const struct at_config_error *b = right;
    int r = strcmp(a->file, b->file);

    if (r == 0) {
        r = a->line - b->line;
    }
    if (r == 0) {
        r = a->col - b->col;
    }
    return r != 0 ? r : strcmp(a->message, b->message);
}

void at_config_errors_sort(struct at_config_errors *errors)
{
    if (errors->count > 1) {
        qsort(errors->at, errors->count, sizeof(*errors->at), by_place);
    }
}

static void print_one(const struct at_config_error *e, struct at_text *out)
{
    if (e->file[0] != '\0') {
        at_text_addf(out, "%s:", e->file);
        if (e->line > 0) {
            at_text_addf(out, "%d:%d:", e->line, e->col);
        }
        at_text_add_char(out, ' ');
    }
    at_text_addf(out, "%s%s\n", e->warning ? "warning: " : "", e->message);
    if (e->hint[0] != '\0') {
        at_text_addf(out, "    %s\n", e->hint);
    }
}

void at_config_errors_print(const struct at_config_errors *errors, struct at_text *out)
{
    for (size_t i = 0; i < errors->count; i++) {
        print_one(&errors->at[i], out);
    }
    if (errors->overflow) {
        at_text_addf(out, "… and more; these are the first %d\n", AT_CONFIG_ERRORS_MAX);
    }
}

/* Characters that a terminal or a YAML reader would not take as they are. */
static bool is_odd(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF;
}

/* The code point at s, whose bytes are well-formed, and its length. */
static uint32_t code_point(const uint8_t *s, size_t *ret_len)
{
    static const uint8_t masks[] = {0x7F, 0x7F, 0x1F, 0x0F, 0x07};
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    uint32_t c = s[0] & masks[len];

    for (size_t i = 1; i < len; i++) {
        c = c << 6 | (s[i] & 0x3F);
    }
    *ret_len = len;
    return c;
}

void at_config_add_json(struct at_text *out, struct at_bytes s)
{
    bool utf8 = at_bytes_is_utf8(s);
    size_t len = 1;

    at_text_add_char(out, '"');
    for (size_t i = 0; i < s.len; i += len) {
        uint32_t c = utf8 || s.at[i] < 0x80 ? code_point(s.at + i, &len) : 0xFFFD;

        if (c == '"' || c == '\\') {
            at_text_addf(out, "\\%c", (char)c);
        } else if (c == '\n') {
            at_text_add_str(out, "\\n");
        } else if (is_odd(c) || c == 0xFFFD) {
            at_text_addf(out, "\\u%04x", c);
            len = utf8 ? len : 1;
        } else {
            at_text_add(out, at_bytes_over(s.at + i, len));
        }
    }
    at_text_add_char(out, '"');
}

static void add_member(struct at_text *out, const char *name, const char *value)
{
    at_text_addf(out, ",\"%s\":", name);
    at_config_add_json(out, at_bytes_of(value));
}

void at_config_errors_json(const struct at_config_errors *errors, struct at_text *out)
{
    at_text_add_char(out, '[');
    for (size_t i = 0; i < errors->count; i++) {
        const struct at_config_error *e = &errors->at[i];

        at_text_addf(out, "%s{\"code\":\"%s\"", i == 0 ? "" : ",", at_config_code_name(e->code));
        at_text_addf(out, ",\"severity\":\"%s\"", e->warning ? "warning" : "error");
        add_member(out, "file", e->file);
        at_text_addf(out, ",\"line\":%d,\"col\":%d", e->line, e->col);
        add_member(out, "field", e->field);
        add_member(out, "message", e->message);
        add_member(out, "hint", e->hint);
        at_text_add_char(out, '}');
    }
    at_text_add_str(out, "]\n");
}
