/* Finding methods by the names that people and peers use. */
#include <stddef.h>

#include "base/bytes.h"
#include "pb/pool.h"

/* Cuts the last word, behind '/' or '.', off *rest. */
static struct at_bytes cut_last(struct at_bytes *rest)
{
    size_t at = rest->len;
    struct at_bytes word;

    while (at > 0 && rest->at[at - 1] != '.' && rest->at[at - 1] != '/') {
        at--;
    }
    word = at_bytes_after(*rest, at);
    *rest = at_bytes_before(*rest, at == 0 ? 0 : at - 1);
    return word;
}

const struct at_pool_method *at_pool_find_method(const struct at_pool *pool, struct at_bytes name)
{
    const struct at_pool_service *service;
    struct at_bytes method;

    if (name.len > 0 && name.at[0] == '/') {
        name = at_bytes_after(name, 1);
    }
    method = cut_last(&name);
    service = at_pool_find_service(pool, name);
    for (size_t i = 0; service != NULL && i < service->method_count; i++) {
        if (at_bytes_equal(method, at_bytes_of(service->methods[i].name))) {
            return &service->methods[i];
        }
    }
    return NULL;
}

/* "Stock" and "stockservice" for StockService. */
static bool means(struct at_bytes part, struct at_bytes word)
{
    struct at_bytes tail = AT_LIT("Service");

    if (at_bytes_equal_nocase(part, word)) {
        return true;
    }
    return part.len == word.len + tail.len &&
           at_bytes_equal(at_bytes_after(part, word.len), tail) &&
           at_bytes_equal_nocase(at_bytes_before(part, word.len), word);
}

/* Every word means a part of the full name, in the same order. */
static bool is_called(const char *full_name, struct at_bytes words)
{
    struct at_bytes parts = at_bytes_of(full_name);

    while (words.len > 0) {
        struct at_bytes word = cut_last(&words);
        bool found = false;

        while (!found && parts.len > 0) {
            found = means(cut_last(&parts), word);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

size_t at_pool_resolve(const struct at_pool *pool, struct at_bytes name,
                       const struct at_pool_method **ret, size_t cap)
{
    const struct at_pool_method *exact = at_pool_find_method(pool, name);
    const struct at_pool_service *service;
    struct at_bytes method;
    size_t n = 0;

    if (exact != NULL) {
        if (cap > 0) {
            ret[0] = exact;
        }
        return 1;
    }
    if (name.len > 0 && name.at[0] == '/') {
        name = at_bytes_after(name, 1);
    }
    method = cut_last(&name);
    for (size_t i = 0; (service = at_pool_service_at(pool, i)) != NULL; i++) {
        for (size_t j = 0; j < service->method_count; j++) {
            if (!at_bytes_equal_nocase(method, at_bytes_of(service->methods[j].name)) ||
                !is_called(service->full_name, name)) {
                continue;
            }
            if (n < cap) {
                ret[n] = &service->methods[j];
            }
            n++;
        }
    }
    return n;
}
