/*
 * What everything in the outputs of a file is called; model.h has the rules. Each set of names is a
 * map that at_gen_claim() asks and adds to.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "generator/model.h"
#include "generator/names.h"
#include "pb/descriptor.h"

enum { MESSAGE_FIELDS = 2, SERVICE_METHODS = 2 };

static struct at_bytes bytes(struct atoll_str s)
{
    return at_bytes_over(s.at, s.len);
}

bool at_gen_is_message(const struct at_proto_field *f)
{
    return f->type == ATOLL_TYPE_MESSAGE || f->type == ATOLL_TYPE_GROUP;
}

static bool is_map_entry(const struct at_proto_message *m, const struct at_proto_field *f)
{
    struct at_bytes type = bytes(f->type_name);

    for (size_t i = 0; at_gen_is_message(f) && i < m->nested.count; i++) {
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
    /* In entries of maps presence means nothing: without a key the key is zero. */
    return at_proto_form(f, at_proto_is_proto2(file->input->proto) &&
                                (m->options == NULL || !m->options->map_entry));
}

static int judge_field(const struct at_gen_message *m, const struct at_proto_field *f,
                       struct at_diag *diag)
{
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
        const char *name =
            m->extension != NULL ? "value" : at_arena_copy(arena, bytes(proto->name));

        *f = (struct at_gen_field){
            .proto = proto,
            .form = form_of(file, m->proto, proto),
            .flags = at_proto_flags(proto, at_proto_is_proto2(file->input->proto)),
            .path = {&m->path, MESSAGE_FIELDS, (int32_t)i},
        };
        f->name = name == NULL ? NULL : at_gen_claim(arena, used, name);
        f->access = f->name;
        if (at_gen_is_message(proto) || proto->type == ATOLL_TYPE_ENUM) {
            f->of = at_gen_c_name(arena, bytes(proto->type_name));
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
            f->presence = m->extension != NULL
                              ? "has_value"
                              : at_arena_printf(arena, "has_%.*s", (int)f->proto->name.len,
                                                f->proto->name.at);
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

/* A function or constant of a message or service: "shop_v1_Item_init". NULL: out of memory. */
static const char *global(struct at_gen_file *file, const char *owner, const char *before,
                          const char *name, const char *behind)
{
    const char *whole = at_arena_printf(file->run->arena, "%s_%s%s%s", owner, before, name, behind);

    return whole == NULL ? NULL : at_gen_claim(file->run->arena, &file->names, whole);
}

static bool name_cases(struct at_gen_file *file, struct at_gen_message *m)
{
    struct at_arena *arena = file->run->arena;

    for (size_t i = 0; i < m->proto->oneofs.count; i++) {
        struct at_gen_oneof *o = &m->oneofs[i];

        if (o->name == NULL) {
            continue;
        }
        o->tag = at_arena_printf(arena, "%s_%s", m->c_name, o->case_name);
        o->tag = o->tag == NULL ? NULL : at_gen_claim(arena, &file->tags, o->tag);
        o->none = global(file, m->c_name, "", o->name, "_none");
        if (o->tag == NULL || o->none == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < m->proto->fields.count; i++) {
        struct at_gen_field *f = &m->fields[i];

        if (f->oneof != NULL) {
            f->number_name = global(file, m->c_name, "", f->name, "_number");
            if (f->number_name == NULL) {
                return false;
            }
        }
    }
    return true;
}

static bool name_extension(struct at_gen_file *file, struct at_gen_message *m)
{
    struct at_gen_extension *x = m->extension;

    x->desc_name = global(file, m->c_name, "", "extension", "");
    x->has_name = global(file, m->c_name, "", "has", "");
    x->get_name = global(file, m->c_name, "", "get", "");
    x->set_name = global(file, m->c_name, "", "set", "");
    x->clear_name = global(file, m->c_name, "", "clear", "");
    return x->desc_name != NULL && x->has_name != NULL && x->get_name != NULL &&
           x->set_name != NULL && x->clear_name != NULL;
}

static bool name_functions(struct at_gen_file *file, struct at_gen_message *m)
{
    if (m->extension != NULL) {
        return name_extension(file, m);
    }
    m->init_name = global(file, m->c_name, "", "init", "");
    if (m->init_name == NULL) {
        return false;
    }
    for (size_t i = 0; i < m->proto->fields.count; i++) {
        struct at_gen_field *f = &m->fields[i];
        bool sets = f->form == ATOLL_FORM_OPTIONAL || f->form == ATOLL_FORM_ONEOF;
        bool lists = f->form >= ATOLL_FORM_REPEATED;
        bool makes = lists || at_gen_is_message(f->proto);

        if (sets) {
            f->setter = global(file, m->c_name, "set_", f->name, "");
        }
        if (makes) {
            f->maker = global(file, m->c_name, lists ? "add_" : "new_", f->name, "");
        }
        if ((sets && f->setter == NULL) || (makes && f->maker == NULL)) {
            return false;
        }
    }
    return true;
}

int at_gen_name_message(struct at_gen_file *file, struct at_gen_message *m, struct at_diag *diag)
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
    m->fields = at_arena_zalloc(arena, m->proto->fields.count, sizeof(*m->fields));
    m->oneofs = at_arena_zalloc(arena, m->proto->oneofs.count, sizeof(*m->oneofs));
    if (m->fields == NULL || m->oneofs == NULL) {
        return -ENOMEM;
    }
    at_map_init(&used, 0);
    ok = name_fields(file, m, &used) && name_oneofs(file, m, &used) &&
         name_helpers(file, m, &used) && name_cases(file, m) &&
         (m->is_entry || name_functions(file, m));
    at_map_deinit(&used);
    return ok ? 0 : -ENOMEM;
}

int at_gen_name_enum(struct at_gen_file *file, struct at_gen_enum *e)
{
    struct at_arena *arena = file->run->arena;
    const char *scope = at_gen_snake(arena, at_bytes_of(e->scope), true);
    size_t n = e->proto->values.count;

    e->names = at_arena_zalloc(arena, n, sizeof(*e->names));
    if (scope == NULL || e->names == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        struct atoll_str name = e->proto->values.at[i].name;
        const char *whole = at_arena_printf(arena, "%s%s%.*s", scope, scope[0] == '\0' ? "" : "_",
                                            (int)name.len, name.at);

        e->names[i] = whole == NULL ? NULL : at_gen_claim(arena, &file->names, whole);
        if (e->names[i] == NULL) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* What stands behind the name of a method in the functions that belong to it; ends with NULL. */
static const char *const *endings(const struct at_gen_method *m)
{
    static const char *const unary[] = {"",         "_async",         "_oneway",
                                        "_to_many", "_to_many_async", NULL};
    static const char *const to_server[] = {
        "_open",         "_send",        "_send_async",        "_close_send", "_finish",
        "_finish_async", "_server_recv", "_server_recv_async", NULL};
    static const char *const to_client[] = {
        "_open",         "_recv",        "_recv_async",        "_finish",
        "_finish_async", "_server_send", "_server_send_async", NULL};
    static const char *const both[] = {"_open",
                                       "_send",
                                       "_send_async",
                                       "_close_send",
                                       "_recv",
                                       "_recv_async",
                                       "_finish",
                                       "_finish_async",
                                       "_server_recv",
                                       "_server_recv_async",
                                       "_server_send",
                                       "_server_send_async",
                                       NULL};

    if (!m->client_streams) {
        return m->server_streams ? to_client : unary;
    }
    return m->server_streams ? both : to_server;
}

/* Takes the names of all functions of a method. 0; 1: one of them is gone; -ENOMEM. */
static int claim_method(struct at_gen_file *file, const struct at_gen_service *s,
                        const struct at_gen_method *m, bool take)
{
    for (const char *const *e = endings(m); *e != NULL; e++) {
        const char *name = at_arena_printf(file->run->arena, "%s_%s%s", s->c_name, m->name, *e);
        int r = 0;

        if (name == NULL) {
            return -ENOMEM;
        }
        if (take) {
            r = at_map_put(&file->names, at_bytes_of(name), file);
        } else if (at_map_get(&file->names, at_bytes_of(name)) != NULL) {
            r = 1;
        }
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int name_method(struct at_gen_file *file, const struct at_gen_service *s,
                       struct at_gen_method *m, struct at_map *members)
{
    struct at_arena *arena = file->run->arena;
    int r;

    m->name = at_gen_snake(arena, bytes(m->proto->name), false);
    do {
        m->name = m->name == NULL ? NULL : at_gen_claim(arena, members, m->name);
        r = m->name == NULL ? -ENOMEM : claim_method(file, s, m, false);
    } while (r > 0);
    r = r == 0 ? claim_method(file, s, m, true) : r;
    if (r == 0) {
        m->thunk_name = global(file, s->c_name, "", m->name, "_thunk");
        r = m->thunk_name == NULL ? -ENOMEM : 0;
    }
    return r;
}

int at_gen_name_service(struct at_gen_file *file, struct at_gen_service *s, struct at_diag *diag)
{
    struct at_arena *arena = file->run->arena;
    struct at_map members;
    int r = 0;

    s->with_name = global(file, s->c_name, "", "with", "");
    s->serve_name = global(file, s->c_name, "", "serve", "");
    if (s->with_name == NULL || s->serve_name == NULL) {
        return -ENOMEM;
    }
    at_map_init(&members, 0);
    for (size_t i = 0; r == 0 && i < s->proto->methods.count; i++) {
        const struct at_proto_method *proto = &s->proto->methods.at[i];
        struct at_gen_method *m = &s->methods[i];

        *m = (struct at_gen_method){
            .proto = proto,
            .input = at_gen_c_name(arena, bytes(proto->input)),
            .output = at_gen_c_name(arena, bytes(proto->output)),
            .path = {&s->path, SERVICE_METHODS, (int32_t)i},
            .client_streams = proto->client_streams,
            .server_streams = proto->server_streams,
            .is_deprecated =
                s->is_deprecated || (proto->options != NULL && proto->options->deprecated),
        };
        r = m->input == NULL || m->output == NULL ? -ENOMEM : name_method(file, s, m, &members);
        if (r == 0 && !at_proto_timeout(proto, &m->timeout_ns)) {
            struct atoll_str text = proto->options->atoll->timeout;

            at_diag_set(diag,
                        "%s.%.*s: (atoll.method).timeout is \"%.*s\", which is no duration: write "
                        "\"250ms\", \"2s\" or \"1m30s\"",
                        s->full_name, (int)proto->name.len, proto->name.at, (int)text.len, text.at);
            r = -EINVAL;
        }
    }
    at_map_deinit(&members);
    return r;
}
