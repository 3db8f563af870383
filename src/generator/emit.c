#include "generator/emit.h"

#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/text.h"
#include "generator/model.h"
#include "pb/descriptor.h"

enum { LINE_MAX_CHARS = 96 };

static const char *const scalar_types[] = {
    [ATOLL_TYPE_DOUBLE] = "double",           [ATOLL_TYPE_FLOAT] = "float",
    [ATOLL_TYPE_INT64] = "int64_t",           [ATOLL_TYPE_UINT64] = "uint64_t",
    [ATOLL_TYPE_INT32] = "int32_t",           [ATOLL_TYPE_FIXED64] = "uint64_t",
    [ATOLL_TYPE_FIXED32] = "uint32_t",        [ATOLL_TYPE_BOOL] = "bool",
    [ATOLL_TYPE_STRING] = "struct atoll_str", [ATOLL_TYPE_BYTES] = "struct atoll_str",
    [ATOLL_TYPE_UINT32] = "uint32_t",         [ATOLL_TYPE_ENUM] = "int32_t",
    [ATOLL_TYPE_SFIXED32] = "int32_t",        [ATOLL_TYPE_SFIXED64] = "int64_t",
    [ATOLL_TYPE_SINT32] = "int32_t",          [ATOLL_TYPE_SINT64] = "int64_t",
};

const char *at_gen_scalar_type(const struct at_gen_field *f)
{
    return scalar_types[f->proto->type];
}

void at_gen_emit_opening(const struct at_gen_file *file, struct at_text *out)
{
    struct atoll_str name = file->input->proto->name;

    at_text_addf(out, "/* Made by protoc-gen-atoll from %.*s. Do not edit. */\n", (int)name.len,
                 name.at);
}

/*
 * Does a character begin here that a comment must not have: an end or a beginning of a comment, a
 * trigraph, a control character, or one that turns the direction of text (U+202A to U+202E, U+2066
 * to U+2069), with which a comment can look like code?
 */
static size_t hidden(struct at_bytes b)
{
    if (b.at[0] != '\t' && (b.at[0] < ' ' || b.at[0] == 0x7F)) {
        return 1;
    }
    if (b.len >= 3 && b.at[0] == 0xE2 &&
        ((b.at[1] == 0x80 && b.at[2] >= 0xAA && b.at[2] <= 0xAE) ||
         (b.at[1] == 0x81 && b.at[2] >= 0xA6 && b.at[2] <= 0xA9))) {
        return 3;
    }
    return 0;
}

static bool meets_next(struct at_bytes b)
{
    return b.len > 1 && ((b.at[0] == '*' && b.at[1] == '/') || (b.at[0] == '/' && b.at[1] == '*') ||
                         (b.at[0] == '?' && b.at[1] == '?'));
}

/* One line of a comment, without what C would take for more than text. */
static void add_line(struct at_bytes line, struct at_text *out)
{
    while (line.len > 0 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\r' ||
                            line.at[line.len - 1] == '\\' || line.at[line.len - 1] == '\t')) {
        line.len--;
    }
    while (line.len > 0) {
        size_t n = hidden(line);

        if (n == 0) {
            at_text_add(out, at_bytes_before(line, 1));
            if (meets_next(line)) {
                at_text_add_char(out, ' ');
            }
            n = 1;
        }
        line = at_bytes_after(line, n);
    }
}

/* " * text", for each line; between two texts one line is empty. */
static void add_lines(struct atoll_str s, const char *indent, bool *some, struct at_text *out)
{
    struct at_bytes text = at_bytes_over(s.at, s.len);
    struct at_bytes line;

    while (text.len > 0 && text.at[text.len - 1] == '\n') {
        text.len--;
    }
    if (text.len == 0) {
        return;
    }
    if (*some) {
        at_text_addf(out, "%s *\n", indent);
    }
    *some = true;
    while (at_bytes_cut(&text, '\n', &line)) {
        at_text_addf(out, "%s *", indent);
        if (line.len > 0 && line.at[0] != ' ' && line.at[0] != '\t') {
            at_text_add_char(out, ' ');
        }
        add_line(line, out);
        at_text_add_char(out, '\n');
    }
}

/* The text without empty lines at its end, when it is one short line; else none. */
static struct at_bytes short_line(struct atoll_str s)
{
    struct at_bytes text = at_bytes_over(s.at, s.len);

    while (text.len > 0 && text.at[text.len - 1] == '\n') {
        text.len--;
    }
    if (at_bytes_index(text, '\n') < text.len || text.len > LINE_MAX_CHARS - 10) {
        text.len = 0;
    }
    return text;
}

/* Two texts as one comment; either may be empty. */
static void add_comment(struct atoll_str first, struct atoll_str second, const char *indent,
                        struct at_text *out)
{
    struct at_bytes line = {0};
    bool some = false;

    if (first.len == 0 || second.len == 0) {
        line = short_line(first.len > 0 ? first : second);
    }
    if (line.len > 0) {
        at_text_addf(out, "%s/*%s", indent, line.at[0] == ' ' ? "" : " ");
        add_line(line, out);
        at_text_add_str(out, " */\n");
    } else if (first.len + second.len > 0) {
        at_text_addf(out, "%s/*\n", indent);
        add_lines(first, indent, &some, out);
        add_lines(second, indent, &some, out);
        at_text_addf(out, "%s */\n", indent);
    }
}

void at_gen_emit_comment(const struct at_gen_file *file, const struct at_gen_path *path,
                         const char *indent, struct at_text *out)
{
    const struct at_proto_location *l = at_gen_comments(file, path);

    if (l == NULL) {
        return;
    }
    for (size_t i = 0; i < l->detached.count; i++) {
        add_comment(l->detached.at[i], (struct atoll_str){0}, indent, out);
        at_text_add_char(out, '\n');
    }
    add_comment(l->leading, l->trailing, indent, out);
}

void at_gen_emit_escaped(struct at_bytes text, struct at_text *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];

        if (c >= ' ' && c < 0x7F && c != '"' && c != '\\' && c != '?') {
            at_text_add_char(out, (char)c);
        } else {
            at_text_addf(out, "\\%03o", c);
        }
    }
}
