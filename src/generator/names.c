#include "generator/names.h"

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"

/* Keywords of C and C++, object-like macros of common headers, and the types of fields. */
// clang-format off
static const char *const taken[] = {
    "BIG_ENDIAN", "BUFSIZ", "BYTE_ORDER", "CHAR_BIT", "CHAR_MAX", "CHAR_MIN", "DOMAIN", "EOF",
    "EXIT_FAILURE", "EXIT_SUCCESS", "FALSE", "FILENAME_MAX", "FOPEN_MAX", "HUGE", "HUGE_VAL", "I",
    "INFINITY", "INT16_MAX", "INT16_MIN", "INT32_MAX", "INT32_MIN", "INT64_MAX", "INT64_MIN",
    "INT8_MAX", "INT8_MIN", "INT_MAX", "INT_MIN", "LITTLE_ENDIAN", "LONG_MAX", "LONG_MIN",
    "L_tmpnam", "MAXFLOAT", "NAN", "NDEBUG", "NULL", "OVERFLOW", "PDP_ENDIAN", "RAND_MAX",
    "SEEK_CUR", "SEEK_END", "SEEK_SET", "SHRT_MAX", "SHRT_MIN", "SIGHUP", "SIGINT", "SIGKILL",
    "SIGTERM", "SIZE_MAX", "TMP_MAX", "TRUE", "UINT16_MAX", "UINT32_MAX", "UINT64_MAX", "UINT8_MAX",
    "UINT_MAX", "ULONG_MAX", "UNDERFLOW", "WNOHANG", "_Alignas", "_Alignof", "_Atomic", "_Bool",
    "_Complex", "_Float128", "_Generic", "_Imaginary", "_Noreturn", "_Static_assert",
    "_Thread_local", "__DATE__", "__FILE__", "__GNUC__", "__LINE__", "__STDC__", "__TIME__",
    "__cplusplus", "__func__", "alignas", "alignof", "alloca", "and", "and_eq", "asm", "assert",
    "atomic_cancel", "atomic_commit", "atomic_noexcept", "auto", "bitand", "bitor", "bool", "break",
    "case", "catch", "char", "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return",
    "co_yield", "compl", "complex", "concept", "const", "const_cast", "consteval", "constexpr",
    "constinit", "continue", "d_fileno", "decltype", "default", "delete", "do", "double",
    "dynamic_cast", "else", "enum", "errno", "explicit", "export", "extern", "false", "float",
    "for", "friend", "goto", "i386", "if", "imaginary", "inline", "int", "int32_t", "int64_t",
    "linux", "long", "major", "makedev", "minor", "mutable", "namespace", "new", "noexcept",
    "noreturn", "not", "not_eq", "nullptr", "offsetof", "operator", "or", "or_eq", "private",
    "protected", "public", "reflexpr", "register", "reinterpret_cast", "requires", "restrict",
    "return", "s6_addr", "s_addr", "sa_handler", "sa_sigaction", "short", "si_addr", "si_pid",
    "si_status", "si_uid", "si_value", "sigmask", "signed", "size_t", "sizeof", "st_atime",
    "st_ctime", "st_mtime", "static", "static_assert", "static_cast", "stderr", "stdin", "stdout",
    "struct", "switch", "synchronized", "template", "this", "thread_local", "throw", "true", "try",
    "typedef", "typeid", "typename", "typeof", "typeof_unqual", "uint32_t", "uint64_t", "union",
    "unix", "unsigned", "using", "va_arg", "va_copy", "va_end", "va_start", "virtual", "void",
    "volatile", "wchar_t", "while", "xor", "xor_eq",
};

/* Of libc: a message of a file without a package may be called so. */
static const char *const tags[] = {
    "DIR", "FILE", "addrinfo", "dirent", "epoll_event", "flock", "group", "hostent", "in_addr",
    "iovec", "itimerspec", "itimerval", "lconv", "msghdr", "option", "passwd", "pollfd", "rlimit",
    "rusage", "sched_param", "sigaction", "sigevent", "sigval", "sockaddr", "stat",
    "statfs", "statvfs", "termios", "time_t", "timespec", "timeval", "tm", "utimbuf",
    "utsname", "winsize",
};
// clang-format on

static bool is_among(struct at_bytes name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (at_bytes_equal(name, at_bytes_of(words[i]))) {
            return true;
        }
    }
    return false;
}

bool at_gen_is_taken(struct at_bytes name)
{
    return is_among(name, taken, sizeof(taken) / sizeof(taken[0]));
}

const char *at_gen_c_name(struct at_arena *arena, struct at_bytes full_name)
{
    struct at_bytes b = full_name;
    char *name;
    size_t len = 0;

    if (b.len > 0 && b.at[0] == '.') {
        b = at_bytes_after(b, 1);
    }
    name = at_arena_alloc(arena, 2 * b.len + 2, 1);
    if (name == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < b.len; i++) {
        if (b.at[i] == '_' || b.at[i] == '.') {
            name[len++] = '_';
        }
        if (b.at[i] == '_') {
            name[len++] = '_';
        } else if (b.at[i] != '.') {
            name[len++] = (char)b.at[i];
        } else if (i + 1 < b.len && b.at[i + 1] == '_') {
            name[len++] = '0';
        }
    }
    if (at_gen_is_taken(at_bytes_over(name, len)) ||
        is_among(at_bytes_over(name, len), tags, sizeof(tags) / sizeof(tags[0]))) {
        name[len++] = '_';
    }
    name[len] = '\0';
    return name;
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
