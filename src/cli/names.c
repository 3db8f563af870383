#include "cli/names.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "pb/pool.h"
#include "plan/plan.h"

/* "inventory.GetItem" when atoll.yaml calls the service that: its contracts, one after another. */
static size_t resolve_in_service(const struct at_pool *pool, const struct at_plan *plan,
                                 struct at_bytes name, const struct at_pool_method **ret,
                                 size_t cap)
{
    struct at_bytes method = name;
    struct at_bytes service;
    char full[AT_NAMES_WORD_MAX];
    size_t found = 0;

    if (!at_bytes_cut(&method, '.', &service) || method.len == 0) {
        return 0;
    }
    int i = at_plan_find(plan, service);

    for (size_t c = 0; i >= 0 && c < plan->services[i].contracts.count; c++) {
        int n = snprintf(full, sizeof(full), "%s.%.*s", plan->services[i].contracts.at[c],
                         (int)method.len, (const char *)method.at);
        if (n > 0 && (size_t)n < sizeof(full)) {
            size_t room = found < cap ? cap - found : 0;
            found +=
                at_pool_resolve(pool, at_bytes_of(full), ret + (found < cap ? found : cap), room);
        }
    }
    return found;
}

size_t at_names_resolve(const struct at_pool *pool, const struct at_plan *plan,
                        struct at_bytes name, const struct at_pool_method **ret, size_t cap)
{
    const struct at_pool_method *exact = at_pool_find_method(pool, name);

    if (exact != NULL && cap > 0) {
        ret[0] = exact;
        return 1;
    }
    size_t found = at_pool_resolve(pool, name, ret, cap);

    return found == 0 && plan != NULL ? resolve_in_service(pool, plan, name, ret, cap) : found;
}

/* The last word of a name: what people misspell. */
static struct at_bytes last_word(struct at_bytes name)
{
    size_t at = name.len;

    while (at > 0 && name.at[at - 1] != '.' && name.at[at - 1] != '/') {
        at--;
    }
    return at_bytes_after(name, at);
}

const char *at_names_nearest(const struct at_pool *pool, struct at_bytes name)
{
    const char *best = NULL;

    for (size_t s = 0; at_pool_service_at(pool, s) != NULL && best == NULL; s++) {
        const struct at_pool_service *service = at_pool_service_at(pool, s);

        for (size_t m = 0; m < service->method_count && best == NULL; m++) {
            const char *const one[] = {service->methods[m].name};

            if (at_text_nearest(last_word(name), one, 1) != NULL) {
                best = service->methods[m].full_name;
            }
        }
    }
    return best;
}
