/*
 * From descriptors to the model. Nested types are flattened with a list to which a message's
 * children are added right behind it, so the depth of nesting costs no stack.
 */
#include "generator/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "generator/names.h"
#include "pb/descriptor.h"

/* Field numbers of descriptor.proto, for paths. */
enum {
    FILE_MESSAGES = 4,
    FILE_ENUMS = 5,
    FILE_SERVICES = 6,
    MESSAGE_FIELDS = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUMS = 4,
    SERVICE_METHODS = 2,
    PATH_MAX_STEPS = 80,
};

static struct at_bytes bytes(struct atoll_str s)
{
    return at_bytes_over(s.at, s.len);
}

const char *at_gen_c_name(struct at_arena *arena, struct atoll_str full_name)
{
    struct at_bytes b = bytes(full_name);
    char *name;

    if (b.len > 0 && b.at[0] == '.') {
        b = at_bytes_after(b, 1);
    }
    name = at_arena_copy(arena, b);
    for (char *p = name; p != NULL && *p != '\0'; p++) {
        *p = (char)(*p == '.' ? '_' : *p);
    }
    return name;
}

const char *at_gen_stem(const struct at_gen_run *run, struct atoll_str file_name)
{
    struct at_bytes b = bytes(file_name);
    struct at_bytes suffix = AT_LIT(".proto");

    if (b.len > suffix.len && at_bytes_equal(at_bytes_after(b, b.len - suffix.len), suffix)) {
        b = at_bytes_before(b, b.len - suffix.len);
    }
    while (run->flat && at_bytes_index(b, '/') < b.len) {
        b = at_bytes_after(b, at_bytes_index(b, '/') + 1);
    }
    return at_arena_copy(run->arena, b);
}

/* "scope.name", or "name" at the top of a file without package. */
static const char *join(struct at_arena *arena, const char *scope, struct atoll_str name)
{
    return at_arena_printf(arena, "%s%s%.*s", scope, scope[0] == '\0' ? "" : ".", (int)name.len,
                           name.at);
}

static struct atoll_str str(const char *s)
{
    return (struct atoll_str){s, strlen(s)};
}

static bool is_message(const struct at_proto_field *f)
{
    return f->type == ATOLL_TYPE_MESSAGE;
}

static bool is_map_entry(const struct at_proto_message *m, const struct at_proto_field *f)
{
    struct at_bytes type = bytes(f->type_name);

    for (size_t i = 0; is_message(f) && i < m->nested.count; i++) {
        const struct at_proto_message *n = &m->nested.at[i];
        size_t len = n->name.len;

        if (n->options != NULL && n->options->map_entry && type.len > len &&
            type.at[type.len - len - 1] == '.' &&
            at_bytes_equal(at_bytes_after(type, type.len - len), bytes(n->name))) {
            return true;
        }
    }
    return false;
}

static uint8_t form_of(const struct at_gen_file *file, const struct at_proto_message *m,
                       const struct at_proto_field *f)
{
    if (f->label == AT_PROTO_REPEATED && is_map_entry(m, f)) {
        return ATOLL_FORM_MAP;
    }
    return at_proto_form(f, at_proto_is_proto2(file->input->proto));
}

static int judge_field(const struct at_gen_message *m, const struct at_proto_field *f,
                       struct at_diag *diag)
{
    if (f->type == ATOLL_TYPE_GROUP) {
        at_diag_set(diag, "%s.%.*s is a group: make it a message instead", m->full_name,
                    (int)f->name.len, f->name.at);
        return -EINVAL;
    }
    if (f->type < 1 || f->type > ATOLL_TYPE_SINT64 || f->number < 1 ||
        (at_proto_is_in_oneof(f) && (size_t)f->oneof_index >= m->proto->oneofs.count)) {
        at_diag_set(diag,
                    "%s.%.*s has type %" PRId32 " and number %" PRId32
                    ", which this generator does not know",
                    m->full_name, (int)f->name.len, f->name.at, f->type, f->number);
        return -EINVAL;
    }
    return 0;
}

/* Fields first; they keep their names whatever helpers want. */
static bool name_fields(struct at_gen_file *file, struct at_gen_message *m, struct at_map *used)
{
    struct at_arena *arena = file->run->arena;

    for (size_t i = 0; i < m->proto->fields.count; i++) {
        struct at_gen_field *f = &m->fields[i];
        const struct at_proto_field *proto = &m->proto->fields.at[i];
        const char *name = at_arena_copy(arena, bytes(proto->name));

        *f = (struct at_gen_field){
            .proto = proto,
            .form = form_of(file, m->proto, proto),
            .flags = at_proto_flags(proto, at_proto_is_proto2(file->input->proto)),
            .path = {&m->path, MESSAGE_FIELDS, (int32_t)i},
        };
        f->name = name == NULL ? NULL : at_gen_claim(arena, used, name);
        f->access = f->name;
        if (is_message(proto) || proto->type == ATOLL_TYPE_ENUM) {
            f->of = at_gen_c_name(arena, proto->type_name);
        }
        if (f->name == NULL) {
            return false;
        }
    }
    return true;
}

static bool name_oneofs(struct at_gen_file *file, struct at_gen_message *m, struct at_map *used)
{
    struct at_arena *arena = file->run->arena;

    for (size_t i = 0; i < m->proto->oneofs.count; i++) {
        struct at_gen_oneof *o = &m->oneofs[i];
        struct atoll_str name = m->proto->oneofs.at[i].name;
        bool is_real = false;

        for (size_t j = 0; j < m->proto->fields.count; j++) {
            const struct at_proto_field *f = m->fields[j].proto;

            is_real = is_real || (at_proto_is_in_oneof(f) && (size_t)f->oneof_index == i);
        }
        if (!is_real) {
            continue; /* made by protoc around a proto3 optional field */
        }
        o->name = at_arena_copy(arena, bytes(name));
        o->case_name = at_arena_printf(arena, "%.*s_case", (int)name.len, name.at);
        o->name = o->name == NULL ? NULL : at_gen_claim(arena, used, o->name);
        o->case_name = o->case_name == NULL ? NULL : at_gen_claim(arena, used, o->case_name);
        if (o->name == NULL || o->case_name == NULL) {
            return false;
        }
    }
    return true;
}

static bool name_helpers(struct at_gen_file *file, struct at_gen_message *m, struct at_map *used)
{
    struct at_arena *arena = file->run->arena;

    for (size_t i = 0; i < m->proto->fields.count; i++) {
        struct at_gen_field *f = &m->fields[i];

        if (f->form == ATOLL_FORM_OPTIONAL) {
            f->presence =
                at_arena_printf(arena, "has_%.*s", (int)f->proto->name.len, f->proto->name.at);
            f->presence = f->presence == NULL ? NULL : at_gen_claim(arena, used, f->presence);
        } else if (f->form == ATOLL_FORM_ONEOF) {
            f->oneof = &m->oneofs[f->proto->oneof_index];
            f->presence = f->oneof->case_name;
            f->access = at_arena_printf(arena, "%s.%s", f->oneof->name, f->name);
        } else {
            continue;
        }
        if (f->presence == NULL || f->access == NULL) {
            return false;
        }
    }
    m->unknown_name = at_gen_claim(arena, used, "unknown_fields");
    return m->unknown_name != NULL;
}

static int fill_message(struct at_gen_file *file, struct at_gen_message *m, struct at_diag *diag)
{
    struct at_arena *arena = file->run->arena;
    struct at_map used;
    bool ok;

    for (size_t i = 0; i < m->proto->fields.count; i++) {
        int r = judge_field(m, &m->proto->fields.at[i], diag);

        if (r < 0) {
            return r;
        }
    }
    m->c_name = at_gen_c_name(arena, str(m->full_name));
    m->fields = at_arena_zalloc(arena, m->proto->fields.count, sizeof(*m->fields));
    m->oneofs = at_arena_zalloc(arena, m->proto->oneofs.count, sizeof(*m->oneofs));
    if (m->c_name == NULL || m->fields == NULL || m->oneofs == NULL) {
        return -ENOMEM;
    }
    at_map_init(&used, 0);
    ok = name_fields(file, m, &used) && name_oneofs(file, m, &used) && name_helpers(file, m, &used);
    at_map_deinit(&used);
    return ok ? 0 : -ENOMEM;
}

static int add_enum(struct at_gen_file *file, struct at_gen_enum ***end,
                    const struct at_proto_enum *proto, const char *scope, struct at_gen_path path)
{
    struct at_arena *arena = file->run->arena;
    struct at_gen_enum *e = at_arena_zalloc(arena, 1, sizeof(*e));
    const char *prefix = at_gen_snake(arena, at_bytes_of(scope), true);

    if (e == NULL || prefix == NULL) {
        return -ENOMEM;
    }
    e->proto = proto;
    e->path = path;
    e->full_name = join(arena, scope, proto->name);
    e->prefix = at_arena_printf(arena, "%s%s", prefix, prefix[0] == '\0' ? "" : "_");
    if (e->full_name == NULL || e->prefix == NULL) {
        return -ENOMEM;
    }
    e->c_name = at_gen_c_name(arena, str(e->full_name));
    **end = e;
    *end = &e->next;
    return e->c_name == NULL ? -ENOMEM : 0;
}

/* Puts a message behind *where and moves *where behind it. */
static int add_message(struct at_gen_file *file, struct at_gen_message ***where,
                       const struct at_proto_message *proto, const char *scope,
                       struct at_gen_path path)
{
    struct at_gen_message *m = at_arena_zalloc(file->run->arena, 1, sizeof(*m));

    if (m == NULL) {
        return -ENOMEM;
    }
    m->proto = proto;
    m->path = path;
    m->full_name = join(file->run->arena, scope, proto->name);
    m->next = **where;
    **where = m;
    *where = &m->next;
    return m->full_name == NULL ? -ENOMEM : 0;
}

static int flatten(struct at_gen_file *file, const char *package, struct at_diag *diag)
{
    const struct at_proto_file *proto = file->input->proto;
    struct at_gen_message **message = &file->messages;
    struct at_gen_enum **enumeration = &file->enums;
    int r = 0;

    for (size_t i = 0; r == 0 && i < proto->enums.count; i++) {
        r = add_enum(file, &enumeration, &proto->enums.at[i], package,
                     (struct at_gen_path){NULL, FILE_ENUMS, (int32_t)i});
    }
    for (size_t i = 0; r == 0 && i < proto->messages.count; i++) {
        r = add_message(file, &message, &proto->messages.at[i], package,
                        (struct at_gen_path){NULL, FILE_MESSAGES, (int32_t)i});
    }
    for (struct at_gen_message *m = file->messages; r == 0 && m != NULL; m = m->next) {
        struct at_gen_message **behind = &m->next;

        for (size_t i = 0; r == 0 && i < m->proto->enums.count; i++) {
            r = add_enum(file, &enumeration, &m->proto->enums.at[i], m->full_name,
                         (struct at_gen_path){&m->path, MESSAGE_ENUMS, (int32_t)i});
        }
        for (size_t i = 0; r == 0 && i < m->proto->nested.count; i++) {
            r = add_message(file, &behind, &m->proto->nested.at[i], m->full_name,
                            (struct at_gen_path){&m->path, MESSAGE_NESTED, (int32_t)i});
        }
        if (r == 0) {
            r = fill_message(file, m, diag);
        }
    }
    return r;
}

static int fill_methods(struct at_gen_file *file, struct at_gen_service *s)
{
    static const char *const ours[] = {"serve", "with", "desc"};
    struct at_arena *arena = file->run->arena;
    struct at_map used;
    int r = 0;

    at_map_init(&used, 0);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        r = at_gen_claim(arena, &used, ours[i]) == NULL ? -ENOMEM : r;
    }
    for (size_t i = 0; r == 0 && i < s->proto->methods.count; i++) {
        const struct at_proto_method *proto = &s->proto->methods.at[i];
        struct at_gen_method *m = &s->methods[i];
        const char *name = at_gen_snake(arena, bytes(proto->name), false);
        const char *twin;

        *m = (struct at_gen_method){
            .proto = proto,
            .name = name == NULL ? NULL : at_gen_claim(arena, &used, name),
            .input = at_gen_c_name(arena, proto->input),
            .output = at_gen_c_name(arena, proto->output),
            .path = {&s->path, SERVICE_METHODS, (int32_t)i},
            .is_unary = !proto->client_streams && !proto->server_streams,
        };
        twin = m->name == NULL ? NULL : at_arena_printf(arena, "%s_async", m->name);
        if (twin == NULL || m->input == NULL || m->output == NULL ||
            at_map_put(&used, at_bytes_of(twin), &used) < 0) {
            r = -ENOMEM;
        }
    }
    at_map_deinit(&used);
    return r;
}

static int fill_services(struct at_gen_file *file, const char *package)
{
    const struct at_proto_file *proto = file->input->proto;
    struct at_arena *arena = file->run->arena;

    file->services = at_arena_zalloc(arena, proto->services.count, sizeof(*file->services));
    if (file->services == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < proto->services.count; i++) {
        struct at_gen_service *s = &file->services[i];
        int r;

        s->proto = &proto->services.at[i];
        s->path = (struct at_gen_path){NULL, FILE_SERVICES, (int32_t)i};
        s->full_name = join(arena, package, s->proto->name);
        s->c_name = s->full_name == NULL ? NULL : at_gen_c_name(arena, str(s->full_name));
        s->methods = at_arena_zalloc(arena, s->proto->methods.count, sizeof(*s->methods));
        if (s->c_name == NULL || s->methods == NULL) {
            return -ENOMEM;
        }
        r = fill_methods(file, s);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

const struct at_proto_location *at_gen_comments(const struct at_gen_file *file,
                                                const struct at_gen_path *path)
{
    int32_t steps[PATH_MAX_STEPS];
    size_t at = PATH_MAX_STEPS;

    for (; path != NULL; path = path->up) {
        if (at < 2) {
            return NULL;
        }
        steps[--at] = path->index;
        steps[--at] = path->field;
    }
    return at_map_get(&file->comments,
                      at_bytes_over(steps + at, (PATH_MAX_STEPS - at) * sizeof(steps[0])));
}

static int collect_comments(struct at_gen_file *file)
{
    const struct at_proto_source_info *info = file->input->proto->source_info;

    at_map_init(&file->comments, 0);
    for (size_t i = 0; info != NULL && i < info->locations.count; i++) {
        struct at_proto_location *l = &info->locations.at[i];

        if (l->leading.len == 0 && l->trailing.len == 0) {
            continue;
        }
        if (at_map_put(&file->comments,
                       at_bytes_over(l->path.at, l->path.count * sizeof(l->path.at[0])), l) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int claim_type(struct at_map *used, const char *c_name, const char *full_name,
                      struct at_diag *diag)
{
    const struct atoll_str *other = at_map_get(used, at_bytes_of(c_name));

    if (other != NULL) {
        at_diag_set(diag, "%.*s and %s would both be called %s in C: rename one of them",
                    (int)other->len, other->at, full_name, c_name);
        return -EINVAL;
    }
    return 0;
}

/* Nested and plain names can meet where '_' stands for '.': M.N and M_N. */
static int judge_types(struct at_gen_file *file, struct at_diag *diag)
{
    struct at_arena *arena = file->run->arena;
    struct at_map used;
    int r = 0;

    at_map_init(&used, 0);
    for (const struct at_gen_message *m = file->messages; r == 0 && m != NULL; m = m->next) {
        struct atoll_str *name = at_arena_alloc(arena, sizeof(*name), 8);

        r = claim_type(&used, m->c_name, m->full_name, diag);
        if (r == 0 && name != NULL) {
            *name = str(m->full_name);
            r = at_map_put(&used, at_bytes_of(m->c_name), name);
        }
        r = name == NULL ? -ENOMEM : r;
    }
    for (const struct at_gen_enum *e = file->enums; r == 0 && e != NULL; e = e->next) {
        r = claim_type(&used, e->c_name, e->full_name, diag);
    }
    for (size_t i = 0; r == 0 && i < file->input->proto->services.count; i++) {
        r = claim_type(&used, file->services[i].c_name, file->services[i].full_name, diag);
    }
    at_map_deinit(&used);
    return r;
}

int at_gen_model(struct at_gen_run *run, const struct at_gen_input *input, struct at_gen_file *ret,
                 struct at_diag *diag)
{
    const char *package = at_arena_copy(run->arena, bytes(input->proto->package));
    int r;

    *ret = (struct at_gen_file){.run = run, .input = input};
    ret->stem = at_gen_stem(run, input->proto->name);
    if (package == NULL || ret->stem == NULL) {
        return -ENOMEM;
    }
    r = collect_comments(ret);
    if (r == 0) {
        r = flatten(ret, package, diag);
    }
    r = r == 0 ? fill_services(ret, package) : r;
    return r == 0 ? judge_types(ret, diag) : r;
}
