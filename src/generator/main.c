/*
 * protoc-gen-atoll: a plug-in of protoc that writes foo.atoll.h and foo.atoll.c for foo.proto.
 *
 *   protoc --plugin=protoc-gen-atoll=PATH --atoll_out=DIR shop/stock/v1/stock.proto
 *   … --atoll_out=flat:DIR        all files directly in DIR, including each other by base name
 *
 * Reads a CodeGeneratorRequest from stdin and writes a CodeGeneratorResponse to stdout. What is
 * wrong with a .proto goes into the response, as protoc wants it; what is wrong with us to stderr.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "generator/model.h"
#include "pb/codec.h"
#include "pb/descriptor.h"
#include "pb/fault.h"

#ifndef ATOLL_VERSION
#define ATOLL_VERSION "unknown"
#endif

enum { MEMORY_MAX = 1 << 30, PROTO3_OPTIONAL = 1 };

static int read_all(FILE *in, struct at_text *out)
{
    enum { CHUNK = 1 << 16 };

    for (;;) {
        char *room = at_text_claim(out, CHUNK);
        size_t n;

        if (room == NULL) {
            return -ENOMEM;
        }
        n = fread(room, 1, CHUNK, in);
        out->len -= CHUNK - n;
        if (n < CHUNK) {
            return ferror(in) != 0 ? -EIO : 0;
        }
    }
}

static int parse(const struct atoll_message_desc *desc, struct at_bytes in, struct at_arena *arena,
                 void *message, struct at_diag *diag)
{
    struct at_pb_fault fault = {0};
    int r = at_pb_decode(desc, in, arena, message, &fault);

    if (r > 0) {
        at_diag_set(diag, "what protoc sent is not as expected: %s", fault.what);
        return -EBADMSG;
    }
    return r;
}

/* Types that a file declares, nested ones too: a list that grows while it is walked. */
struct declared {
    struct declared *next;
    const struct at_proto_message *message;
    const char *name;
};

static int add_type(struct at_gen_run *run, struct at_gen_input *input, const char *scope,
                    struct atoll_str name, const char **ret)
{
    *ret = at_arena_printf(run->arena, "%s.%.*s", scope, (int)name.len, name.at);
    return *ret == NULL ? -ENOMEM : at_map_put(&run->types, at_bytes_of(*ret), input);
}

/* What stands directly in a file or in a message. */
struct scope {
    const char *name; /* ".shop.stock.v1" */
    const struct at_proto_message *messages;
    size_t message_count;
    const struct at_proto_enum *enums;
    size_t enum_count;
};

static bool has_deprecated_value(const struct at_proto_enum *e)
{
    bool found = e->options != NULL && e->options->deprecated;

    for (size_t i = 0; !found && i < e->values.count; i++) {
        found = e->values.at[i].options != NULL && e->values.at[i].options->deprecated;
    }
    return found;
}

static bool has_deprecated_field(const struct at_proto_fields *fields)
{
    bool found = false;

    for (size_t i = 0; !found && i < fields->count; i++) {
        found = fields->at[i].options != NULL && fields->at[i].options->deprecated;
    }
    return found;
}

static bool has_deprecated_part(const struct at_proto_message *m)
{
    return (m->options != NULL && m->options->deprecated) || has_deprecated_field(&m->fields) ||
           has_deprecated_field(&m->extensions);
}

static bool has_deprecated_method(const struct at_proto_service *s)
{
    bool found = s->options != NULL && s->options->deprecated;

    for (size_t i = 0; !found && i < s->methods.count; i++) {
        found = s->methods.at[i].options != NULL && s->methods.at[i].options->deprecated;
    }
    return found;
}

static int add_types(struct at_gen_run *run, struct at_gen_input *input, const struct scope *s,
                     struct declared **end)
{
    const char *name;
    int r = 0;

    for (size_t i = 0; r == 0 && i < s->enum_count; i++) {
        r = add_type(run, input, s->name, s->enums[i].name, &name);
        r = r == 0 ? at_map_put(&run->enums, at_bytes_of(name), (void *)(uintptr_t)&s->enums[i])
                   : r;
        input->has_deprecated = input->has_deprecated || has_deprecated_value(&s->enums[i]);
    }
    for (size_t i = 0; r == 0 && i < s->message_count; i++) {
        struct declared *d = at_arena_zalloc(run->arena, 1, sizeof(*d));

        input->has_deprecated = input->has_deprecated || has_deprecated_part(&s->messages[i]);

        r = d == NULL ? -ENOMEM : add_type(run, input, s->name, s->messages[i].name, &name);
        if (r == 0) {
            d->message = &s->messages[i];
            d->name = name;
            (*end)->next = d;
            *end = d;
        }
    }
    return r;
}

static int index_types(struct at_gen_run *run, struct at_gen_input *input)
{
    const struct at_proto_file *f = input->proto;
    struct declared first = {0};
    struct declared *end = &first;
    struct scope scope = {NULL, f->messages.at, f->messages.count, f->enums.at, f->enums.count};
    int r;

    input->has_deprecated =
        (f->options != NULL && f->options->deprecated) || has_deprecated_field(&f->extensions);
    for (size_t i = 0; i < f->services.count; i++) {
        input->has_deprecated = input->has_deprecated || has_deprecated_method(&f->services.at[i]);
    }
    scope.name = at_arena_printf(run->arena, "%s%.*s", f->package.len > 0 ? "." : "",
                                 (int)f->package.len, f->package.at);
    r = scope.name == NULL ? -ENOMEM : add_types(run, input, &scope, &end);

    for (const struct declared *d = first.next; r == 0 && d != NULL; d = d->next) {
        const struct at_proto_message *m = d->message;

        scope = (struct scope){d->name, m->nested.at, m->nested.count, m->enums.at, m->enums.count};
        r = add_types(run, input, &scope, &end);
    }
    return r;
}

static int take_inputs(struct at_gen_run *run, const struct at_proto_plugin_request *request,
                       struct at_diag *diag)
{
    run->input_count = request->files.count;
    run->inputs = at_arena_zalloc(run->arena, run->input_count, sizeof(*run->inputs));
    if (run->inputs == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < run->input_count; i++) {
        struct at_gen_input *input = &run->inputs[i];
        struct at_proto_file *file = at_arena_zalloc(run->arena, 1, sizeof(*file));
        int r;

        if (file == NULL) {
            return -ENOMEM;
        }
        input->proto = file;
        input->bytes = at_bytes_over(request->files.at[i].at, request->files.at[i].len);
        r = parse(&at_proto_file_desc, input->bytes, run->arena, file, diag);
        r = r == 0 ? index_types(run, input) : r;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_output(struct at_gen_run *run, const struct at_gen_file *file, const char *suffix,
                      int (*make)(const struct at_gen_file *, struct at_text *),
                      struct at_proto_plugin_file *ret)
{
    struct at_text text;
    const char *name = at_arena_printf(run->arena, "%s.atoll.%s", file->stem, suffix);
    const char *content = NULL;
    int r;

    at_text_init(&text);
    r = make(file, &text);
    if (r == 0) {
        content = at_arena_copy(run->arena, at_text_bytes(&text));
    }
    if (r == 0 && (name == NULL || content == NULL)) {
        r = -ENOMEM;
    }
    if (r == 0) {
        ret->name = (struct atoll_str){name, strlen(name)};
        ret->content = (struct atoll_str){content, text.len};
    }
    at_text_deinit(&text);
    return r;
}

static int generate(struct at_gen_run *run, const struct at_proto_plugin_request *request,
                    struct at_proto_plugin_response *response, struct at_diag *diag)
{
    size_t n = request->to_generate.count;

    response->files.at = at_arena_zalloc(run->arena, 2 * n, sizeof(*response->files.at));
    if (response->files.at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const struct at_gen_input *input = at_gen_find_input(run, request->to_generate.at[i]);
        struct at_gen_file file;
        int r = -EBADMSG;

        if (input == NULL) {
            at_diag_set(diag, "protoc asks for a file that it did not send");
            return r;
        }
        r = at_gen_model(run, input, &file, diag);
        if (r == 0) {
            r = add_output(run, &file, "h", at_gen_header, &response->files.at[2 * i]);
        }
        if (r == 0) {
            r = add_output(run, &file, "c", at_gen_source, &response->files.at[2 * i + 1]);
        }
        at_gen_model_deinit(&file);
        if (r < 0) {
            return r;
        }
    }
    response->files.count = 2 * n;
    return 0;
}

/* What protoc is told; when that cannot be encoded, which field of it is to blame. */
static int encode(struct at_arena *arena, const struct at_proto_plugin_response *response,
                  struct at_bytes *ret)
{
    int r = at_pb_encode_in_arena(&at_proto_plugin_response_desc, response, arena, ret);
    struct at_proto_plugin_response sorry = {.features = response->features};
    struct at_pb_fault fault;

    if (r <= 0) {
        return r;
    }
    at_pb_explain_encode(&at_proto_plugin_response_desc, response, r, &fault);
    sorry.error = (struct atoll_str){fault.what, strlen(fault.what)};
    return at_pb_encode_in_arena(&at_proto_plugin_response_desc, &sorry, arena, ret);
}

static int answer(struct at_arena *arena, struct at_bytes in, struct at_bytes *ret)
{
    struct at_gen_run run = {.arena = arena};
    struct at_proto_plugin_request request;
    struct at_proto_plugin_response response = {.features = PROTO3_OPTIONAL};
    struct at_diag diag = {0};
    int r = parse(&at_proto_plugin_request_desc, in, arena, &request, &diag);

    at_map_init(&run.types, 0);
    at_map_init(&run.enums, 0);
    if (r == 0) {
        run.flat = at_bytes_equal(at_bytes_over(request.parameter.at, request.parameter.len),
                                  AT_LIT("flat"));
        if (!run.flat && request.parameter.len > 0) {
            at_diag_set(&diag, "unknown parameter \"%.*s\": there is only \"flat\"",
                        (int)request.parameter.len, request.parameter.at);
            r = -EINVAL;
        }
    }
    r = r == 0 ? take_inputs(&run, &request, &diag) : r;
    r = r == 0 ? generate(&run, &request, &response, &diag) : r;
    at_map_deinit(&run.types);
    at_map_deinit(&run.enums);
    if (r < 0) {
        if (diag.what[0] == '\0') {
            at_diag_set(&diag, "%s", strerrordesc_np(-r));
        }
        response.files.count = 0;
        response.error = (struct atoll_str){diag.what, strlen(diag.what)};
    }
    return encode(arena, &response, ret);
}

int main(int argc, char **argv)
{
    struct at_arena arena;
    struct at_text in;
    struct at_bytes out;
    int r;

    if (argc > 1) {
        if (strcmp(argv[1], "--version") == 0) {
            (void)printf("protoc-gen-atoll %s\n", ATOLL_VERSION);
            return 0;
        }
        (void)fprintf(stderr, "protoc-gen-atoll is run by protoc: protoc --atoll_out=DIR FILE\n");
        return 2;
    }
    at_arena_init(&arena, 1 << 16, MEMORY_MAX);
    at_text_init(&in);
    r = read_all(stdin, &in);
    r = r == 0 ? answer(&arena, at_text_bytes(&in), &out) : r;
    if (r == 0 && (fwrite(out.at, 1, out.len, stdout) != out.len || fflush(stdout) != 0)) {
        r = -EIO;
    }
    if (r != 0) {
        (void)fprintf(stderr, "protoc-gen-atoll: %s%s\n", r < 0 ? "" : "the answer to protoc ",
                      r < 0 ? strerrordesc_np(-r) : at_pb_result_text(r));
    }
    at_text_deinit(&in);
    at_arena_deinit(&arena);
    return r == 0 ? 0 : 1;
}
