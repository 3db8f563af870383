#include "contract/lint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/finding.h"
#include "contract/index.h"
#include "contract/lint_rules.h"
#include "contract/set.h"
#include "contract/thing.h"
#include "descriptor.atoll.h"

/* Where findings about a whole file stand: the path of the statement in SourceCodeInfo. */
#define AT_PACKAGE .place = {2}
#define AT_SYNTAX .place = {12}
#define AT_OPTION(number, member)                                                                  \
    .place = {8, (number)}, .offset = offsetof(struct google_protobuf_FileOptions, member)

static const char why_option[] =
    "a generator that puts a package into one unit of its language finds two of them";
static const char do_option[] = "give all files of the package the same value";

// clang-format off
static const struct at_lint_row rows[] = {
    {.rule = {.name = "PACKAGE_DEFINED",
      .why = "without a package, names clash with those of every other file that has none",
      .advice = "add: package NAME.v1;"},
     .kind = AT_THING_FILE, .check = at_lint_package_defined, AT_SYNTAX},
    {.rule = {.name = "PACKAGE_DIRECTORY_MATCH",
      .why = "imports should tell the package, and many generators take the folder for it",
      .advice = "move the file to the folder that its package names"},
     .kind = AT_THING_FILE, .check = at_lint_package_folder, AT_PACKAGE},
    {.rule = {.name = "PACKAGE_SAME_DIRECTORY",
      .why = "who looks for a type of a package should find it in one place",
      .advice = "keep all files of a package in one folder"},
     .kind = AT_THING_FILE, .check = at_lint_package_one_folder, AT_PACKAGE},
    {.rule = {.name = "DIRECTORY_SAME_PACKAGE",
      .why = "languages that make one unit of a folder cannot hold two packages in it",
      .advice = "keep a folder for each package"},
     .kind = AT_THING_FILE, .check = at_lint_folder_one_package, AT_PACKAGE},
    {.rule = {.name = "PACKAGE_NO_IMPORT_CYCLE",
      .why = "languages that compile package by package cannot build a ring of them",
      .advice = "move what both need into a package of its own"},
     .kind = AT_THING_IMPORT, .check = at_lint_no_cycle},
    {.rule = {.name = "PACKAGE_LOWER_SNAKE_CASE",
      .why = "packages become folders, modules and namespaces, which are written small",
      .advice = "write it in small letters"},
     .kind = AT_THING_FILE, .check = at_lint_package_snake, AT_PACKAGE},
    {.rule = {.name = "PACKAGE_VERSION_SUFFIX",
      .why = "a change that breaks needs a second version beside the first one",
      .advice = "end the package with a version such as v1 or v1beta1"},
     .kind = AT_THING_FILE, .check = at_lint_package_version, AT_PACKAGE},
    {.rule = {.name = "PACKAGE_SAME_CSHARP_NAMESPACE", .why = why_option, .advice = do_option},
     .kind = AT_THING_FILE, .check = at_lint_same_option, AT_OPTION(37, csharp_namespace)},
    {.rule = {.name = "PACKAGE_SAME_GO_PACKAGE", .why = why_option, .advice = do_option},
     .kind = AT_THING_FILE, .check = at_lint_same_option, AT_OPTION(11, go_package)},
    {.rule = {.name = "PACKAGE_SAME_JAVA_MULTIPLE_FILES", .why = why_option, .advice = do_option},
     .kind = AT_THING_FILE, .check = at_lint_same_option, AT_OPTION(10, java_multiple_files), .is_bool = true},
    {.rule = {.name = "PACKAGE_SAME_JAVA_PACKAGE", .why = why_option, .advice = do_option},
     .kind = AT_THING_FILE, .check = at_lint_same_option, AT_OPTION(1, java_package)},
    {.rule = {.name = "PACKAGE_SAME_PHP_NAMESPACE", .why = why_option, .advice = do_option},
     .kind = AT_THING_FILE, .check = at_lint_same_option, AT_OPTION(41, php_namespace)},
    {.rule = {.name = "PACKAGE_SAME_RUBY_PACKAGE", .why = why_option, .advice = do_option},
     .kind = AT_THING_FILE, .check = at_lint_same_option, AT_OPTION(45, ruby_package)},
    {.rule = {.name = "PACKAGE_SAME_SWIFT_PREFIX", .why = why_option, .advice = do_option},
     .kind = AT_THING_FILE, .check = at_lint_same_option, AT_OPTION(39, swift_prefix)},
    {.rule = {.name = "FILE_LOWER_SNAKE_CASE",
      .why = "some file systems do not tell capitals from small letters, and imports do",
      .advice = "call it lower_snake_case.proto"},
     .kind = AT_THING_FILE, .check = at_lint_file_snake, AT_SYNTAX},
    {.rule = {.name = "SYNTAX_SPECIFIED",
      .why = "proto2 and proto3 differ in what an absent field means",
      .advice = "begin with: syntax = \"proto3\";"},
     .kind = AT_THING_FILE, .check = at_lint_syntax, AT_SYNTAX},
    {.rule = {.name = "IMPORT_NO_PUBLIC",
      .why = "users of the file come to depend on what it imports, and notice when that changes",
      .advice = "let each file import what it uses"},
     .kind = AT_THING_IMPORT, .check = at_lint_no_public},
    {.rule = {.name = "IMPORT_NO_WEAK",
      .why = "weak imports work inside of Google only",
      .advice = "leave out weak"},
     .kind = AT_THING_IMPORT, .check = at_lint_no_weak},
    {.rule = {.name = "IMPORT_USED",
      .why = "an import that nothing needs still has to be found, built and shipped",
      .advice = "remove the import"},
     .kind = AT_THING_IMPORT, .check = at_lint_import_used},
    {.rule = {.name = "MESSAGE_PASCAL_CASE",
      .why = "generators make names from it that look strange, or clash",
      .advice = "write it in PascalCase"},
     .kind = AT_THING_MESSAGE, .check = at_lint_message_pascal},
    {.rule = {.name = "FIELD_LOWER_SNAKE_CASE",
      .why = "the JSON name is made from it by the '_' between its words",
      .advice = "write it in lower_snake_case"},
     .kind = AT_THING_FIELD, .check = at_lint_field_snake},
    {.rule = {.name = "FIELD_NOT_REQUIRED",
      .why = "a required field can never be removed: old programs refuse messages without it",
      .advice = "leave out required, and let the service check the request"},
     .kind = AT_THING_FIELD, .check = at_lint_not_required},
    {.rule = {.name = "ONEOF_LOWER_SNAKE_CASE",
      .why = "generators make names from it as they do from fields",
      .advice = "write it in lower_snake_case"},
     .kind = AT_THING_ONEOF, .check = at_lint_oneof_snake},
    {.rule = {.name = "ENUM_PASCAL_CASE",
      .why = "generators make names from it that look strange, or clash",
      .advice = "write it in PascalCase"},
     .kind = AT_THING_ENUM, .check = at_lint_enum_pascal},
    {.rule = {.name = "ENUM_FIRST_VALUE_ZERO",
      .why = "the first value is what an absent field means, and proto3 wants 0 for that",
      .advice = "put a value NAME_UNSPECIFIED = 0 in front"},
     .kind = AT_THING_ENUM, .check = at_lint_first_zero},
    {.rule = {.name = "ENUM_NO_ALLOW_ALIAS",
      .why = "JSON has one name for a number, and languages differ in which one that is",
      .advice = "leave out allow_alias and keep one name"},
     .kind = AT_THING_ENUM, .check = at_lint_no_alias},
    {.rule = {.name = "ENUM_VALUE_PREFIX",
      .why = "in C and C++ the values of all enums of a package share one space of names",
      .advice = "begin it with the name of the enum"},
     .kind = AT_THING_VALUE, .check = at_lint_value_prefix},
    {.rule = {.name = "ENUM_VALUE_UPPER_SNAKE_CASE",
      .why = "values are constants, and generators expect them written so",
      .advice = "write it in UPPER_SNAKE_CASE"},
     .kind = AT_THING_VALUE, .check = at_lint_value_snake},
    {.rule = {.name = "ENUM_ZERO_VALUE_SUFFIX",
      .why = "0 is also what an absent field means, so it should say that nothing was chosen",
      .advice = "call it NAME_UNSPECIFIED"},
     .kind = AT_THING_VALUE, .check = at_lint_zero_suffix},
    {.rule = {.name = "SERVICE_PASCAL_CASE",
      .why = "the name is part of the address of every method",
      .advice = "write it in PascalCase"},
     .kind = AT_THING_SERVICE, .check = at_lint_service_pascal},
    {.rule = {.name = "SERVICE_SUFFIX",
      .why = "a service beside a message of the same name cannot be told from it",
      .advice = "end it with Service"},
     .kind = AT_THING_SERVICE, .check = at_lint_service_suffix},
    {.rule = {.name = "RPC_PASCAL_CASE",
      .why = "the name is part of the address of the method",
      .advice = "write it in PascalCase"},
     .kind = AT_THING_METHOD, .check = at_lint_rpc_pascal},
    {.rule = {.name = "RPC_REQUEST_STANDARD_NAME",
      .why = "a request of its own can get a field later without touching other methods",
      .advice = "give the method a request of its own"},
     .kind = AT_THING_METHOD, .check = at_lint_request_name},
    {.rule = {.name = "RPC_RESPONSE_STANDARD_NAME",
      .why = "a response of its own can get a field later without touching other methods",
      .advice = "give the method a response of its own"},
     .kind = AT_THING_METHOD, .check = at_lint_response_name},
    {.rule = {.name = "RPC_REQUEST_RESPONSE_UNIQUE",
      .why = "a field that one of the methods needs would be seen in all of them",
      .advice = "give each method a request and a response of its own"},
     .kind = AT_THING_METHOD, .check = at_lint_unique},
};
// clang-format on

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

const struct at_rule *at_lint_rule_at(size_t i)
{
    return i < ROWS ? &rows[i].rule : NULL;
}

/* ---- comments ---- */

/* "ENUM_VALUE_PREFIX, ENUM_PASCAL_CASE since 2019": rules until something is none. */
static bool names_rule(struct at_bytes rest, const char *rule)
{
    while (rest.len > 0) {
        size_t len = 0;

        while (rest.len > 0 && (rest.at[0] == ' ' || rest.at[0] == ',' || rest.at[0] == '\t')) {
            rest = at_bytes_after(rest, 1);
        }
        while (len < rest.len &&
               (rest.at[len] == '_' || (rest.at[len] >= 'A' && rest.at[len] <= 'Z'))) {
            len++;
        }
        if (len == 0) {
            return false;
        }
        if (at_bytes_equal(at_bytes_before(rest, len), at_bytes_of(rule))) {
            return true;
        }
        rest = at_bytes_after(rest, len);
    }
    return false;
}

static bool comment_ignores(struct at_bytes comment, const char *rule)
{
    static const char *const marks[] = {"atoll:lint:ignore", "buf:lint:ignore"};
    struct at_bytes line;

    while (at_bytes_cut(&comment, '\n', &line)) {
        line = at_bytes_trim(line);
        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
            if (at_bytes_start_with(line, at_bytes_of(marks[i])) &&
                names_rule(at_bytes_after(line, strlen(marks[i])), rule)) {
                return true;
            }
        }
    }
    return false;
}

static bool place_ignores(const struct at_set_file *file, const struct at_set_path *path,
                          const char *rule)
{
    const struct google_protobuf_SourceCodeInfo_Location *where = at_set_location_of(file, path);

    return where != NULL && comment_ignores(at_set_bytes(where->leading_comments), rule);
}

/* At the declaration and at each one around it; for the file at its syntax and its package. */
static bool is_ignored(const struct at_lint_run *run, const struct at_thing *t,
                       const struct at_set_path *place)
{
    static const struct at_set_path file_places[] = {{.at = {12}, .len = 1}, {.at = {2}, .len = 1}};
    struct at_set_path path = *place;
    const char *rule = run->row->rule.name;

    for (size_t i = 0; i < sizeof(file_places) / sizeof(file_places[0]); i++) {
        if (place_ignores(t->file, &file_places[i], rule)) {
            return true;
        }
    }
    while (path.len > 0) {
        if (place_ignores(t->file, &path, rule)) {
            return true;
        }
        path.len -= path.len % 2 == 0 ? 2 : 1;
    }
    return false;
}

/* ---- findings ---- */

static void place_of(const struct at_lint_run *run, const struct at_thing *t,
                     struct at_set_path *ret)
{
    at_thing_path(t, ret);
    if (t->kind == AT_THING_FILE) {
        for (size_t i = 0; i < 2 && run->row->place[i] != 0; i++) {
            ret->at[ret->len++] = run->row->place[i];
        }
    }
}

/* "field shop.stock.v1.Item.count" */
static const char *subject_of(struct at_lint_run *run, const struct at_thing *t)
{
    struct at_bytes name = at_thing_name(t);
    const char *word = at_thing_word(t->kind);

    if (t->kind == AT_THING_FILE || t->kind == AT_THING_IMPORT) {
        return at_findings_text(run->out, "%s %.*s", word, (int)name.len, (const char *)name.at);
    }
    if (t->kind == AT_THING_MESSAGE || t->kind == AT_THING_ENUM || t->kind == AT_THING_SERVICE ||
        t->symbol->kind == AT_SET_EXTENSION) {
        return at_findings_text(run->out, "%s %s", word, t->symbol->full_name);
    }
    return at_findings_text(run->out, "%s %s.%.*s", word, t->symbol->full_name, (int)name.len,
                            (const char *)name.at);
}

void at_lint_say(struct at_lint_run *run, const struct at_thing *thing, const char *advice,
                 const char *format, ...)
{
    enum { TEXT_MAX = 1024 };
    struct at_set_path path;
    struct at_finding *f;
    char text[TEXT_MAX];
    va_list args;

    place_of(run, thing, &path);
    if (is_ignored(run, thing, &path)) {
        return;
    }
    f = at_findings_add(run->out, &run->row->rule);
    if (f == NULL) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    f->what = at_findings_text(run->out, "%s", text);
    f->subject = subject_of(run, thing);
    if (advice != NULL) {
        f->advice = advice;
    }
    at_finding_place(f, thing->file, &path);
}

/* ---- what rules look up ---- */

static bool same_package(const struct at_set_file *a, const struct at_set_file *b)
{
    return at_bytes_equal(at_set_bytes(a->proto->package), at_set_bytes(b->proto->package));
}

static void list_packages(struct at_lint_run *run)
{
    const struct at_set *set = run->set;

    for (size_t i = 0; i < set->file_count; i++) {
        const struct at_set_file *file = &set->files[i];
        const struct at_set_file **end;

        run->package[i] = i;
        run->same[i] = file;
        for (size_t k = i; k-- > 0;) {
            if (!same_package(&set->files[k], file)) {
                continue;
            }
            run->package[i] = run->package[k];
            if (at_lint_is_given(run, &set->files[k])) {
                run->same[i] = &set->files[k]; /* the first one at the end of the walk */
            }
        }
        end = &run->next[run->package[i]];
        while (run->package[i] != i && *end != NULL) {
            end = &run->next[(*end)->index];
        }
        if (run->package[i] != i) {
            *end = file;
        }
    }
}

static void count_use(struct at_lint_run *run, struct atoll_str type)
{
    const struct at_set_symbol *s = at_set_find(run->set, at_set_bytes(type));

    if (s != NULL) {
        run->uses[s - run->set->symbols]++;
    }
}

static void count_uses(struct at_lint_run *run)
{
    for (size_t i = 0; i < run->set->symbol_count; i++) {
        const struct at_set_symbol *s = &run->set->symbols[i];

        if (s->kind != AT_SET_SERVICE || !at_lint_is_given(run, s->file)) {
            continue;
        }
        for (size_t m = 0; m < s->of.service->method.count; m++) {
            count_use(run, s->of.service->method.at[m].input_type);
            count_use(run, s->of.service->method.at[m].output_type);
        }
    }
}

/* Extensions of the options of one kind of thing, by number; at: index in run->extensions. */
static int list_options_of(struct at_lint_run *run, enum at_thing_kind kind, size_t count)
{
    struct at_index_entry *e = at_arena_zalloc(run->out->arena, count + 1, sizeof(*e));
    size_t n = 0;

    for (size_t i = 0; e != NULL && i < count; i++) {
        const struct google_protobuf_FieldDescriptorProto *f = run->extensions[i]->of.extension;

        if (at_bytes_equal(at_bytes_after(at_set_bytes(f->extendee), 1),
                           at_bytes_of(at_thing_options_name(kind)))) {
            e[n++] = (struct at_index_entry){f->number, at_set_bytes(f->name), i};
        }
    }
    return e == NULL ? -ENOMEM : at_index_make(run->out->arena, e, n, &run->options_of[kind]);
}

static int list_options(struct at_lint_run *run)
{
    size_t count = 0;
    int r = 0;

    for (size_t i = 0; i < run->set->symbol_count; i++) {
        if (run->set->symbols[i].kind == AT_SET_EXTENSION) {
            run->extensions[count++] = &run->set->symbols[i];
        }
    }
    for (size_t kind = 0; r == 0 && kind < AT_THING_KINDS; kind++) {
        r = list_options_of(run, (enum at_thing_kind)kind, count);
    }
    return r;
}

static int prepare(struct at_lint_run *run)
{
    struct at_arena *arena = run->out->arena;
    size_t files = run->set->file_count + 1;
    size_t symbols = run->set->symbol_count + 1;

    run->used = at_arena_zalloc(arena, files, sizeof(*run->used));
    run->seen = at_arena_zalloc(arena, files, sizeof(*run->seen));
    run->queue = at_arena_zalloc(arena, files, sizeof(*run->queue));
    run->same = at_arena_zalloc(arena, files, sizeof(*run->same));
    run->next = at_arena_zalloc(arena, files, sizeof(*run->next));
    run->package = at_arena_zalloc(arena, files, sizeof(*run->package));
    run->uses = at_arena_zalloc(arena, symbols, sizeof(*run->uses));
    run->extensions = at_arena_zalloc(arena, symbols, sizeof(*run->extensions));
    if (run->used == NULL || run->seen == NULL || run->queue == NULL || run->same == NULL ||
        run->next == NULL || run->package == NULL || run->uses == NULL || run->extensions == NULL) {
        return -ENOMEM;
    }
    list_packages(run);
    count_uses(run);
    return list_options(run);
}

/* ---- the run ---- */

static void check_thing(struct at_lint_run *run, const struct at_thing *t)
{
    for (size_t i = 0; i < ROWS; i++) {
        run->row = &rows[i];
        if (rows[i].kind == t->kind &&
            !at_rule_is_among(&rows[i].rule, run->options->except, run->options->except_count)) {
            rows[i].check(run, t);
        }
    }
}

static int check_file(struct at_lint_run *run, const struct at_set_file *file)
{
    struct at_things things;
    int r = at_things_of(run->set, file, run->out->arena, &things);

    if (r < 0) {
        return r;
    }
    run->things = things.at;
    run->thing_count = things.count;
    at_lint_mark_used(run);
    for (size_t i = 0; i < things.count; i++) {
        check_thing(run, &things.at[i]);
    }
    return 0;
}

int at_lint(const struct at_set *set, const struct at_lint_options *options,
            struct at_findings *out)
{
    struct at_lint_run run = {.set = set, .options = options, .out = out};
    int r = prepare(&run);

    for (size_t i = 0; r == 0 && i < set->file_count; i++) {
        if (at_lint_is_given(&run, &set->files[i])) {
            r = check_file(&run, &set->files[i]);
        }
    }
    if (r == 0 && out->failed) {
        r = -ENOMEM;
    }
    at_findings_sort(out);
    return r;
}
