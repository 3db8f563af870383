#include "contract/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_snake(struct at_bytes name, bool (*is_letter)(uint8_t))
{
    if (name.len == 0 || name.at[0] == '_' || name.at[name.len - 1] == '_') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];

        if (!is_letter(c) && !is_digit(c) && c != '_') {
            return false;
        }
        if (c == '_' && name.at[i + 1] == '_') { /* not at the end: that was looked at */
            return false;
        }
    }
    return true;
}

bool at_word_is_lower_snake(struct at_bytes name)
{
    return is_snake(name, is_lower);
}

bool at_word_is_upper_snake(struct at_bytes name)
{
    return is_snake(name, is_upper);
}

bool at_word_is_pascal(struct at_bytes name)
{
    if (name.len == 0 || !is_upper(name.at[0])) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_lower(name.at[i]) && !is_upper(name.at[i]) && !is_digit(name.at[i])) {
            return false;
        }
    }
    return true;
}

static bool is_separator(uint8_t c)
{
    return !is_lower(c) && !is_upper(c) && !is_digit(c);
}

static bool begins_word(struct at_bytes name, size_t i)
{
    if (i == 0 || is_separator(name.at[i - 1])) {
        return true;
    }
    if (!is_upper(name.at[i])) {
        return false;
    }
    return !is_upper(name.at[i - 1]) || (i + 1 < name.len && is_lower(name.at[i + 1]));
}

static char to_lower(uint8_t c)
{
    return (char)(is_upper(c) ? c - 'A' + 'a' : c);
}

static char to_upper(uint8_t c)
{
    return (char)(is_lower(c) ? c - 'a' + 'A' : c);
}

static char as_it_is(uint8_t c)
{
    return (char)c;
}

static const char *to_snake(struct at_arena *arena, struct at_bytes name, char (*change)(uint8_t))
{
    char *out = at_arena_alloc(arena, 2 * name.len + 1, 1);
    size_t len = 0;

    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (is_separator(name.at[i])) {
            continue;
        }
        if (begins_word(name, i) && len > 0) {
            out[len++] = '_';
        }
        out[len++] = change(name.at[i]);
    }
    out[len] = '\0';
    return out;
}

const char *at_word_to_lower_snake(struct at_arena *arena, struct at_bytes name)
{
    return to_snake(arena, name, to_lower);
}

const char *at_word_to_upper_snake(struct at_arena *arena, struct at_bytes name)
{
    return to_snake(arena, name, to_upper);
}

const char *at_word_to_pascal(struct at_arena *arena, struct at_bytes name)
{
    char *out = at_arena_alloc(arena, name.len + 1, 1);
    size_t len = 0;
    /* "ORDER_STATE": small letters have to be made. */
    char (*rest)(uint8_t) = at_word_is_upper_snake(name) ? to_lower : as_it_is;

    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (is_separator(name.at[i])) {
            continue;
        }
        if (i == 0 || is_separator(name.at[i - 1])) {
            out[len++] = to_upper(name.at[i]);
        } else {
            out[len++] = rest(name.at[i]);
        }
    }
    out[len] = '\0';
    return out;
}
