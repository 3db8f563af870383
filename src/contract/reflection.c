#include "contract/reflection.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/extensions.h"
#include "contract/limits.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/codec.h"
#include "reflection_messages.atoll.h"
#include "reflection_set.h"

enum { CODE_INVALID_ARGUMENT = 3, CODE_NOT_FOUND = 5 }; /* of gRPC */

/* "shop.v1.KIND_ADD": a value's name stands in the scope of its enum, not in the enum. */
struct at_reflection_value {
    struct at_bytes scope; /* "shop.v1" */
    struct at_bytes name;
    const struct at_set_file *file;
};

/* One answer in work. */
struct answering {
    const struct at_reflection *r;
    struct at_arena *arena;
    struct grpc_reflection_v1_ServerReflectionResponse *out;
    int result;
};

struct at_bytes at_reflection_own_set(void)
{
    return at_bytes_over(at_reflection_set, at_reflection_set_len);
}

/* ---- indexes ---- */

static struct at_bytes scope_of(const struct at_set_symbol *s)
{
    struct at_bytes name = at_bytes_of(s->full_name);

    while (name.len > 0 && name.at[name.len - 1] != '.') {
        name.len--;
    }
    return at_bytes_before(name, name.len == 0 ? 0 : name.len - 1);
}

static int compare_values(const void *a, const void *b)
{
    const struct at_reflection_value *x = a;
    const struct at_reflection_value *y = b;
    int r = at_bytes_compare(x->name, y->name);

    return r != 0 ? r : at_bytes_compare(x->scope, y->scope);
}

static int find_values(struct at_reflection *r, struct at_arena *arena)
{
    struct at_reflection_value *list;
    size_t count = 0;

    for (size_t i = 0; i < r->set->symbol_count; i++) {
        const struct at_set_symbol *s = &r->set->symbols[i];

        count += s->kind == AT_SET_ENUM ? s->of.enumeration->value.count : 0;
    }
    list = at_arena_zalloc(arena, count + 1, sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < r->set->symbol_count; i++) {
        const struct at_set_symbol *s = &r->set->symbols[i];

        for (size_t k = 0; s->kind == AT_SET_ENUM && k < s->of.enumeration->value.count; k++) {
            list[r->value_count++] = (struct at_reflection_value){
                scope_of(s), at_set_bytes(s->of.enumeration->value.at[k].name), s->file};
        }
    }
    qsort(list, r->value_count, sizeof(*list), compare_values);
    r->values = list;
    return 0;
}

static int find_imports(struct at_reflection *r, struct at_arena *arena)
{
    size_t *first = at_arena_zalloc(arena, r->set->file_count + 1, sizeof(*first));
    size_t count = 0;
    size_t *list;

    for (size_t i = 0; i < r->set->file_count; i++) {
        count += r->set->files[i].proto->dependency.count;
    }
    list = at_arena_zalloc(arena, count + 1, sizeof(*list));
    if (first == NULL || list == NULL) {
        return -ENOMEM;
    }
    count = 0;
    for (size_t i = 0; i < r->set->file_count; i++) {
        const struct google_protobuf_FileDescriptorProto *p = r->set->files[i].proto;

        first[i] = count;
        for (size_t k = 0; k < p->dependency.count; k++) {
            const struct at_set_file *f =
                at_set_find_file(r->set, at_set_bytes(p->dependency.at[k]));

            if (f != NULL) {
                list[count++] = f->index;
            }
        }
    }
    first[r->set->file_count] = count;
    r->imports = list;
    r->import_first = first;
    return 0;
}

static int list_all_services(struct at_reflection *r, struct at_arena *arena)
{
    const char **names = at_arena_zalloc(arena, r->set->symbol_count + 1, sizeof(*names));

    if (names == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < r->set->symbol_count; i++) {
        if (r->set->symbols[i].kind == AT_SET_SERVICE) {
            names[r->service_count++] = r->set->symbols[i].full_name;
        }
    }
    r->services = names;
    return 0;
}

int at_reflection_init(struct at_reflection *r, const struct at_set *set,
                       const char *const *services, size_t service_count, struct at_arena *arena)
{
    int result;

    *r = (struct at_reflection){.set = set, .services = services, .service_count = service_count};
    result = at_extensions_find(set, arena, &r->extensions);
    result = result == 0 ? find_values(r, arena) : result;
    result = result == 0 ? find_imports(r, arena) : result;
    return result == 0 && services == NULL ? list_all_services(r, arena) : result;
}

/* ---- answers ---- */

/* As much of a name as a message needs, without a part of a character at its end. */
static int length_told(struct atoll_str name)
{
    size_t len = name.len < AT_SET_NAME_MAX ? name.len : AT_SET_NAME_MAX;

    while (len > 0 && len < name.len && ((uint8_t)name.at[len] & 0xC0) == 0x80) {
        len--;
    }
    return (int)len;
}

static void fail(struct answering *a, int32_t code, const char *what, struct atoll_str name)
{
    struct grpc_reflection_v1_ErrorResponse *e = at_arena_zalloc(a->arena, 1, sizeof(*e));
    char *text =
        at_arena_printf(a->arena, "%s%.*s", what, length_told(name), name.len == 0 ? "" : name.at);

    if (e == NULL || text == NULL) {
        a->result = -ENOMEM;
        return;
    }
    *e = (struct grpc_reflection_v1_ErrorResponse){.error_code = code,
                                                   .error_message = {text, strlen(text)}};
    a->out->message_response_case =
        grpc_reflection_v1_ServerReflectionResponse_error_response_number;
    a->out->message_response.error_response = e;
}

/* The file, and then what it imports, nearest first, as long as there is room. */
static void answer_file(struct answering *a, const struct at_set_file *file)
{
    const struct at_reflection *r = a->r;
    struct grpc_reflection_v1_FileDescriptorResponse *f = at_arena_zalloc(a->arena, 1, sizeof(*f));
    struct atoll_str *sent = at_arena_zalloc(a->arena, r->set->file_count, sizeof(*sent));
    size_t *queue = at_arena_zalloc(a->arena, r->set->file_count, sizeof(*queue));
    bool *seen = at_arena_zalloc(a->arena, r->set->file_count, sizeof(*seen));
    size_t queued = 0;
    size_t bytes = 0;

    if (f == NULL || sent == NULL || queue == NULL || seen == NULL) {
        a->result = -ENOMEM;
        return;
    }
    queue[queued++] = file->index;
    seen[file->index] = true;
    for (size_t i = 0; i < queued; i++) {
        struct at_bytes own = r->set->files[queue[i]].bytes;

        bytes += own.len;
        if (i > 0 && bytes > AT_REFLECTION_FILES_BYTES) {
            break;
        }
        sent[f->file_descriptor_proto.count++] = (struct atoll_str){(const char *)own.at, own.len};
        for (size_t k = r->import_first[queue[i]]; k < r->import_first[queue[i] + 1]; k++) {
            if (!seen[r->imports[k]]) {
                seen[r->imports[k]] = true;
                queue[queued++] = r->imports[k];
            }
        }
    }
    f->file_descriptor_proto.at = sent;
    a->out->message_response_case =
        grpc_reflection_v1_ServerReflectionResponse_file_descriptor_response_number;
    a->out->message_response.file_descriptor_response = f;
}

static bool has_member(const struct at_set_symbol *s, struct at_bytes name)
{
    if (s->kind == AT_SET_SERVICE) {
        for (size_t i = 0; i < s->of.service->method.count; i++) {
            if (at_bytes_equal(at_set_bytes(s->of.service->method.at[i].name), name)) {
                return true;
            }
        }
    }
    if (s->kind != AT_SET_MESSAGE) {
        return false;
    }
    for (size_t i = 0; i < s->of.message->field.count; i++) {
        if (at_bytes_equal(at_set_bytes(s->of.message->field.at[i].name), name)) {
            return true;
        }
    }
    for (size_t i = 0; i < s->of.message->oneof_decl.count; i++) {
        if (at_bytes_equal(at_set_bytes(s->of.message->oneof_decl.at[i].name), name)) {
            return true;
        }
    }
    return false;
}

static const struct at_set_file *file_of_value(const struct at_reflection *r, struct at_bytes scope,
                                               struct at_bytes name)
{
    struct at_reflection_value wanted = {scope, name, NULL};
    const struct at_reflection_value *v =
        bsearch(&wanted, r->values, r->value_count, sizeof(*r->values), compare_values);

    return v == NULL ? NULL : v->file;
}

static const struct at_set_file *file_of_symbol(const struct at_reflection *r, struct at_bytes name)
{
    const struct at_set_symbol *s = at_set_find(r->set, name);
    struct at_bytes scope;
    size_t cut = name.len;

    if (s != NULL) {
        return s->file;
    }
    while (cut > 0 && name.at[cut - 1] != '.') {
        cut--;
    }
    scope = at_bytes_before(name, cut == 0 ? 0 : cut - 1);
    name = at_bytes_after(name, cut);
    s = at_set_find(r->set, scope);
    return s != NULL && has_member(s, name) ? s->file : file_of_value(r, scope, name);
}

static void answer_symbol(struct answering *a, struct atoll_str name)
{
    const struct at_set_file *file = file_of_symbol(a->r, at_set_bytes(name));

    if (file == NULL) {
        fail(a, CODE_NOT_FOUND, "nothing here is called ", name);
    } else {
        answer_file(a, file);
    }
}

static void answer_name(struct answering *a, struct atoll_str name)
{
    const struct at_set_file *file = at_set_find_file(a->r->set, at_set_bytes(name));

    if (file == NULL) {
        fail(a, CODE_NOT_FOUND, "there is no file ", name);
    } else {
        answer_file(a, file);
    }
}

/* NULL: answered that it is no message. */
static const struct at_set_symbol *find_extendee(struct answering *a, struct atoll_str name)
{
    const struct at_set_symbol *s = at_set_find(a->r->set, at_set_bytes(name));

    if (s == NULL || s->kind != AT_SET_MESSAGE) {
        fail(a, CODE_NOT_FOUND, "there is no message ", name);
        return NULL;
    }
    return s;
}

static void answer_extension(struct answering *a,
                             const struct grpc_reflection_v1_ExtensionRequest *request)
{
    const struct at_set_symbol *s = find_extendee(a, request->containing_type);
    struct at_extension_list list = {.count = 0};

    if (s != NULL) {
        list = at_extensions_of(&a->r->extensions, s);
    }
    for (size_t i = 0; i < list.count; i++) {
        if (list.at[i].number == request->extension_number) {
            answer_file(a, list.at[i].symbol->file);
            return;
        }
    }
    if (s != NULL) {
        fail(a, CODE_NOT_FOUND, "no extension has this number in ", request->containing_type);
    }
}

static void answer_numbers(struct answering *a, struct atoll_str name)
{
    const struct at_set_symbol *s = find_extendee(a, name);
    struct grpc_reflection_v1_ExtensionNumberResponse *n;
    struct at_extension_list list;

    if (s == NULL) {
        return;
    }
    list = at_extensions_of(&a->r->extensions, s);
    n = at_arena_zalloc(a->arena, 1, sizeof(*n));
    if (n != NULL) {
        n->extension_number.at = at_arena_zalloc(a->arena, list.count + 1, sizeof(int32_t));
    }
    if (n == NULL || n->extension_number.at == NULL) {
        a->result = -ENOMEM;
        return;
    }
    n->base_type_name = (struct atoll_str){s->full_name, strlen(s->full_name)};
    for (size_t i = 0; i < list.count; i++) {
        n->extension_number.at[n->extension_number.count++] = list.at[i].number;
    }
    a->out->message_response_case =
        grpc_reflection_v1_ServerReflectionResponse_all_extension_numbers_response_number;
    a->out->message_response.all_extension_numbers_response = n;
}

static void answer_services(struct answering *a)
{
    struct grpc_reflection_v1_ListServiceResponse *l = at_arena_zalloc(a->arena, 1, sizeof(*l));

    if (l != NULL) {
        l->service.at = at_arena_zalloc(a->arena, a->r->service_count + 1, sizeof(*l->service.at));
    }
    if (l == NULL || l->service.at == NULL) {
        a->result = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < a->r->service_count; i++) {
        const char *name = a->r->services[i];

        l->service.at[l->service.count++].name = (struct atoll_str){name, strlen(name)};
    }
    a->out->message_response_case =
        grpc_reflection_v1_ServerReflectionResponse_list_services_response_number;
    a->out->message_response.list_services_response = l;
}

static void answer(struct answering *a,
                   const struct grpc_reflection_v1_ServerReflectionRequest *request)
{
    switch (request->message_request_case) {
    case grpc_reflection_v1_ServerReflectionRequest_file_by_filename_number:
        answer_name(a, request->message_request.file_by_filename);
        break;
    case grpc_reflection_v1_ServerReflectionRequest_file_containing_symbol_number:
        answer_symbol(a, request->message_request.file_containing_symbol);
        break;
    case grpc_reflection_v1_ServerReflectionRequest_file_containing_extension_number:
        answer_extension(a, request->message_request.file_containing_extension);
        break;
    case grpc_reflection_v1_ServerReflectionRequest_all_extension_numbers_of_type_number:
        answer_numbers(a, request->message_request.all_extension_numbers_of_type);
        break;
    case grpc_reflection_v1_ServerReflectionRequest_list_services_number: answer_services(a); break;
    default:
        fail(a, CODE_INVALID_ARGUMENT, "the request asks for nothing that is known here",
             (struct atoll_str){NULL, 0});
        break;
    }
}

int at_reflection_answer(const struct at_reflection *r, struct at_bytes request,
                         struct at_arena *arena, struct at_bytes *ret)
{
    struct grpc_reflection_v1_ServerReflectionRequest in;
    struct grpc_reflection_v1_ServerReflectionResponse out = {.original_request = &in};
    struct answering a = {.r = r, .arena = arena, .out = &out};
    int result =
        at_pb_decode(&grpc_reflection_v1_ServerReflectionRequest_desc, request, arena, &in, NULL);

    if (result != 0) {
        return result < 0 ? result : AT_REFLECTION_MALFORMED;
    }
    out.valid_host = in.host;
    answer(&a, &in);
    if (a.result < 0) {
        return a.result;
    }
    result =
        at_pb_encode_in_arena(&grpc_reflection_v1_ServerReflectionResponse_desc, &out, arena, ret);
    return result > 0 ? AT_REFLECTION_MALFORMED : result; /* a request that cannot be sent back */
}
