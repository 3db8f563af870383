/* Files that both contracts have: package, syntax and the options of generators. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "contract/breaking_rules.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

enum { FILE_PACKAGE = 2, FILE_OPTIONS = 8, FILE_SYNTAX = 12 };

enum option_kind { IS_TEXT, IS_BOOL, IS_ENUM };

#define OPTION(member) .offset = offsetof(struct google_protobuf_FileOptions, member)

/* Options that decide what generated code is called or how it is cut. */
static const struct {
    const char *name;
    size_t offset;
    enum at_breaking_rule rule;
    int32_t number;
    enum option_kind kind;
} options[] = {
    {"cc_enable_arenas", OPTION(cc_enable_arenas), AT_FILE_SAME_CC_ENABLE_ARENAS, 31, IS_BOOL},
    {"cc_generic_services", OPTION(cc_generic_services), AT_FILE_SAME_CC_GENERIC_SERVICES, 16,
     IS_BOOL},
    {"csharp_namespace", OPTION(csharp_namespace), AT_FILE_SAME_CSHARP_NAMESPACE, 37, IS_TEXT},
    {"go_package", OPTION(go_package), AT_FILE_SAME_GO_PACKAGE, 11, IS_TEXT},
    {"java_generic_services", OPTION(java_generic_services), AT_FILE_SAME_JAVA_GENERIC_SERVICES, 17,
     IS_BOOL},
    {"java_multiple_files", OPTION(java_multiple_files), AT_FILE_SAME_JAVA_MULTIPLE_FILES, 10,
     IS_BOOL},
    {"java_outer_classname", OPTION(java_outer_classname), AT_FILE_SAME_JAVA_OUTER_CLASSNAME, 8,
     IS_TEXT},
    {"java_package", OPTION(java_package), AT_FILE_SAME_JAVA_PACKAGE, 1, IS_TEXT},
    {"objc_class_prefix", OPTION(objc_class_prefix), AT_FILE_SAME_OBJC_CLASS_PREFIX, 36, IS_TEXT},
    {"optimize_for", OPTION(optimize_for), AT_FILE_SAME_OPTIMIZE_FOR, 9, IS_ENUM},
    {"php_class_prefix", OPTION(php_class_prefix), AT_FILE_SAME_PHP_CLASS_PREFIX, 40, IS_TEXT},
    {"php_metadata_namespace", OPTION(php_metadata_namespace), AT_FILE_SAME_PHP_METADATA_NAMESPACE,
     44, IS_TEXT},
    {"php_namespace", OPTION(php_namespace), AT_FILE_SAME_PHP_NAMESPACE, 41, IS_TEXT},
    {"py_generic_services", OPTION(py_generic_services), AT_FILE_SAME_PY_GENERIC_SERVICES, 18,
     IS_BOOL},
    {"ruby_package", OPTION(ruby_package), AT_FILE_SAME_RUBY_PACKAGE, 45, IS_TEXT},
    {"swift_prefix", OPTION(swift_prefix), AT_FILE_SAME_SWIFT_PREFIX, 39, IS_TEXT},
};

static struct at_breaking_where at_statement(const struct at_set_file *now, int32_t statement,
                                             int32_t option)
{
    struct at_breaking_where where = {
        .file = now, .word = "file", .owner = at_set_bytes(now->proto->name)};

    where.path.at[where.path.len++] = statement;
    if (option != 0) {
        where.path.at[where.path.len++] = option;
    }
    return where;
}

/* What holds where nothing is said is filled in, so that saying it is no change. */
static void options_of(const struct at_set_file *file, struct google_protobuf_FileOptions *ret)
{
    *ret = file->proto->options == NULL
               ? (struct google_protobuf_FileOptions){.has_deprecated = false}
               : *file->proto->options;
    if (!ret->has_cc_enable_arenas) {
        ret->cc_enable_arenas = true;
    }
    if (!ret->has_optimize_for) {
        ret->optimize_for = GOOGLE_PROTOBUF_FILE_OPTIONS_SPEED;
    }
}

static bool is_same(const void *a, const void *b, enum option_kind kind)
{
    struct atoll_str text[2];

    switch (kind) {
    case IS_BOOL: return memcmp(a, b, sizeof(bool)) == 0;
    case IS_ENUM: return memcmp(a, b, sizeof(int32_t)) == 0;
    case IS_TEXT: break;
    }
    memcpy(&text[0], a, sizeof(text[0]));
    memcpy(&text[1], b, sizeof(text[1]));
    return at_bytes_equal(at_set_bytes(text[0]), at_set_bytes(text[1]));
}

static void compare_options(struct at_breaking_run *run, const struct at_set_file *old,
                            const struct at_set_file *now)
{
    struct google_protobuf_FileOptions was;
    struct google_protobuf_FileOptions is;

    options_of(old, &was);
    options_of(now, &is);

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (!is_same((const char *)&was + options[i].offset, (const char *)&is + options[i].offset,
                     options[i].kind)) {
            struct at_breaking_where where = at_statement(now, FILE_OPTIONS, options[i].number);

            at_breaking_say(run, options[i].rule, 0, &where, "its option %s has changed",
                            options[i].name);
        }
    }
}

static struct at_bytes syntax_of(const struct at_set_file *file)
{
    return file->proto->syntax.len == 0 ? AT_LIT("proto2") : at_set_bytes(file->proto->syntax);
}

static void say_deleted(struct at_breaking_run *run, const struct at_set_file *old)
{
    struct at_breaking_where where = at_statement(old, FILE_PACKAGE, 0);

    where.in_old = true;
    at_breaking_say(run, AT_FILE_NO_DELETE, 0, &where, "the file is gone");
}

void at_breaking_files(struct at_breaking_run *run, const struct at_set_file *old)
{
    const struct at_set_file *now = at_set_find_file(run->now, at_set_bytes(old->proto->name));
    struct at_breaking_where where;

    if (now == NULL) {
        say_deleted(run, old);
        return;
    }
    if (!at_bytes_equal(at_set_bytes(old->proto->package), at_set_bytes(now->proto->package))) {
        where = at_statement(now, FILE_PACKAGE, 0);
        at_breaking_say(run, AT_FILE_SAME_PACKAGE, 0, &where,
                        "the package was %.*s and is now %.*s", (int)old->proto->package.len,
                        old->proto->package.at, (int)now->proto->package.len,
                        now->proto->package.at);
    }
    if (!at_bytes_equal(syntax_of(old), syntax_of(now))) {
        where = at_statement(now, FILE_SYNTAX, 0);
        at_breaking_say(run, AT_FILE_SAME_SYNTAX, 0, &where, "the syntax was %.*s and is now %.*s",
                        (int)syntax_of(old).len, (const char *)syntax_of(old).at,
                        (int)syntax_of(now).len, (const char *)syntax_of(now).at);
    }
    compare_options(run, old, now);
}
