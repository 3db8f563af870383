/* Lint of files: their packages, folders and imports. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "contract/finding.h"
#include "contract/index.h"
#include "contract/lint_rules.h"
#include "contract/set.h"
#include "contract/thing.h"
#include "contract/words.h"
#include "descriptor.atoll.h"
#include "pb/wire.h"

#define B(bytes) (int)(bytes).len, (const char *)(bytes).at

static struct at_bytes package_of(const struct at_set_file *file)
{
    return at_set_bytes(file->proto->package);
}

static struct at_bytes base_of(const struct at_set_file *file)
{
    struct at_bytes name = at_set_bytes(file->proto->name);
    struct at_bytes folder = at_lint_folder_of(file);

    return folder.len == 0 ? name : at_bytes_after(name, folder.len + 1);
}

struct at_bytes at_lint_folder_of(const struct at_set_file *file)
{
    struct at_bytes name = at_set_bytes(file->proto->name);

    for (size_t i = name.len; i > 0; i--) {
        if (name.at[i - 1] == '/') {
            return at_bytes_before(name, i - 1);
        }
    }
    return at_bytes_before(name, 0);
}

/* ---- packages ---- */

void at_lint_package_defined(struct at_lint_run *run, const struct at_thing *t)
{
    if (package_of(t->file).len == 0) {
        at_lint_say(run, t, NULL, "the file has no package");
    }
}

void at_lint_package_snake(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes rest = package_of(t->file);
    struct at_bytes piece;

    while (at_bytes_cut(&rest, '.', &piece)) {
        if (!at_word_is_lower_snake(piece)) {
            const char *better = at_word_to_lower_snake(run->out->arena, piece);

            at_lint_say(run, t,
                        better == NULL ? NULL : at_findings_text(run->out, "write %s", better),
                        "%.*s in the package is not in lower_snake_case", B(piece));
            return;
        }
    }
}

static size_t skip_digits(struct at_bytes b, size_t i)
{
    while (i < b.len && b.at[i] >= '0' && b.at[i] <= '9') {
        i++;
    }
    return i;
}

/* v1, v1alpha, v1beta2, v1p1alpha1, v1test, v1testnew; numbers do not begin with 0. */
static bool is_version(struct at_bytes b)
{
    static const char *const stages[] = {"alpha", "beta"};
    size_t i;
    size_t point;

    if (b.len < 2 || b.at[0] != 'v' || b.at[1] == '0') {
        return false;
    }
    i = skip_digits(b, 1);
    if (i == 1 || i == b.len) {
        return i > 1;
    }
    if (at_bytes_start_with(at_bytes_after(b, i), AT_LIT("test"))) {
        return true;
    }
    point = i;
    if (b.at[i] == 'p') {
        i = skip_digits(b, i + 1);
        if (i == point + 1 || b.at[point + 1] == '0') {
            return false;
        }
    }
    for (size_t s = 0; s < sizeof(stages) / sizeof(stages[0]); s++) {
        if (at_bytes_start_with(at_bytes_after(b, i), at_bytes_of(stages[s]))) {
            size_t number = i + strlen(stages[s]);

            return skip_digits(b, number) == b.len && (number == b.len || b.at[number] != '0');
        }
    }
    return false;
}

void at_lint_package_version(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes package = package_of(t->file);
    struct at_bytes rest = package;
    struct at_bytes last = {.at = NULL};

    while (at_bytes_cut(&rest, '.', &last)) {
    }
    if (package.len > 0 && !is_version(last)) {
        at_lint_say(run, t, at_findings_text(run->out, "write %.*s.v1", B(package)),
                    "the package %.*s does not end with a version", B(package));
    }
}

/* Is the folder the package with '/' for '.'? */
static bool match(struct at_bytes folder, struct at_bytes package)
{
    if (folder.len != package.len) {
        return false;
    }
    for (size_t i = 0; i < folder.len; i++) {
        if (folder.at[i] != (package.at[i] == '.' ? '/' : package.at[i])) {
            return false;
        }
    }
    return true;
}

void at_lint_package_folder(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes package = package_of(t->file);
    struct at_bytes folder = at_lint_folder_of(t->file);

    if (package.len > 0 && !match(folder, package)) {
        const char *want = at_findings_text(run->out, "%.*s", B(package));

        for (char *c = strchr(want, '.'); c != NULL; c = strchr(c, '.')) {
            *c = '/'; /* the text is ours */
        }
        at_lint_say(run, t, at_findings_text(run->out, "move the file to %s", want),
                    "the package is %.*s and the folder is %.*s", B(package),
                    folder.len == 0 ? 1 : (int)folder.len,
                    folder.len == 0 ? "." : (const char *)folder.at);
    }
}

void at_lint_package_one_folder(struct at_lint_run *run, const struct at_thing *t)
{
    const struct at_set_file *first = run->same[t->file->index];

    if (package_of(t->file).len > 0 &&
        !at_bytes_equal(at_lint_folder_of(first), at_lint_folder_of(t->file))) {
        at_lint_say(run, t, NULL, "the package %.*s is in another folder in %.*s",
                    B(package_of(t->file)), B(at_set_bytes(first->proto->name)));
    }
}

void at_lint_folder_one_package(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes folder = at_lint_folder_of(t->file);

    for (size_t i = 0; i < t->file->index; i++) {
        const struct at_set_file *other = &run->set->files[i];

        if (at_lint_is_given(run, other) && at_bytes_equal(at_lint_folder_of(other), folder)) {
            if (!at_bytes_equal(package_of(other), package_of(t->file))) {
                at_lint_say(run, t, NULL, "the folder holds the package %.*s too, in %.*s",
                            B(package_of(other)), B(at_set_bytes(other->proto->name)));
            }
            return; /* the first one decides */
        }
    }
}

static struct at_bytes option_of(const struct at_lint_run *run, const struct at_set_file *file)
{
    const struct google_protobuf_FileOptions *options = file->proto->options;
    const char *at;

    if (options == NULL) {
        return run->row->is_bool ? AT_LIT("false") : AT_LIT("");
    }
    at = (const char *)options + run->row->offset;
    if (run->row->is_bool) {
        bool on;

        memcpy(&on, at, sizeof(on));
        return on ? AT_LIT("true") : AT_LIT("false");
    }
    struct atoll_str text;

    memcpy(&text, at, sizeof(text));
    return at_set_bytes(text);
}

void at_lint_same_option(struct at_lint_run *run, const struct at_thing *t)
{
    const struct at_set_file *first = run->same[t->file->index];
    struct at_bytes mine = option_of(run, t->file);
    struct at_bytes theirs = option_of(run, first);

    if (package_of(t->file).len > 0 && !at_bytes_equal(mine, theirs)) {
        at_lint_say(run, t, NULL, "the option is \"%.*s\" here and \"%.*s\" in %.*s", B(mine),
                    B(theirs), B(at_set_bytes(first->proto->name)));
    }
}

/* ---- files ---- */

void at_lint_file_snake(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes base = base_of(t->file);
    struct at_bytes stem = at_bytes_before(base, base.len < 6 ? 0 : base.len - 6);
    bool proto = base.len > 6 && at_bytes_equal(at_bytes_after(base, stem.len), AT_LIT(".proto"));

    if (!proto || !at_word_is_lower_snake(stem)) {
        const char *better = at_word_to_lower_snake(run->out->arena, proto ? stem : base);

        at_lint_say(run, t,
                    better == NULL ? NULL : at_findings_text(run->out, "call it %s.proto", better),
                    "the name of the file is not lower_snake_case.proto");
    }
}

/* A descriptor does not say whether proto2 was written or left out, but its source info does. */
void at_lint_syntax(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_set_path path = {.at = {12}, .len = 1};

    if (t->file->proto->syntax.len == 0 && t->file->location_count > 0 &&
        at_set_location_of(t->file, &path) == NULL) {
        at_lint_say(run, t, NULL, "the file does not say its syntax, which makes it proto2");
    }
}

/* ---- imports ---- */

static bool is_listed(const int32_t *at, size_t count, int32_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (at[i] == index) {
            return true;
        }
    }
    return false;
}

static bool is_public(const struct at_thing *t)
{
    return is_listed(t->file->proto->public_dependency.at, t->file->proto->public_dependency.count,
                     t->index);
}

void at_lint_no_public(struct at_lint_run *run, const struct at_thing *t)
{
    if (is_public(t)) {
        at_lint_say(run, t, NULL, "the import is public");
    }
}

void at_lint_no_weak(struct at_lint_run *run, const struct at_thing *t)
{
    if (is_listed(t->file->proto->weak_dependency.at, t->file->proto->weak_dependency.count,
                  t->index)) {
        at_lint_say(run, t, NULL, "the import is weak");
    }
}

static void mark(struct at_lint_run *run, struct atoll_str type_name)
{
    const struct at_set_symbol *type =
        type_name.len == 0 ? NULL : at_set_find(run->set, at_set_bytes(type_name));

    if (type != NULL) {
        run->used[type->file->index] = true;
    }
}

static void mark_option(struct at_lint_run *run, enum at_thing_kind kind, uint64_t number)
{
    const struct at_index_entry *e = at_index_number(&run->options_of[kind], (int64_t)number);

    if (e != NULL) {
        run->used[run->extensions[e->at]->file->index] = true;
    }
}

/* Custom options are extensions, which come as fields that the descriptor does not know. */
static void mark_options(struct at_lint_run *run, const struct at_thing *t)
{
    const struct atoll_unknown *last = at_thing_custom_options(t);
    const struct atoll_unknown *piece = last;

    while (piece != NULL) {
        piece = piece->next;
        const uint8_t *p = (const uint8_t *)piece->bytes.at;
        const uint8_t *end = p + piece->bytes.len;

        while (p != NULL && p < end) {
            uint64_t tag;
            int result;

            p = at_pb_read_varint(p, end, &tag);
            if (p != NULL) {
                mark_option(run, t->kind, tag >> 3);
                p = at_pb_skip(p, end, tag, &result);
            }
        }
        if (piece == last) {
            return;
        }
    }
}

/* The entries of maps are no things of their own: what their values are is used as well. */
static void mark_map_values(struct at_lint_run *run, const struct at_set_file *file)
{
    for (size_t i = 0; i < file->symbol_count; i++) {
        if (at_set_is_map_entry(&file->symbols[i])) {
            mark(run, file->symbols[i].of.message->field.at[1].type_name);
        }
    }
}

void at_lint_mark_used(struct at_lint_run *run)
{
    memset(run->used, 0, run->set->file_count * sizeof(*run->used));
    mark_map_values(run, run->things[0].file);
    for (size_t i = 0; i < run->thing_count; i++) {
        const struct at_thing *t = &run->things[i];

        if (t->kind == AT_THING_FIELD) {
            mark(run, t->of.field->type_name);
            mark(run, t->of.field->extendee);
        } else if (t->kind == AT_THING_METHOD) {
            mark(run, t->of.method->input_type);
            mark(run, t->of.method->output_type);
        }
        mark_options(run, t);
    }
}

/* Whoever imports a file has what that imports publicly, and so on. */
void at_lint_import_used(struct at_lint_run *run, const struct at_thing *t)
{
    const struct at_set_file *import = t->file->imports[t->index];
    size_t count = 0;

    if (import == NULL || is_public(t)) {
        return;
    }
    memset(run->seen, 0, run->set->file_count * sizeof(*run->seen));
    run->seen[import->index] = true;
    run->queue[count++] = import->index;
    for (size_t i = 0; i < count; i++) {
        const struct at_set_file *file = &run->set->files[run->queue[i]];
        const struct google_protobuf_FileDescriptorProto *f = file->proto;

        if (run->used[file->index]) {
            return;
        }
        for (size_t k = 0; k < f->public_dependency.count; k++) {
            const struct at_set_file *next = file->imports[f->public_dependency.at[k]];

            if (next != NULL && !run->seen[next->index]) {
                run->seen[next->index] = true;
                run->queue[count++] = next->index;
            }
        }
    }
    at_lint_say(run, t, NULL, "nothing of %.*s is used", B(at_thing_name(t)));
}

/* The packages that the files of one package import: pushes the unseen ones. */
static size_t push_imports(struct at_lint_run *run, size_t package, size_t count)
{
    for (const struct at_set_file *file = &run->set->files[package]; file != NULL;
         file = run->next[file->index]) {
        for (size_t i = 0; i < file->proto->dependency.count; i++) {
            const struct at_set_file *import = file->imports[i];
            size_t next = import == NULL ? package : run->package[import->index];

            if (!run->seen[next]) {
                run->seen[next] = true;
                run->queue[count++] = next;
            }
        }
    }
    return count;
}

void at_lint_no_cycle(struct at_lint_run *run, const struct at_thing *t)
{
    const struct at_set_file *import = t->file->imports[t->index];
    size_t from = run->package[t->file->index];
    size_t count = 0;

    if (import == NULL || run->package[import->index] == from) {
        return;
    }
    memset(run->seen, 0, run->set->file_count * sizeof(*run->seen));
    run->queue[count++] = run->package[import->index];
    run->seen[run->queue[0]] = true;
    for (size_t i = 0; i < count && !run->seen[from]; i++) {
        count = push_imports(run, run->queue[i], count);
    }
    if (run->seen[from]) {
        at_lint_say(run, t, NULL,
                    "the package %.*s imports the package %.*s, which comes to import it again",
                    B(package_of(t->file)), B(package_of(import)));
    }
}
