#include "contract/breaking.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/breaking_rules.h"
#include "contract/finding.h"
#include "contract/set.h"
#include "descriptor.atoll.h"

#define ALL AT_BREAKS_ALL
#define JSON_SOURCE (AT_BREAKS_JSON | AT_BREAKS_SOURCE)
#define SOURCE AT_BREAKS_SOURCE
#define OPTION(rule)                                                                               \
    [AT_##rule] = {#rule, "the names or the cut of the generated code follow it",                  \
                   "keep the option as it was", SOURCE}

static const char why_gone[] = "programs that use it do not compile any more";
static const char do_keep[] = "keep it, with [deprecated = true]";
static const char why_called[] = "callers of the old contract call a method that is not there";
static const char why_type[] = "code that uses the field does not compile, or converts in silence";
static const char why_reserved[] = "a number or name that was used once may be given away again";
static const char do_new[] = "add a new one beside it and keep this one as it was";

// clang-format off
static const struct at_rule rules[AT_BREAKING_RULES] = {
    [AT_FILE_NO_DELETE] = {"FILE_NO_DELETE", "programs include what is generated from it",
        "keep the file; it may import what moved", SOURCE},
    [AT_FILE_SAME_PACKAGE] = {"FILE_SAME_PACKAGE",
        "the package is part of every name: of methods on the wire, of types in Any, of code",
        "put the new package into a file of its own", ALL},
    [AT_FILE_SAME_SYNTAX] = {"FILE_SAME_SYNTAX",
        "what an absent field means, and whether code can see it, follows from it",
        "put new types into a file of the new syntax", SOURCE},
    OPTION(FILE_SAME_CC_ENABLE_ARENAS),
    OPTION(FILE_SAME_CC_GENERIC_SERVICES),
    OPTION(FILE_SAME_CSHARP_NAMESPACE),
    OPTION(FILE_SAME_GO_PACKAGE),
    OPTION(FILE_SAME_JAVA_GENERIC_SERVICES),
    OPTION(FILE_SAME_JAVA_MULTIPLE_FILES),
    OPTION(FILE_SAME_JAVA_OUTER_CLASSNAME),
    OPTION(FILE_SAME_JAVA_PACKAGE),
    OPTION(FILE_SAME_OBJC_CLASS_PREFIX),
    OPTION(FILE_SAME_OPTIMIZE_FOR),
    OPTION(FILE_SAME_PHP_CLASS_PREFIX),
    OPTION(FILE_SAME_PHP_METADATA_NAMESPACE),
    OPTION(FILE_SAME_PHP_NAMESPACE),
    OPTION(FILE_SAME_PY_GENERIC_SERVICES),
    OPTION(FILE_SAME_RUBY_PACKAGE),
    OPTION(FILE_SAME_SWIFT_PREFIX),
    [AT_TYPE_SAME_FILE] = {"TYPE_SAME_FILE", "programs include the header of the old file",
        "leave it where it was", SOURCE},
    [AT_MESSAGE_NO_DELETE] = {"MESSAGE_NO_DELETE", why_gone,
        "keep it, with option deprecated = true", SOURCE},
    [AT_MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR] = {
        "MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR",
        "code that asks for its descriptor does not compile any more",
        "leave the option out again", SOURCE},
    [AT_MESSAGE_SAME_MESSAGE_SET_WIRE_FORMAT] = {"MESSAGE_SAME_MESSAGE_SET_WIRE_FORMAT",
        "a message set is encoded in another way", do_new, ALL},
    [AT_MESSAGE_SAME_REQUIRED_FIELDS] = {"MESSAGE_SAME_REQUIRED_FIELDS",
        "who requires a field refuses the messages of who does not send it",
        "leave it as it was; give new fields without required", ALL},
    [AT_EXTENSION_MESSAGE_NO_DELETE] = {"EXTENSION_MESSAGE_NO_DELETE",
        "extensions with these numbers do not compile any more", "keep the range", SOURCE},
    [AT_EXTENSION_NO_DELETE] = {"EXTENSION_NO_DELETE", why_gone, do_keep, SOURCE},
    [AT_RESERVED_MESSAGE_NO_DELETE] = {"RESERVED_MESSAGE_NO_DELETE", why_reserved,
        "reserve them again", ALL},
    [AT_ONEOF_NO_DELETE] = {"ONEOF_NO_DELETE",
        "code that asks which of its fields is set does not compile any more",
        "keep its name", SOURCE},
    [AT_FIELD_NO_DELETE] = {"FIELD_NO_DELETE", why_gone, do_keep, SOURCE},
    [AT_FIELD_NO_DELETE_UNLESS_NAME_RESERVED] = {"FIELD_NO_DELETE_UNLESS_NAME_RESERVED",
        "a later field of that name would be taken for it in JSON", "reserve its name", JSON_SOURCE},
    [AT_FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED] = {"FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
        "a later field of that number would be taken for it by old peers",
        "reserve its number and its name", ALL},
    [AT_FIELD_SAME_NUMBER] = {"FIELD_SAME_NUMBER",
        "peers know a field by its number: they lose it, or take another one for it",
        "give it back its number", ALL},
    [AT_FIELD_NUMBER_NO_REUSE] = {"FIELD_NUMBER_NO_REUSE",
        "old peers take what is in it for the old field",
        "give the new field a number that was never used, and reserve this one", ALL},
    [AT_FIELD_SAME_NAME] = {"FIELD_SAME_NAME", "JSON and code know a field by its name",
        "keep the name; json_name can give it another one in JSON", JSON_SOURCE},
    [AT_FIELD_SAME_JSON_NAME] = {"FIELD_SAME_JSON_NAME", "JSON clients know it by that name",
        "keep it with [json_name = \"…\"]", AT_BREAKS_JSON},
    [AT_FIELD_SAME_TYPE] = {"FIELD_SAME_TYPE", why_type, do_new, SOURCE},
    [AT_FIELD_WIRE_JSON_COMPATIBLE_TYPE] = {"FIELD_WIRE_JSON_COMPATIBLE_TYPE",
        "the two look different in JSON", do_new, JSON_SOURCE},
    [AT_FIELD_WIRE_COMPATIBLE_TYPE] = {"FIELD_WIRE_COMPATIBLE_TYPE",
        "the two are encoded differently: peers lose the field or refuse the message", do_new, ALL},
    [AT_FIELD_SAME_CARDINALITY] = {"FIELD_SAME_CARDINALITY",
        "code that asks whether it is there does not compile, or never hears yes", do_new, SOURCE},
    [AT_FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY] = {"FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY",
        "a map is an object in JSON and a list an array", do_new, JSON_SOURCE},
    [AT_FIELD_WIRE_COMPATIBLE_CARDINALITY] = {"FIELD_WIRE_COMPATIBLE_CARDINALITY",
        "of several values all but the last are lost, and numbers are packed otherwise", do_new, ALL},
    [AT_FIELD_SAME_ONEOF] = {"FIELD_SAME_ONEOF",
        "fields of a oneof exclude each other: one of them is lost between old and new peers",
        "leave it where it was", ALL},
    [AT_FIELD_SAME_DEFAULT] = {"FIELD_SAME_DEFAULT",
        "a field that is not sent means one thing to old peers and another to new ones",
        "keep the default", ALL},
    [AT_FIELD_SAME_JSTYPE] = {"FIELD_SAME_JSTYPE", why_type, "keep the option", SOURCE},
    [AT_FIELD_SAME_CPP_STRING_TYPE] = {"FIELD_SAME_CPP_STRING_TYPE", why_type, "keep the option",
        SOURCE},
    [AT_ENUM_NO_DELETE] = {"ENUM_NO_DELETE", why_gone, "keep it, with option deprecated = true",
        SOURCE},
    [AT_ENUM_SAME_TYPE] = {"ENUM_SAME_TYPE",
        "a closed enum keeps numbers without a name away from code, an open one gives them to it",
        "put a new enum into a file of the new syntax", SOURCE},
    [AT_ENUM_VALUE_NO_DELETE] = {"ENUM_VALUE_NO_DELETE", why_gone, do_keep, SOURCE},
    [AT_ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED] = {"ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED",
        "JSON with that name is refused, or means a later value of that name", "reserve its name",
        JSON_SOURCE},
    [AT_ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED] = {
        "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED",
        "a later value of that number would be taken for it by old peers",
        "reserve its number and its name", ALL},
    [AT_ENUM_VALUE_SAME_NAME] = {"ENUM_VALUE_SAME_NAME", "JSON and code know a value by its name",
        "keep the name", JSON_SOURCE},
    [AT_ENUM_VALUE_SAME_NUMBER] = {"ENUM_VALUE_SAME_NUMBER",
        "peers know a value by its number: they take it for another one", "give it back its number",
        ALL},
    [AT_RESERVED_ENUM_NO_DELETE] = {"RESERVED_ENUM_NO_DELETE", why_reserved, "reserve them again",
        ALL},
    [AT_SERVICE_NO_DELETE] = {"SERVICE_NO_DELETE", why_called,
        "keep it, with option deprecated = true", ALL},
    [AT_RPC_NO_DELETE] = {"RPC_NO_DELETE", why_called, "keep it, with option deprecated = true",
        ALL},
    [AT_RPC_SAME_REQUEST_TYPE] = {"RPC_SAME_REQUEST_TYPE",
        "old callers send the old message", "add a method with the new request", ALL},
    [AT_RPC_SAME_RESPONSE_TYPE] = {"RPC_SAME_RESPONSE_TYPE",
        "old callers expect the old message", "add a method with the new response", ALL},
    [AT_RPC_SAME_CLIENT_STREAMING] = {"RPC_SAME_CLIENT_STREAMING",
        "old callers talk to it in another way", "add a method beside it", ALL},
    [AT_RPC_SAME_SERVER_STREAMING] = {"RPC_SAME_SERVER_STREAMING",
        "old callers listen to it in another way", "add a method beside it", ALL},
    [AT_RPC_SAME_IDEMPOTENCY_LEVEL] = {"RPC_SAME_IDEMPOTENCY_LEVEL",
        "old callers send a failed request again, which is now done twice",
        "keep the level, or add a method beside it", AT_BREAKS_WIRE | AT_BREAKS_JSON},
    [AT_RPC_SAME_HTTP] = {"RPC_SAME_HTTP", "REST clients use that address and that body",
        "keep it among additional_bindings", AT_BREAKS_JSON},
};
// clang-format on

const struct at_rule *at_breaking_rule_at(size_t i)
{
    return i < AT_BREAKING_RULES ? &rules[i] : NULL;
}

/* ---- findings ---- */

void at_breaking_say(struct at_breaking_run *run, enum at_breaking_rule rule, unsigned breaks,
                     const struct at_breaking_where *where, const char *format, ...)
{
    enum { TEXT_MAX = 1024 };
    unsigned against = run->options->against == 0 ? AT_BREAKS_ALL : run->options->against;
    struct at_finding *f;
    char text[TEXT_MAX];
    va_list args;

    breaks = breaks == 0 ? rules[rule].breaks : breaks;
    if ((breaks & against) == 0 ||
        at_rule_is_among(&rules[rule], run->options->except, run->options->except_count)) {
        return;
    }
    f = at_findings_add(run->out, &rules[rule]);
    if (f == NULL) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    f->breaks = breaks;
    f->what = at_findings_text(run->out, "%s", text);
    f->subject = at_findings_text(run->out, "%s %.*s%s%.*s", where->word, (int)where->owner.len,
                                  (const char *)where->owner.at, where->name.len == 0 ? "" : ".",
                                  (int)where->name.len, where->name.len == 0 ? "" : where->name.at);
    f->in_old = where->in_old;
    at_finding_place(f, where->file, &where->path);
}

struct at_breaking_where at_breaking_at(const char *word, const struct at_set_symbol *now)
{
    struct at_breaking_where where = {
        .file = now->file, .word = word, .owner = at_bytes_of(now->full_name)};

    at_set_path_of(now, &where.path);
    return where;
}

struct at_breaking_where at_breaking_in(const char *word, const struct at_set_symbol *now,
                                        int32_t list, size_t index, struct atoll_str name)
{
    struct at_breaking_where where = at_breaking_at(word, now);

    at_set_path_add(&where.path, list, (int32_t)index);
    where.name = name;
    return where;
}

/* ---- what became of what ---- */

const struct at_set_symbol *at_breaking_twin(const struct at_breaking_run *run,
                                             const struct at_set_symbol *old)
{
    return run->twins[old - run->old->symbols];
}

/* The name that it has if its file only changed its package; NULL: it did not, or no memory. */
static const char *name_in_new_package(struct at_breaking_run *run, const struct at_set_symbol *old)
{
    const struct at_set_file *now =
        at_set_find_file(run->now, at_set_bytes(old->file->proto->name));
    struct at_bytes was = at_set_bytes(old->file->proto->package);
    const char *rest = old->full_name + (was.len == 0 ? 0 : was.len + 1);

    if (now == NULL || at_bytes_equal(was, at_set_bytes(now->proto->package))) {
        return NULL;
    }
    return at_findings_text(run->out, "%.*s%s%s", (int)now->proto->package.len,
                            now->proto->package.at, now->proto->package.len == 0 ? "" : ".", rest);
}

static int find_twins(struct at_breaking_run *run)
{
    run->twins = at_arena_zalloc(run->out->arena, run->old->symbol_count + 1, sizeof(*run->twins));
    if (run->twins == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < run->old->symbol_count; i++) {
        const struct at_set_symbol *old = &run->old->symbols[i];
        const struct at_set_symbol *now = at_set_find(run->now, at_bytes_of(old->full_name));
        const char *moved = now == NULL ? name_in_new_package(run, old) : NULL;

        if (moved != NULL) {
            now = at_set_find(run->now, at_bytes_of(moved));
        }
        run->twins[i] = now == NULL || now->kind != old->kind ? NULL : now;
    }
    return run->out->failed ? -ENOMEM : 0;
}

/* ---- types and services ---- */

static int compare_extensions(struct at_breaking_run *run, const struct at_set_symbol *old,
                              const struct at_set_symbol *now)
{
    const struct at_set_symbol *was =
        at_set_find(run->old, at_set_bytes(old->of.extension->extendee));
    const struct at_set_symbol *is =
        at_set_find(run->now, at_set_bytes(now->of.extension->extendee));
    struct at_field_pair pair = {.old = old->of.extension,
                                 .now = now->of.extension,
                                 .old_file = old->file,
                                 .now_file = now->file};
    struct at_breaking_where where = at_breaking_at("extension", now);

    if (was == NULL || at_breaking_twin(run, was) != is) {
        at_breaking_say(run, AT_FIELD_SAME_NUMBER, 0, &where, "extends another message now");
    } else if (pair.old->number != pair.now->number) {
        at_breaking_say(run, AT_FIELD_SAME_NUMBER, 0, &where, "had the number %d and has now %d",
                        pair.old->number, pair.now->number);
    }
    at_breaking_field(run, &pair, &where);
    return 0;
}

static const struct {
    const char *word;
    enum at_breaking_rule no_delete;
    int (*compare)(struct at_breaking_run *, const struct at_set_symbol *,
                   const struct at_set_symbol *);
} kinds[] = {
    [AT_SET_MESSAGE] = {"message", AT_MESSAGE_NO_DELETE, at_breaking_messages},
    [AT_SET_ENUM] = {"enum", AT_ENUM_NO_DELETE, at_breaking_enums},
    [AT_SET_SERVICE] = {"service", AT_SERVICE_NO_DELETE, at_breaking_services},
    [AT_SET_EXTENSION] = {"extension", AT_EXTENSION_NO_DELETE, compare_extensions},
};

/*
 * In the new file, or the old one when that is gone too. What is in a deleted type goes unsaid, and
 * so do the types that went with their file; not its services, which break more.
 */
static void say_deleted(struct at_breaking_run *run, const struct at_set_symbol *old)
{
    const struct at_set_symbol *around =
        old->parent == NULL ? NULL : at_breaking_twin(run, old->parent);
    const struct at_set_file *now =
        at_set_find_file(run->now, at_set_bytes(old->file->proto->name));
    struct at_breaking_where where;

    if ((old->parent != NULL && around == NULL) || (run->all_gone && old->kind != AT_SET_SERVICE)) {
        return;
    }
    if (around != NULL) {
        where = at_breaking_at(kinds[old->kind].word, around);
    } else if (now != NULL) {
        where = (struct at_breaking_where){.file = now, .path = {.at = {2}, .len = 1}};
    } else {
        where = at_breaking_at(kinds[old->kind].word, old);
        where.in_old = true;
    }
    where.word = kinds[old->kind].word;
    where.owner = at_bytes_of(old->full_name);
    at_breaking_say(run, kinds[old->kind].no_delete, 0, &where, "is gone");
}

/* A type that moved from a file that is still there; when that is gone, it has been said. */
static void compare_place(struct at_breaking_run *run, const struct at_set_symbol *old,
                          const struct at_set_symbol *now)
{
    struct at_bytes was = at_set_bytes(old->file->proto->name);
    struct at_breaking_where where;

    if (old->parent == NULL && !at_bytes_equal(was, at_set_bytes(now->file->proto->name)) &&
        at_set_find_file(run->now, was) != NULL) {
        where = at_breaking_at(kinds[old->kind].word, now);
        at_breaking_say(run, AT_TYPE_SAME_FILE, 0, &where, "moved here from %.*s", (int)was.len,
                        (const char *)was.at);
    }
}

static int compare_symbol(struct at_breaking_run *run, const struct at_set_symbol *old)
{
    const struct at_set_symbol *now = at_breaking_twin(run, old);

    if (at_set_is_map_entry(old)) {
        return 0; /* its field speaks for it */
    }
    if (now == NULL || at_set_is_map_entry(now)) {
        say_deleted(run, old);
        return 0;
    }
    compare_place(run, old, now);
    return kinds[old->kind].compare(run, old, now);
}

/* Is the file gone, and nothing of it left elsewhere? */
static bool is_all_gone(const struct at_breaking_run *run, const struct at_set_file *old)
{
    if (at_set_find_file(run->now, at_set_bytes(old->proto->name)) != NULL) {
        return false;
    }
    for (size_t i = 0; i < old->symbol_count; i++) {
        if (at_breaking_twin(run, &old->symbols[i]) != NULL) {
            return false;
        }
    }
    return true;
}

int at_breaking(const struct at_set *old, const struct at_set *now,
                const struct at_breaking_options *options, struct at_findings *out)
{
    struct at_breaking_run run = {.old = old, .now = now, .options = options, .out = out};
    int r = find_twins(&run);

    for (size_t i = 0; r == 0 && i < old->file_count; i++) {
        const struct at_set_file *file = &old->files[i];

        if (options->given == NULL ? at_set_is_standard(file) : !options->given[i]) {
            continue;
        }
        run.all_gone = is_all_gone(&run, file);
        at_breaking_files(&run, file);
        for (size_t k = 0; r == 0 && k < file->symbol_count; k++) {
            r = compare_symbol(&run, &file->symbols[k]);
        }
    }
    if (r == 0 && out->failed) {
        r = -ENOMEM;
    }
    at_findings_sort(out);
    return r;
}
