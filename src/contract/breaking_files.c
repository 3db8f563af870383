/* Files that both contracts have: package, syntax and the options of generators. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "contract/breaking_rules.h"
#include "contract/finding.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

enum { FILE_PACKAGE = 2, FILE_OPTIONS = 8, FILE_SYNTAX = 12 };

enum option_kind { IS_TEXT, IS_BOOL, IS_ENUM };

#define OPTION(member) .offset = offsetof(struct google_protobuf_FileOptions, member)

/* Options that decide what generated code is called or how it is cut. */
static const struct {
    enum at_breaking_rule rule;
    const char *name;
    int32_t number;
    size_t offset;
    enum option_kind kind;
} options[] = {
    {AT_FILE_SAME_CC_ENABLE_ARENAS, "cc_enable_arenas", 31, OPTION(cc_enable_arenas), IS_BOOL},
    {AT_FILE_SAME_CC_GENERIC_SERVICES, "cc_generic_services", 16, OPTION(cc_generic_services),
     IS_BOOL},
    {AT_FILE_SAME_CSHARP_NAMESPACE, "csharp_namespace", 37, OPTION(csharp_namespace), IS_TEXT},
    {AT_FILE_SAME_GO_PACKAGE, "go_package", 11, OPTION(go_package), IS_TEXT},
    {AT_FILE_SAME_JAVA_GENERIC_SERVICES, "java_generic_services", 17, OPTION(java_generic_services),
     IS_BOOL},
    {AT_FILE_SAME_JAVA_MULTIPLE_FILES, "java_multiple_files", 10, OPTION(java_multiple_files),
     IS_BOOL},
    {AT_FILE_SAME_JAVA_OUTER_CLASSNAME, "java_outer_classname", 8, OPTION(java_outer_classname),
     IS_TEXT},
    {AT_FILE_SAME_JAVA_PACKAGE, "java_package", 1, OPTION(java_package), IS_TEXT},
    {AT_FILE_SAME_OBJC_CLASS_PREFIX, "objc_class_prefix", 36, OPTION(objc_class_prefix), IS_TEXT},
    {AT_FILE_SAME_OPTIMIZE_FOR, "optimize_for", 9, OPTION(optimize_for), IS_ENUM},
    {AT_FILE_SAME_PHP_CLASS_PREFIX, "php_class_prefix", 40, OPTION(php_class_prefix), IS_TEXT},
    {AT_FILE_SAME_PHP_METADATA_NAMESPACE, "php_metadata_namespace", 44,
     OPTION(php_metadata_namespace), IS_TEXT},
    {AT_FILE_SAME_PHP_NAMESPACE, "php_namespace", 41, OPTION(php_namespace), IS_TEXT},
    {AT_FILE_SAME_PY_GENERIC_SERVICES, "py_generic_services", 18, OPTION(py_generic_services),
     IS_BOOL},
    {AT_FILE_SAME_RUBY_PACKAGE, "ruby_package", 45, OPTION(ruby_package), IS_TEXT},
    {AT_FILE_SAME_SWIFT_PREFIX, "swift_prefix", 39, OPTION(swift_prefix), IS_TEXT},
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
