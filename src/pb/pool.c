/* The pool: taking descriptor sets in, and finding what they declared. See pool_inner.h. */
#include "pb/pool.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "pb/codec.h"
#include "pb/descriptor.h"
#include "pb/fault.h"
#include "pb/limits.h"
#include "pb/pool_inner.h"

/* Decodes one file of the set; *ret_new is NULL for one that the pool has already. */
static int take_file(struct at_pool_adding *a, struct atoll_str raw,
                     const struct at_proto_file **ret_new)
{
    struct at_arena *arena = &a->pool->arena;
    struct at_proto_file *file = at_arena_zalloc(arena, 1, sizeof(*file));
    struct at_bytes *copy = at_arena_alloc(arena, sizeof(*copy), 8);
    struct at_pb_fault fault = {0};
    const struct at_bytes *known;
    int r;

    if (file == NULL || copy == NULL) {
        return -ENOMEM;
    }
    r = at_pb_decode(&at_proto_file_desc, at_pool_bytes(raw), arena, file, &fault);
    if (r < 0) {
        return r;
    }
    if (r > 0) {
        return AT_POOL_REFUSE(a, "a file of the contract is damaged: %s", fault.what);
    }
    if (file->package.len > 0 && !at_pool_is_name(at_pool_bytes(file->package), true)) {
        return AT_POOL_REFUSE(a, "a file of the contract has an impossible package name");
    }
    known = at_map_get(&a->pool->files, at_pool_bytes(file->name));
    *ret_new = known == NULL ? file : NULL;
    if (known == NULL) {
        *copy = at_pool_bytes(raw);
        return at_map_put(&a->pool->files, at_pool_bytes(file->name), copy);
    }
    if (!at_bytes_equal(*known, at_pool_bytes(raw))) {
        return AT_POOL_REFUSE(a, "the contract has two different files named %.*s",
                              (int)file->name.len, file->name.at);
    }
    return 0;
}

static int make_tables(struct at_pool_adding *a, const struct at_pool_list *list)
{
    int r = 0;

    for (struct at_pool_type *t = list->first; r == 0 && t != NULL; t = t->next) {
        r = at_pool_make_table(a, t);
    }
    return r;
}

static int judge_tables(struct at_pool_adding *a, const struct at_pool_list *list)
{
    int r = 0;

    for (struct at_pool_type *t = list->first; r == 0 && t != NULL; t = t->next) {
        t->queued = false;
        r = at_pool_judge_map_entry(a, t);
    }
    return r;
}

static int build(struct at_pool_adding *a, struct at_pool_file *files, size_t count)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        if (files[i].proto != NULL) {
            files[i].name = at_arena_copy(&a->pool->arena, at_pool_bytes(files[i].proto->name));
            files[i].package =
                at_arena_copy(&a->pool->arena, at_pool_bytes(files[i].proto->package));
            r = files[i].name == NULL || files[i].package == NULL
                    ? -ENOMEM
                    : at_pool_declare_types(a, &files[i]);
        }
    }
    r = r == 0 ? at_pool_declare_extensions(a, files, count) : r;
    r = r == 0 ? make_tables(a, &a->declared) : r;
    r = r == 0 ? make_tables(a, &a->extended) : r;
    r = r == 0 ? judge_tables(a, &a->declared) : r;
    r = r == 0 ? judge_tables(a, &a->extended) : r;
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (files[i].proto != NULL) {
            r = at_pool_add_services(a, &files[i]);
        }
    }
    return r;
}

int at_pool_add(struct at_pool *pool, struct at_bytes set, struct at_diag *diag)
{
    struct at_pool_adding a = {.pool = pool, .diag = diag};
    struct at_proto_file_set files;
    struct at_pool_file *named;
    struct at_pb_fault fault = {0};
    char *copy = at_arena_copy(&pool->arena, set);
    int r;

    if (copy == NULL) {
        return -ENOMEM;
    }
    a.declared.end = &a.declared.first;
    a.extended.end = &a.extended.first;
    r = at_pb_decode(&at_proto_file_set_desc, at_bytes_over(copy, set.len), &pool->arena, &files,
                     &fault);
    if (r > 0) {
        return AT_POOL_REFUSE(&a, "the contract is no FileDescriptorSet: %s", fault.what);
    }
    if (r == 0 && (files.files.count == 0 || files.unknown != NULL)) {
        return AT_POOL_REFUSE(&a, "the contract is no FileDescriptorSet: %s",
                              files.files.count == 0 ? "it has no files" : "it has other fields");
    }
    named = r < 0 ? NULL : at_arena_zalloc(&pool->arena, files.files.count, sizeof(*named));
    if (named == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < files.files.count; i++) {
        r = take_file(&a, files.files.at[i], &named[i].proto);
    }
    return r == 0 ? build(&a, named, files.files.count) : r;
}

struct at_pool *at_pool_new(void)
{
    struct at_pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL) {
        return NULL;
    }
    at_arena_init(&pool->arena, 1 << 14, AT_POOL_BYTES_MAX);
    at_map_init(&pool->symbols, (uint64_t)(uintptr_t)pool);
    at_map_init(&pool->files, (uint64_t)(uintptr_t)pool);
    pool->types_end = &pool->types;
    pool->services_end = &pool->services;
    return pool;
}

struct at_pool *at_pool_free(struct at_pool *pool)
{
    if (pool != NULL) {
        at_map_deinit(&pool->symbols);
        at_map_deinit(&pool->files);
        at_arena_deinit(&pool->arena);
        free(pool);
    }
    return NULL;
}

const struct atoll_message_desc *at_pool_message(const struct at_pool *pool, struct at_bytes name)
{
    const struct at_pool_symbol *s = at_pool_symbol(pool, name);

    return s == NULL || s->type == NULL ? NULL : &s->type->desc;
}

const struct atoll_message_desc *at_pool_next_message(const struct at_pool *pool,
                                                      const struct atoll_message_desc *before)
{
    const struct at_pool_type *type =
        before == NULL ? pool->types : ((const struct at_pool_type *)before)->next_of_all;

    return type == NULL ? NULL : &type->desc;
}

const struct atoll_message_desc *at_pool_find(void *pool, struct at_bytes full_name)
{
    return at_pool_message(pool, full_name);
}

const struct atoll_enum_desc *at_pool_enum(const struct at_pool *pool, struct at_bytes name)
{
    const struct at_pool_symbol *s = at_pool_symbol(pool, name);

    return s == NULL || s->enumeration == NULL || s->is_value ? NULL : &s->enumeration->desc;
}

const struct atoll_field_desc *at_pool_extension(const struct at_pool *pool, struct at_bytes name,
                                                 const struct atoll_message_desc **ret_of)
{
    const struct at_pool_symbol *s = at_pool_symbol(pool, name);
    const struct at_pool_extension *e = s == NULL ? NULL : s->extension;

    if (e == NULL) {
        return NULL;
    }
    *ret_of = &e->extendee->desc;
    return at_pb_field_by_number(*ret_of, (uint32_t)e->field.proto->number);
}

const struct at_pool_service *at_pool_find_service(const struct at_pool *pool, struct at_bytes name)
{
    const struct at_pool_symbol *s = at_pool_symbol(pool, name);

    return s == NULL ? NULL : s->service;
}

const struct at_pool_service *at_pool_service_at(const struct at_pool *pool, size_t i)
{
    const struct at_pool_service_node *node = pool->services;

    while (node != NULL && i > 0) {
        node = node->next;
        i--;
    }
    return node == NULL ? NULL : &node->service;
}
