/*
 * From descriptors to the model. Nested types are flattened with a list to which a message's
 * children are added right behind it, so the depth of nesting costs no stack. Names are decided
 * when all types stand, in model_names.c.
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
    FILE_EXTENSIONS = 7,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUMS = 4,
    MESSAGE_EXTENSIONS = 6,
    PATH_MAX_STEPS = 80,
};

static struct at_bytes bytes(struct atoll_str s)
{
    return at_bytes_over(s.at, s.len);
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

static int add_enum(struct at_gen_file *file, struct at_gen_enum ***end,
                    const struct at_proto_enum *proto, const char *scope, struct at_gen_path path)
{
    struct at_arena *arena = file->run->arena;
    struct at_gen_enum *e = at_arena_zalloc(arena, 1, sizeof(*e));

    if (e == NULL) {
        return -ENOMEM;
    }
    e->proto = proto;
    e->path = path;
    e->scope = scope;
    e->is_deprecated =
        file->is_deprecated || (proto->options != NULL && proto->options->deprecated);
    e->full_name = join(arena, scope, proto->name);
    if (e->full_name == NULL) {
        return -ENOMEM;
    }
    e->c_name = at_gen_c_name(arena, at_bytes_of(e->full_name));
    **end = e;
    *end = &e->next;
    return e->c_name == NULL ? -ENOMEM : 0;
}

/* Puts a message behind *where and moves *where behind it. */
static int add_message(struct at_gen_file *file, struct at_gen_message ***where,
                       const struct at_proto_message *proto, const char *scope,
                       struct at_gen_path path)
{
    struct at_arena *arena = file->run->arena;
    struct at_gen_message *m = at_arena_zalloc(arena, 1, sizeof(*m));

    if (m == NULL) {
        return -ENOMEM;
    }
    m->proto = proto;
    m->path = path;
    m->is_deprecated =
        file->is_deprecated || (proto->options != NULL && proto->options->deprecated);
    m->is_entry = proto->options != NULL && proto->options->map_entry;
    m->full_name = join(arena, scope, proto->name);
    if (m->full_name == NULL) {
        return -ENOMEM;
    }
    m->c_name = at_gen_c_name(arena, at_bytes_of(m->full_name));
    m->next = **where;
    **where = m;
    *where = &m->next;
    return m->c_name == NULL ? -ENOMEM : 0;
}

static int flatten(struct at_gen_file *file, const char *package)
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
    }
    return r;
}

/*
 * The holder of an extension: a message made up here, with the extension as its only field, which
 * is called as the table of its message would call it if it had one.
 */
static int add_holder(struct at_gen_file *file, struct at_gen_message ***end, const char *scope,
                      const struct at_proto_field *declared, struct at_gen_path path)
{
    struct at_arena *arena = file->run->arena;
    struct at_proto_message *proto = at_arena_zalloc(arena, 1, sizeof(*proto));
    struct at_proto_field *field = at_arena_zalloc(arena, 1, sizeof(*field));
    struct at_gen_extension *extension = at_arena_zalloc(arena, 1, sizeof(*extension));
    const char *full_name = join(arena, scope, declared->name);
    struct at_gen_message **holder = *end;
    const char *json_name;
    int r;

    if (proto == NULL || field == NULL || extension == NULL || full_name == NULL) {
        return -ENOMEM;
    }
    json_name = at_arena_printf(arena, "[%s]", full_name);
    extension->extendee = at_gen_c_name(arena, bytes(declared->extendee));
    extension->extendee_type = declared->extendee;
    if (json_name == NULL || extension->extendee == NULL) {
        return -ENOMEM;
    }
    *field = *declared;
    field->name = (struct atoll_str){full_name, strlen(full_name)};
    field->json_name = (struct atoll_str){json_name, strlen(json_name)};
    proto->name = declared->name;
    proto->fields.at = field;
    proto->fields.count = 1;
    r = add_message(file, end, proto, scope, path);
    if (r == 0) {
        (*holder)->extension = extension;
    }
    return r;
}

static int add_extensions(struct at_gen_file *file, const char *package)
{
    const struct at_proto_fields *declared = &file->input->proto->extensions;
    struct at_gen_message **end = &file->messages;
    int r = 0;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    for (size_t i = 0; r == 0 && i < declared->count; i++) {
        r = add_holder(file, &end, package, &declared->at[i],
                       (struct at_gen_path){NULL, FILE_EXTENSIONS, (int32_t)i});
    }
    for (struct at_gen_message *m = file->messages; r == 0 && m != NULL; m = m->next) {
        declared = &m->proto->extensions;
        for (size_t i = 0; r == 0 && m->extension == NULL && i < declared->count; i++) {
            r = add_holder(file, &end, m->full_name, &declared->at[i],
                           (struct at_gen_path){&m->path, MESSAGE_EXTENSIONS, (int32_t)i});
        }
    }
    return r;
}

static int add_services(struct at_gen_file *file, const char *package)
{
    const struct at_proto_file *proto = file->input->proto;
    struct at_arena *arena = file->run->arena;

    file->services = at_arena_zalloc(arena, proto->services.count, sizeof(*file->services));
    if (file->services == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < proto->services.count; i++) {
        struct at_gen_service *s = &file->services[i];

        s->proto = &proto->services.at[i];
        s->path = (struct at_gen_path){NULL, FILE_SERVICES, (int32_t)i};
        s->is_deprecated =
            file->is_deprecated || (s->proto->options != NULL && s->proto->options->deprecated);
        s->full_name = join(arena, package, s->proto->name);
        s->c_name = s->full_name == NULL ? NULL : at_gen_c_name(arena, at_bytes_of(s->full_name));
        s->methods = at_arena_zalloc(arena, s->proto->methods.count, sizeof(*s->methods));
        if (s->c_name == NULL || s->methods == NULL) {
            return -ENOMEM;
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
        if (path->index >= 0) {
            steps[--at] = path->index;
        }
        steps[--at] = path->field;
    }
    return at_map_get(&file->comments,
                      at_bytes_over(steps + at, (PATH_MAX_STEPS - at) * sizeof(steps[0])));
}

static int collect_comments(struct at_gen_file *file)
{
    const struct at_proto_source_info *info = file->input->proto->source_info;

    for (size_t i = 0; info != NULL && i < info->locations.count; i++) {
        struct at_proto_location *l = &info->locations.at[i];

        if (l->leading.len == 0 && l->trailing.len == 0 && l->detached.count == 0) {
            continue;
        }
        if (at_map_put(&file->comments,
                       at_bytes_over(l->path.at, l->path.count * sizeof(l->path.at[0])), l) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* What the types and their tables are called, before anything else takes a name. */
static int reserve(struct at_gen_file *file, const char *c_name)
{
    const char *desc = at_arena_printf(file->run->arena, "%s_desc", c_name);
    int r = desc == NULL ? -ENOMEM : at_map_put(&file->tags, at_bytes_of(c_name), file);

    return r == 0 ? at_map_put(&file->names, at_bytes_of(desc), file) : r;
}

static int name_all(struct at_gen_file *file, struct at_diag *diag)
{
    size_t services = file->input->proto->services.count;
    int r = 0;

    for (struct at_gen_message *m = file->messages; r == 0 && m != NULL; m = m->next) {
        r = reserve(file, m->c_name);
    }
    for (struct at_gen_enum *e = file->enums; r == 0 && e != NULL; e = e->next) {
        r = reserve(file, e->c_name);
    }
    for (size_t i = 0; r == 0 && i < services; i++) {
        r = reserve(file, file->services[i].c_name);
    }
    for (struct at_gen_enum *e = file->enums; r == 0 && e != NULL; e = e->next) {
        r = at_gen_name_enum(file, e);
    }
    for (struct at_gen_message *m = file->messages; r == 0 && m != NULL; m = m->next) {
        r = at_gen_name_message(file, m, diag);
    }
    for (size_t i = 0; r == 0 && i < services; i++) {
        r = at_gen_name_service(file, &file->services[i], diag);
    }
    return r;
}

/* Marks the file and everything it imports; inputs stand behind what they import. */
void at_gen_mark_needed(struct at_gen_run *run, const struct at_gen_input *wanted)
{
    for (size_t i = 0; i < run->input_count; i++) {
        run->inputs[i].needed = false;
    }
    for (size_t i = run->input_count; i-- > 0;) {
        struct at_gen_input *input = &run->inputs[i];

        input->needed = input->needed || input == wanted;
        for (size_t j = 0; input->needed && j < input->proto->dependencies.count; j++) {
            struct at_gen_input *other = at_gen_find_input(run, input->proto->dependencies.at[j]);

            if (other != NULL) {
                other->needed = true;
            }
        }
    }
}

struct at_gen_input *at_gen_find_input(const struct at_gen_run *run, struct atoll_str name)
{
    for (size_t i = 0; i < run->input_count; i++) {
        if (at_bytes_equal(bytes(name), bytes(run->inputs[i].proto->name))) {
            return &run->inputs[i];
        }
    }
    return NULL;
}

int at_gen_model(struct at_gen_run *run, const struct at_gen_input *input, struct at_gen_file *ret,
                 struct at_diag *diag)
{
    const char *package = at_arena_copy(run->arena, bytes(input->proto->package));
    int r;

    *ret = (struct at_gen_file){.run = run, .input = input};
    at_map_init(&ret->comments, 0);
    at_map_init(&ret->names, 0);
    at_map_init(&ret->tags, 0);
    ret->stem = at_gen_stem(run, input->proto->name);
    if (package == NULL || ret->stem == NULL) {
        return -ENOMEM;
    }
    ret->is_deprecated = input->proto->options != NULL && input->proto->options->deprecated;
    at_gen_mark_needed(run, input);
    for (size_t i = 0; i < run->input_count; i++) {
        ret->names_deprecated =
            ret->names_deprecated || (run->inputs[i].needed && run->inputs[i].has_deprecated);
    }
    r = collect_comments(ret);
    r = r == 0 ? flatten(ret, package) : r;
    r = r == 0 ? add_extensions(ret, package) : r;
    r = r == 0 ? add_services(ret, package) : r;
    return r == 0 ? name_all(ret, diag) : r;
}

void at_gen_model_deinit(struct at_gen_file *file)
{
    at_map_deinit(&file->comments);
    at_map_deinit(&file->names);
    at_map_deinit(&file->tags);
}
