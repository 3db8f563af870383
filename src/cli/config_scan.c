/* A FileDescriptorSet, read only as deep as names of files, packages and services. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "cli/config.h"
#include "cli/config_contract.h"
#include "cli/config_limits.h"
#include "plan/limits.h"
#include "plan/plan.h"

enum { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_I32 = 5 };
enum { SET_FILE = 1, FILE_NAME = 1, FILE_PACKAGE = 2, FILE_SERVICE = 6, SERVICE_NAME = 1 };

static uint64_t read_varint(struct at_reader *r)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = at_read_le(r, 1);

        value |= (byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    r->failed = true;
    return 0;
}

/* The next field: its number, and its bytes when it has a length. False at the end or on failure. */
static bool next_field(struct at_reader *r, uint64_t *ret_number, struct at_bytes *ret_bytes)
{
    uint64_t tag;
    uint64_t len;

    if (r->failed || at_reader_left(r) == 0) {
        return false;
    }
    tag = read_varint(r);
    *ret_number = tag >> 3;
    *ret_bytes = (struct at_bytes){0};
    switch (tag & 7) {
    case WIRE_VARINT: (void)read_varint(r); break;
    case WIRE_I64: (void)at_read_bytes(r, 8); break;
    case WIRE_I32: (void)at_read_bytes(r, 4); break;
    case WIRE_LEN:
        len = read_varint(r);
        r->failed = r->failed || len > at_reader_left(r);
        *ret_bytes = at_read_bytes(r, (size_t)len);
        break;
    default: r->failed = true; break;
    }
    r->failed = r->failed || *ret_number == 0;
    return !r->failed;
}

struct scan {
    struct at_arena *arena;
    struct at_contract_files files;
    struct at_plan_strings services;
    const char *why;
    int error; /* -ENOMEM */
};

static void give_up(struct scan *s, const char *why)
{
    if (s->why == NULL) {
        s->why = why;
    }
}

static void add_service(struct scan *s, struct at_bytes package, struct at_bytes service)
{
    struct at_reader r = at_reader_over(service.at, service.len);
    struct at_bytes name = {0};
    struct at_bytes field;
    uint64_t number;
    const char *full;

    while (next_field(&r, &number, &field)) {
        if (number == SERVICE_NAME) {
            name = field;
        }
    }
    if (package.len > AT_PLAN_CONTRACT_NAME_MAX || name.len > AT_PLAN_CONTRACT_NAME_MAX) {
        give_up(s, "the name of a service in it is too long");
        return;
    }
    full = at_arena_printf(s->arena, "%.*s%s%.*s", (int)package.len,
                           package.at == NULL ? "" : (const char *)package.at,
                           package.len == 0 ? "" : ".", (int)name.len,
                           name.at == NULL ? "" : (const char *)name.at);
    if (full == NULL) {
        s->error = -ENOMEM;
    } else if (r.failed || !at_plan_is_contract(at_bytes_of(full))) {
        give_up(s, "the name of a service in it is no name");
    } else if (s->services.count == AT_PLAN_CONTRACTS_MAX) {
        give_up(s, "it declares too many services");
    } else {
        s->services.at[s->services.count++] = full;
    }
}

static void add_services(struct scan *s, struct at_bytes file, struct at_bytes package)
{
    struct at_reader r = at_reader_over(file.at, file.len);
    struct at_bytes field;
    uint64_t number;

    while (s->error == 0 && s->why == NULL && next_field(&r, &number, &field)) {
        if (number == FILE_SERVICE) {
            add_service(s, package, field);
        }
    }
}

/* True when a file of that name is there; then it must be the same. */
static bool is_known(struct scan *s, struct at_bytes name, struct at_bytes file)
{
    for (size_t i = 0; i < s->files.count; i++) {
        if (!at_bytes_equal(s->files.at[i].name, name)) {
            continue;
        }
        if (!at_bytes_equal(s->files.at[i].bytes, file)) {
            const char *why =
                at_arena_printf(s->arena, "it holds two versions of %.*s", (int)name.len,
                                name.at == NULL ? "" : (const char *)name.at);

            give_up(s, why == NULL ? "it holds two versions of a file" : why);
        }
        return true;
    }
    return false;
}

static void add_file(struct scan *s, struct at_bytes file)
{
    struct at_reader r = at_reader_over(file.at, file.len);
    struct at_bytes name = {0};
    struct at_bytes package = {0};
    struct at_bytes field;
    uint64_t number;

    while (next_field(&r, &number, &field)) {
        if (number == FILE_NAME) {
            name = field;
        } else if (number == FILE_PACKAGE) {
            package = field;
        }
    }
    if (r.failed || name.len == 0 || name.len > AT_PLAN_PATH_MAX || !at_bytes_is_utf8(name)) {
        give_up(s, "a file in it cannot be read");
    } else if (!is_known(s, name, file)) {
        if (s->files.count == AT_CONFIG_PROTO_FILES_MAX) {
            give_up(s, "it holds too many files");
            return;
        }
        s->files.at[s->files.count++] = (struct at_contract_file){name, file};
        add_services(s, file, package);
    }
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int at_contract_scan(struct at_arena *arena, struct at_bytes set, struct at_contract_files *files,
                     struct at_plan_strings *services, const char **ret_why)
{
    struct scan s = {.arena = arena};
    struct at_reader r = at_reader_over(set.at, set.len);
    struct at_bytes field;
    uint64_t number;

    s.files.at = at_arena_zalloc(arena, AT_CONFIG_PROTO_FILES_MAX, sizeof(*s.files.at));
    s.services.at = at_arena_zalloc(arena, AT_PLAN_CONTRACTS_MAX, sizeof(*s.services.at));
    if (s.files.at == NULL || s.services.at == NULL) {
        return -ENOMEM;
    }
    while (s.error == 0 && s.why == NULL && next_field(&r, &number, &field)) {
        if (number == SET_FILE) {
            add_file(&s, field);
        }
    }
    if (s.error != 0) {
        return s.error;
    }
    if (r.failed) {
        give_up(&s, "it is no FileDescriptorSet");
    }
    if (s.why != NULL) {
        *ret_why = s.why;
        return AT_CONFIG_WRONG;
    }
    if (s.services.count > 1) {
        qsort(s.services.at, s.services.count, sizeof(*s.services.at), by_text);
    }
    for (size_t i = 1; i < s.services.count; i++) {
        if (strcmp(s.services.at[i - 1], s.services.at[i]) == 0) {
            *ret_why = "a service is declared twice in it";
            return AT_CONFIG_WRONG;
        }
    }
    *files = s.files;
    *services = s.services;
    return 0;
}
