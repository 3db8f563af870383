#include "traffic/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Behind the closing quote; NULL: it never closes. */
static const char *skip_string(const char *at)
{
    for (at++; *at != '\0' && *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        }
    }
    return *at == '"' ? at + 1 : NULL;
}

/* Behind the value; NULL: it is cut. */
static const char *skip_value(const char *at)
{
    size_t depth = 0;

    at = skip_space(at);
    do {
        if (*at == '"') {
            at = skip_string(at);
            if (at == NULL) {
                return NULL;
            }
            continue;
        }
        if (*at == '\0') {
            return NULL;
        }
        if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
        } else {
            at += strcspn(at, ",]} \t\r\n");
        }
    } while (depth > 0);
    return at;
}

const char *json_member(const char *object, const char *name)
{
    size_t len = strlen(name);
    const char *at;

    if (object == NULL) {
        return NULL;
    }
    at = skip_space(object);
    if (*at != '{') {
        return NULL;
    }
    at = skip_space(at + 1);
    while (*at == '"') {
        const char *end = skip_string(at);
        bool found =
            end != NULL && (size_t)(end - at) == len + 2 && strncmp(at + 1, name, len) == 0;

        if (end == NULL) {
            return NULL;
        }
        at = skip_space(end);
        if (*at != ':') {
            return NULL;
        }
        at = skip_space(at + 1);
        if (found) {
            return at;
        }
        at = skip_value(at);
        if (at == NULL) {
            return NULL;
        }
        at = skip_space(at);
        if (*at != ',') {
            return NULL;
        }
        at = skip_space(at + 1);
    }
    return NULL;
}

const char *json_first(const char *array)
{
    if (array == NULL || *skip_space(array) != '[') {
        return NULL;
    }
    array = skip_space(skip_space(array) + 1);
    return *array == ']' ? NULL : array;
}

const char *json_next(const char *element)
{
    element = skip_value(element);
    if (element == NULL || *skip_space(element) != ',') {
        return NULL;
    }
    return skip_space(skip_space(element) + 1);
}

bool json_int(const char *object, const char *name, int64_t *ret)
{
    const char *at = json_member(object, name);
    char *end;
    long long value;

    if (at == NULL || (*at != '-' && (*at < '0' || *at > '9'))) {
        return false;
    }
    errno = 0;
    value = strtoll(at, &end, 10);
    if (errno != 0 || strchr(",}] \t\r\n", *end) == NULL) {
        return false;
    }
    *ret = value;
    return true;
}

bool json_bool(const char *object, const char *name, bool *ret)
{
    const char *at = json_member(object, name);

    if (at == NULL || (strncmp(at, "true", 4) != 0 && strncmp(at, "false", 5) != 0)) {
        return false;
    }
    *ret = *at == 't';
    return true;
}

bool json_text(const char *object, const char *name, char *ret, size_t size)
{
    const char *at = json_member(object, name);
    const char *end = at == NULL || *at != '"' ? NULL : skip_string(at);
    size_t n = 0;

    if (end == NULL) {
        return false;
    }
    for (at++; at < end - 1 && n + 1 < size; at++) {
        at += *at == '\\' ? 1 : 0;
        ret[n++] = *at;
    }
    ret[n] = '\0';
    return true;
}
