#include "generator/emit.h"

#include <stddef.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/text.h"
#include "generator/model.h"
#include "pb/descriptor.h"

enum { LINE_MAX_CHARS = 96 };

void at_gen_emit_opening(const struct at_gen_file *file, struct at_text *out)
{
    struct atoll_str name = file->input->proto->name;

    at_text_addf(out, "/* Made by protoc-gen-atoll from %.*s. Do not edit. */\n", (int)name.len,
                 name.at);
}

/* One line of a comment, without the ends that C would take for its own. */
static void add_line(struct at_bytes line, struct at_text *out)
{
    while (line.len > 0 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\r' ||
                            line.at[line.len - 1] == '\\')) {
        line.len--;
    }
    for (size_t i = 0; i < line.len; i++) {
        bool meets = i + 1 < line.len && ((line.at[i] == '*' && line.at[i + 1] == '/') ||
                                          (line.at[i] == '/' && line.at[i + 1] == '*') ||
                                          (line.at[i] == '?' && line.at[i + 1] == '?'));

        at_text_add(out, at_bytes_over(line.at + i, 1));
        if (meets) {
            at_text_add_char(out, ' ');
        }
    }
}

static void add_block(struct at_bytes text, const char *indent, struct at_text *out)
{
    struct at_bytes line;

    at_text_addf(out, "%s/*\n", indent);
    while (at_bytes_cut(&text, '\n', &line)) {
        at_text_addf(out, "%s *", indent);
        if (line.len > 0 && line.at[0] != ' ') {
            at_text_add_char(out, ' ');
        }
        add_line(line, out);
        at_text_add_char(out, '\n');
    }
    at_text_addf(out, "%s */\n", indent);
}

void at_gen_emit_comment(const struct at_gen_file *file, const struct at_gen_path *path,
                         const char *indent, struct at_text *out)
{
    const struct at_proto_location *l = at_gen_comments(file, path);
    struct at_bytes text;

    if (l == NULL) {
        return;
    }
    text = l->leading.len > 0 ? at_bytes_over(l->leading.at, l->leading.len)
                              : at_bytes_over(l->trailing.at, l->trailing.len);
    while (text.len > 0 && text.at[text.len - 1] == '\n') {
        text.len--;
    }
    if (at_bytes_index(text, '\n') < text.len || text.len > LINE_MAX_CHARS - 10) {
        add_block(text, indent, out);
        return;
    }
    at_text_addf(out, "%s/*", indent);
    if (text.len > 0 && text.at[0] != ' ') {
        at_text_add_char(out, ' ');
    }
    add_line(text, out);
    at_text_add_str(out, " */\n");
}
