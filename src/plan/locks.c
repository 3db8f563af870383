#include "plan/locks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/record.h"

enum { FIRST_BLOCK_BYTES = 4096, SLICE_MEMORY_MAX = 1 << 20, FILE_SHOWN_MAX = 255 };

/* The order is the wire's: append only. */
static const struct at_record_field head_fields[] = {
    AT_RECORD_STRING_FIELD(struct at_locks_config, system, AT_PLAN_NAME_MAX),
    AT_RECORD_U32_FIELD(struct at_locks_config, starts),
};

static const struct at_record_field service_fields[] = {
    AT_RECORD_STRING_FIELD(struct at_locks_service, name, AT_PLAN_NAME_MAX),
    AT_RECORD_STRING_FIELD(struct at_locks_service, file, FILE_SHOWN_MAX),
    AT_RECORD_U32_FIELD(struct at_locks_service, line),
};

static const struct at_record_field lock_fields[] = {
    AT_RECORD_STRING_FIELD(struct at_locks_lock, name, AT_PLAN_LOCK_NAME_MAX),
    AT_RECORD_U32_FIELD(struct at_locks_lock, permits),
    AT_RECORD_U64_FIELD(struct at_locks_lock, lease_ns),
    AT_RECORD_LIST_FIELD(struct at_locks_lock, services, AT_RECORD_INDEXES, AT_PLAN_SERVICES_MAX,
                         0),
};

#define TABLE(name, fields) {name, fields, sizeof(fields) / sizeof((fields)[0])}

static const struct at_record_table head_table = TABLE("keeper", head_fields);
static const struct at_record_table service_table = TABLE("keeper service", service_fields);
static const struct at_record_table lock_table = TABLE("keeper lock", lock_fields);

bool at_plan_is_lock(struct at_bytes name)
{
    if (name.len > 0 && name.len <= AT_PLAN_LOCK_NAME_MAX && name.at[name.len - 1] == '*') {
        name.len--;
        if (name.len == 0) {
            return true; /* "*": every name */
        }
    }
    if (name.len == 0 || name.len > AT_PLAN_LOCK_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t lower = name.at[i] | 0x20;

        if (!(lower >= 'a' && lower <= 'z') && !(name.at[i] >= '0' && name.at[i] <= '9') &&
            (name.at[i] == '\0' || strchr("._-/:", name.at[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

bool at_plan_uses_locks(const struct at_plan *plan, uint32_t service)
{
    for (size_t i = 0; i < plan->lock_count; i++) {
        const struct at_plan_indexes *s = &plan->locks[i].services;

        for (size_t k = 0; k < s->count; k++) {
            if (s->at[k] == service) {
                return true;
            }
        }
    }
    return false;
}

void at_locks_config_deinit(struct at_locks_config *config)
{
    at_arena_deinit(&config->arena);
    *config = (struct at_locks_config){.system = ""};
}

static void pack_service(const struct at_plan_service *s, struct at_text *out)
{
    struct at_locks_service slice = {
        .name = s->name,
        .file = strlen(s->file) <= FILE_SHOWN_MAX ? s->file : "",
        .line = s->uses_line != 0 ? s->uses_line : s->line,
    };

    at_record_pack(&service_table, &slice, out);
}

int at_locks_config_pack(const struct at_plan *plan, uint32_t starts, struct at_text *out)
{
    struct at_locks_config head = {.system = plan->system, .starts = starts};
    size_t start = out->len;

    at_record_pack(&head_table, &head, out);
    at_record_put_u32(out, (uint32_t)plan->service_count);
    for (size_t i = 0; i < plan->service_count; i++) {
        pack_service(&plan->services[i], out);
    }
    at_record_put_u32(out, (uint32_t)plan->lock_count);
    for (size_t i = 0; i < plan->lock_count; i++) {
        const struct at_plan_lock *l = &plan->locks[i];
        struct at_locks_lock slice = {.name = l->name,
                                      .permits = l->permits,
                                      .lease_ns = l->lease_ns,
                                      .services = l->services};

        at_record_pack(&lock_table, &slice, out);
    }
    if (out->failed) {
        return -ENOMEM;
    }
    return out->len - start > AT_PLAN_LOCKS_BYTES_MAX ? -EMSGSIZE : 0;
}

static int refuse(struct at_diag *diag, const char *why)
{
    at_diag_set(diag, "the keeper's configuration is malformed: %s", why);
    return AT_PLAN_MALFORMED;
}

static int check_lock(const struct at_locks_lock *l, size_t service_count, struct at_diag *diag)
{
    if (!at_plan_is_lock(at_bytes_of(l->name))) {
        return refuse(diag, "a lock's name is not a name");
    }
    if (l->permits > AT_PLAN_PERMITS_MAX || l->lease_ns > AT_PLAN_DURATION_MAX_NS) {
        return refuse(diag, "a lock's permits or lease are out of range");
    }
    for (size_t i = 0; i < l->services.count; i++) {
        if (l->services.at[i] >= service_count) {
            return refuse(diag, "a lock names a service that is not there");
        }
    }
    return 0;
}

static int unpack_services(struct at_reader *r, struct at_locks_config *c, struct at_diag *diag)
{
    size_t n = (size_t)at_read_le(r, 4);
    int err = 0;

    if (r->failed || n > AT_PLAN_SERVICES_MAX) {
        return refuse(diag, "bad number of services");
    }
    c->services = at_arena_zalloc(&c->arena, n, sizeof(*c->services));
    if (c->services == NULL) {
        return -ENOMEM;
    }
    c->service_count = n;
    for (size_t i = 0; err == 0 && i < n; i++) {
        err = at_record_unpack(&service_table, r, &c->arena, &c->services[i], diag);
    }
    return err;
}

static int unpack_locks(struct at_reader *r, struct at_locks_config *c, struct at_diag *diag)
{
    size_t n = (size_t)at_read_le(r, 4);
    int err = 0;

    if (r->failed || n > AT_PLAN_LOCKS_MAX) {
        return refuse(diag, "bad number of locks");
    }
    c->locks = at_arena_zalloc(&c->arena, n, sizeof(*c->locks));
    if (c->locks == NULL) {
        return -ENOMEM;
    }
    c->lock_count = n;
    for (size_t i = 0; err == 0 && i < n; i++) {
        err = at_record_unpack(&lock_table, r, &c->arena, &c->locks[i], diag);
        if (err == 0) {
            err = check_lock(&c->locks[i], c->service_count, diag);
        }
    }
    return err;
}

int at_locks_config_unpack(struct at_bytes in, struct at_locks_config *ret, struct at_diag *diag)
{
    struct at_reader r = at_reader_over(in.at, in.len);
    struct at_locks_config config = {.system = ""};
    int err;

    if (in.len > AT_PLAN_LOCKS_BYTES_MAX) {
        return refuse(diag, "it is too big");
    }
    at_arena_init(&config.arena, FIRST_BLOCK_BYTES, SLICE_MEMORY_MAX);
    err = at_record_unpack(&head_table, &r, &config.arena, &config, diag);
    if (err == 0) {
        err = unpack_services(&r, &config, diag);
    }
    if (err == 0) {
        err = unpack_locks(&r, &config, diag);
    }
    if (err != 0) {
        at_locks_config_deinit(&config);
        return err;
    }
    *ret = config;
    return 0;
}

int at_locks_config_service(const struct at_locks_config *config, struct at_bytes name)
{
    for (size_t i = 0; i < config->service_count; i++) {
        if (at_bytes_equal(at_bytes_of(config->services[i].name), name)) {
            return (int)i;
        }
    }
    return -1;
}

int at_locks_config_find(const struct at_locks_config *config, struct at_bytes name)
{
    size_t best_len = 0;
    int best = -1;

    for (size_t i = 0; i < config->lock_count; i++) {
        struct at_bytes own = at_bytes_of(config->locks[i].name);
        bool open = own.at[own.len - 1] == '*';

        if (!open && at_bytes_equal(own, name)) {
            return (int)i;
        }
        if (open && own.len > best_len &&
            at_bytes_start_with(name, at_bytes_before(own, own.len - 1))) {
            best_len = own.len;
            best = (int)i;
        }
    }
    return best;
}
