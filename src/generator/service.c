/*
 * The part of a .atoll.h that is about services: vtables of servers and functions of clients, for
 * every kind of call. All functions are static inline: a program has those that it uses.
 */
#include <stddef.h>

#include <atoll/message.h>

#include "base/text.h"
#include "generator/emit.h"
#include "generator/model.h"
#include "pb/descriptor.h"

/* "ATOLL_DEPRECATED " in front of a declaration. */
static const char *mark(const struct at_gen_method *m)
{
    return m->is_deprecated ? "ATOLL_DEPRECATED " : "";
}

static void emit_unary(const struct at_gen_service *s, size_t i, struct at_text *out)
{
    const struct at_gen_method *m = &s->methods[i];
    const char *deprecated = mark(m);

    at_text_addf(out,
                 "%sstatic inline int %s_%s(\n"
                 "    struct atoll_call *call, const struct %s *in, struct %s *out)\n"
                 "{\n"
                 "    return atoll_invoke(call, &%s_desc, %zu, in, out);\n"
                 "}\n\n",
                 deprecated, s->c_name, m->name, m->input, m->output, s->c_name, i);
    at_text_addf(out,
                 "%sstatic inline int %s_%s_async(\n"
                 "    struct atoll_call *call, const struct %s *in, struct %s *out,\n"
                 "    atoll_done *done, void *user)\n"
                 "{\n"
                 "    return atoll_invoke_async(call, &%s_desc, %zu, in, out, done, user);\n"
                 "}\n\n",
                 deprecated, s->c_name, m->name, m->input, m->output, s->c_name, i);
    at_text_addf(out,
                 "%sstatic inline int %s_%s_oneway(\n"
                 "    struct atoll_call *call, const struct %s *in)\n"
                 "{\n"
                 "    return atoll_invoke_oneway(call, &%s_desc, %zu, in);\n"
                 "}\n\n",
                 deprecated, s->c_name, m->name, m->input, s->c_name, i);
    at_text_addf(out,
                 "%sstatic inline int %s_%s_to_many(\n"
                 "    struct atoll_call *call, const struct %s *in, const struct atoll_many *how)\n"
                 "{\n"
                 "    return atoll_invoke_many(call, &%s_desc, %zu, in, how);\n"
                 "}\n\n",
                 deprecated, s->c_name, m->name, m->input, s->c_name, i);
    at_text_addf(out,
                 "%sstatic inline int %s_%s_to_many_async(\n"
                 "    struct atoll_call *call, const struct %s *in, const struct atoll_many *how,\n"
                 "    atoll_done *done, void *user)\n"
                 "{\n"
                 "    return atoll_invoke_many_async(call, &%s_desc, %zu, in, how, done, user);\n"
                 "}\n\n",
                 deprecated, s->c_name, m->name, m->input, s->c_name, i);
}

static void emit_open(const struct at_gen_service *s, size_t i, struct at_text *out)
{
    const struct at_gen_method *m = &s->methods[i];

    at_text_addf(out, "%sstatic inline int %s_%s_open(struct atoll_call *call,\n", mark(m),
                 s->c_name, m->name);
    if (!m->client_streams) {
        at_text_addf(out, "    const struct %s *in,\n", m->input);
    }
    at_text_addf(out,
                 "    struct atoll_stream **ret)\n"
                 "{\n"
                 "    return atoll_stream_open(call, &%s_desc, %zu, %s, ret);\n"
                 "}\n\n",
                 s->c_name, i, m->client_streams ? "NULL" : "in");
}

/* One direction of a stream, seen from one end: blocking and asynchronous. */
static void emit_send(const struct at_gen_service *s, const struct at_gen_method *m,
                      const char *end, const char *type, struct at_text *out)
{
    at_text_addf(out,
                 "%sstatic inline int %s_%s%s_send(struct atoll_stream *stream,\n"
                 "    const struct %s *message)\n"
                 "{\n"
                 "    return atoll_stream_send(stream, message);\n"
                 "}\n\n",
                 mark(m), s->c_name, m->name, end, type);
    at_text_addf(out,
                 "%sstatic inline int %s_%s%s_send_async(struct atoll_stream *stream,\n"
                 "    const struct %s *message, atoll_stream_done *done, void *user)\n"
                 "{\n"
                 "    return atoll_stream_send_async(stream, message, done, user);\n"
                 "}\n\n",
                 mark(m), s->c_name, m->name, end, type);
}

static void emit_recv(const struct at_gen_service *s, const struct at_gen_method *m,
                      const char *end, const char *type, struct at_text *out)
{
    at_text_addf(out,
                 "%sstatic inline int %s_%s%s_recv(struct atoll_stream *stream,\n"
                 "    struct %s *message)\n"
                 "{\n"
                 "    return atoll_stream_recv(stream, message);\n"
                 "}\n\n",
                 mark(m), s->c_name, m->name, end, type);
    at_text_addf(out,
                 "%sstatic inline int %s_%s%s_recv_async(struct atoll_stream *stream,\n"
                 "    struct %s *message, atoll_stream_done *done, void *user)\n"
                 "{\n"
                 "    return atoll_stream_recv_async(stream, message, done, user);\n"
                 "}\n\n",
                 mark(m), s->c_name, m->name, end, type);
}

static void emit_finish(const struct at_gen_service *s, const struct at_gen_method *m,
                        struct at_text *out)
{
    const char *reply = m->server_streams ? "" : ",\n    struct ";
    const char *type = m->server_streams ? "" : m->output;
    const char *name = m->server_streams ? "" : " *out";
    const char *given = m->server_streams ? "NULL" : "out";

    at_text_addf(out,
                 "%sstatic inline int %s_%s_finish(struct atoll_stream *stream%s%s%s)\n"
                 "{\n"
                 "    return atoll_stream_finish(stream, %s);\n"
                 "}\n\n",
                 mark(m), s->c_name, m->name, reply, type, name, given);
    at_text_addf(out,
                 "%sstatic inline int %s_%s_finish_async(struct atoll_stream *stream%s%s%s,\n"
                 "    atoll_stream_done *done, void *user)\n"
                 "{\n"
                 "    return atoll_stream_finish_async(stream, %s, done, user);\n"
                 "}\n\n",
                 mark(m), s->c_name, m->name, reply, type, name, given);
}

static void emit_stream(const struct at_gen_service *s, size_t i, struct at_text *out)
{
    const struct at_gen_method *m = &s->methods[i];

    emit_open(s, i, out);
    if (m->client_streams) {
        emit_send(s, m, "", m->input, out);
        at_text_addf(out,
                     "%sstatic inline int %s_%s_close_send(struct atoll_stream *stream)\n"
                     "{\n"
                     "    return atoll_stream_close_send(stream);\n"
                     "}\n\n",
                     mark(m), s->c_name, m->name);
    }
    if (m->server_streams) {
        emit_recv(s, m, "", m->output, out);
    }
    emit_finish(s, m, out);
    if (m->client_streams) {
        at_text_addf(out, "/* In the handler of %.*s. */\n", (int)m->proto->name.len,
                     m->proto->name.at);
        emit_recv(s, m, "_server", m->input, out);
    }
    if (m->server_streams) {
        at_text_addf(out, "/* In the handler of %.*s. */\n", (int)m->proto->name.len,
                     m->proto->name.at);
        emit_send(s, m, "_server", m->output, out);
    }
}

/* The handler's parameters behind the call. */
static void emit_parameters(const struct at_gen_method *m, struct at_text *out)
{
    if (m->client_streams && m->server_streams) {
        at_text_add_str(out, "        struct atoll_stream *both);\n");
    } else if (m->client_streams) {
        at_text_addf(out, "        struct atoll_stream *in, struct %s *out);\n", m->output);
    } else if (m->server_streams) {
        at_text_addf(out, "        const struct %s *in, struct atoll_stream *out);\n", m->input);
    } else {
        at_text_addf(out, "        const struct %s *in, struct %s *out);\n", m->input, m->output);
    }
}

static void emit_vtable(const struct at_gen_file *file, const struct at_gen_service *s,
                        struct at_text *out)
{
    size_t n = s->proto->methods.count;

    at_text_addf(out, "/* Handlers of %s; a NULL one answers UNIMPLEMENTED. */\n", s->full_name);
    at_text_addf(out, "struct %s {\n", s->c_name);
    for (size_t i = 0; i < n; i++) {
        const struct at_gen_method *m = &s->methods[i];

        at_gen_emit_comment(file, &m->path, "    ", out);
        at_text_addf(out, "    int (*%s)(struct atoll_call *call,\n", m->name);
        emit_parameters(m, out);
    }
    if (n == 0) {
        at_text_add_str(out, "    int no_methods;\n");
    }
    at_text_add_str(out, "};\n\n");
}

void at_gen_emit_service(const struct at_gen_file *file, const struct at_gen_service *s,
                         struct at_text *out)
{
    at_text_addf(out, "extern const struct atoll_service_desc %s_desc;\n\n", s->c_name);
    at_gen_emit_comment(file, &s->path, "", out);
    emit_vtable(file, s, out);
    at_text_addf(out,
                 "/* For atoll_serve(), where one program serves several. */\n"
                 "static inline struct atoll_service %s(\n"
                 "    const struct %s *handlers)\n"
                 "{\n"
                 "    struct atoll_service service = {&%s_desc, handlers};\n\n"
                 "    ATOLL_NOTE_SERVED(\"%s\");\n"
                 "    return service;\n"
                 "}\n\n",
                 s->with_name, s->c_name, s->c_name, s->full_name);
    at_text_addf(out,
                 "/* atoll_serve() with this service alone and default options. */\n"
                 "static inline int %s(const struct %s *handlers)\n"
                 "{\n"
                 "    struct atoll_service service = %s(handlers);\n\n"
                 "    return atoll_serve(&service, 1, NULL);\n"
                 "}\n\n",
                 s->serve_name, s->c_name, s->with_name);
    for (size_t i = 0; i < s->proto->methods.count; i++) {
        at_gen_emit_comment(file, &s->methods[i].path, "", out);
        if (s->methods[i].client_streams || s->methods[i].server_streams) {
            emit_stream(s, i, out);
        } else {
            emit_unary(s, i, out);
        }
    }
}
