#include "generator/names.h"

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"

static const char *const taken[] = {
    "NULL",
    "EOF",
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "assert",
    "atomic_cancel",
    "atomic_commit",
    "atomic_noexcept",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "errno",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "linux",
    "long",
    "major",
    "minor",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "reflexpr",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "stderr",
    "stdin",
    "stdout",
    "struct",
    "switch",
    "synchronized",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "union",
    "unix",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
};

bool at_gen_is_taken(struct at_bytes name)
{
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (at_bytes_equal(name, at_bytes_of(taken[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

/* Does a word begin at i? "getItem" before I; "HTTPGet" before G. */
static bool begins_word(struct at_bytes name, size_t i)
{
    if (i == 0 || !is_upper(name.at[i]) || name.at[i - 1] == '_' || name.at[i - 1] == '.') {
        return false;
    }
    if (!is_upper(name.at[i - 1])) {
        return true;
    }
    return i + 1 < name.len && name.at[i + 1] >= 'a' && name.at[i + 1] <= 'z';
}

static char changed(uint8_t c, bool upper)
{
    if (c == '.') {
        return '_';
    }
    if (upper) {
        return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return (char)(is_upper(c) ? c - 'A' + 'a' : c);
}

const char *at_gen_snake(struct at_arena *arena, struct at_bytes name, bool upper)
{
    char *out = at_arena_alloc(arena, 2 * name.len + 1, 1);
    size_t len = 0;

    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (begins_word(name, i)) {
            out[len++] = '_';
        }
        out[len++] = changed(name.at[i], upper);
    }
    out[len] = '\0';
    return out;
}

const char *at_gen_claim(struct at_arena *arena, struct at_map *used, const char *name)
{
    while (name != NULL &&
           (at_gen_is_taken(at_bytes_of(name)) || at_map_get(used, at_bytes_of(name)) != NULL)) {
        name = at_arena_printf(arena, "%s_", name);
    }
    if (name == NULL || at_map_put(used, at_bytes_of(name), used) < 0) {
        return NULL;
    }
    return name;
}
