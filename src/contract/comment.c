#include "contract/comment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

static struct at_bytes cut_blanks_behind(struct at_bytes line)
{
    while (line.len > 0 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t' ||
                            line.at[line.len - 1] == '\r')) {
        line.len--;
    }
    return line;
}

/* Lines for linters are not for readers. */
static bool is_for_tools(struct at_bytes line)
{
    line = at_bytes_trim(line);
    return at_bytes_start_with(line, AT_LIT("buf:lint:ignore")) ||
           at_bytes_start_with(line, AT_LIT("atoll:lint:ignore"));
}

/* One comment; blank lines at both ends are left out, inner ones stay. */
static void add_lines(struct at_bytes text, struct at_text *out)
{
    size_t blank = 0;
    bool any = false;
    struct at_bytes line;

    while (at_bytes_cut(&text, '\n', &line)) {
        line = cut_blanks_behind(line);
        if (is_for_tools(line)) {
            continue;
        }
        if (line.len == 0) {
            blank++;
            continue;
        }
        for (; any && blank > 0; blank--) {
            at_text_add_char(out, '\n');
        }
        blank = 0;
        if (any) {
            at_text_add_char(out, '\n');
        }
        any = true;
        at_text_add(out, line.at[0] == ' ' ? at_bytes_after(line, 1) : line);
    }
}

void at_comment_add(const struct at_set_file *file, const struct at_set_path *path,
                    struct at_text *out)
{
    const struct google_protobuf_SourceCodeInfo_Location *l = at_set_location_of(file, path);
    size_t before = out->len;

    if (l == NULL) {
        return;
    }
    add_lines(at_set_bytes(l->leading_comments), out);
    if (l->trailing_comments.len > 0) {
        struct at_text behind;

        at_text_init(&behind);
        add_lines(at_set_bytes(l->trailing_comments), &behind);
        if (behind.len > 0 && out->len > before) {
            at_text_add_char(out, '\n');
        }
        at_text_add(out, at_text_bytes(&behind));
        out->failed = out->failed || behind.failed;
        at_text_deinit(&behind);
    }
}

void at_comment_add_of(const struct at_set_symbol *symbol, struct at_text *out)
{
    struct at_set_path path;

    at_set_path_of(symbol, &path);
    at_comment_add(symbol->file, &path, out);
}

void at_comment_add_in(const struct at_set_symbol *symbol, int32_t field, size_t index,
                       struct at_text *out)
{
    struct at_set_path path;

    at_set_path_of(symbol, &path);
    at_set_path_add(&path, field, (int32_t)index);
    at_comment_add(symbol->file, &path, out);
}
