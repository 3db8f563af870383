/*
 * The part of a .atoll.c that is about services: thunks into the vtables, tables of methods, and the
 * contract as an ELF section.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/bytes.h"
#include "base/text.h"
#include "generator/emit.h"
#include "generator/model.h"
#include "pb/descriptor.h"
#include "pb/wire.h"

/* The handler's arguments behind the call. */
static void emit_arguments(const struct at_gen_method *m, struct at_text *out)
{
    if (m->client_streams && m->server_streams) {
        at_text_add_str(out, "stream);\n");
    } else if (m->client_streams) {
        at_text_addf(out, "stream, (struct %s *)out);\n", m->output);
    } else if (m->server_streams) {
        at_text_addf(out, "(const struct %s *)in, stream);\n", m->input);
    } else {
        at_text_addf(out, "(const struct %s *)in,\n            (struct %s *)out);\n", m->input,
                     m->output);
    }
}

static void emit_thunk(const struct at_gen_service *s, const struct at_gen_method *m,
                       struct at_text *out)
{
    bool streams = m->client_streams || m->server_streams;

    at_text_addf(out,
                 "static int %s(const void *handlers,\n"
                 "    struct atoll_call *call, %sconst void *in, void *out)\n"
                 "{\n"
                 "    const struct %s *h =\n"
                 "        (const struct %s *)handlers;\n\n",
                 m->thunk_name, streams ? "struct atoll_stream *stream, " : "", s->c_name,
                 s->c_name);
    if (streams && (m->client_streams || !m->server_streams)) {
        at_text_add_str(out, "    (void)in;\n");
    }
    if (m->server_streams) {
        at_text_add_str(out, "    (void)out;\n");
    }
    /* In brackets, so that a macro of that name with parameters is not meant. */
    at_text_addf(out,
                 "    return h->%s == NULL ? atoll_unimplemented(call)\n"
                 "        : (h->%s)(call, ",
                 m->name, m->name);
    emit_arguments(m, out);
    at_text_add_str(out, "}\n\n");
}

static void emit_flags(const struct at_gen_method *m, struct at_text *out)
{
    const struct {
        bool set;
        const char *name;
    } flags[] = {
        {m->client_streams, "CLIENT_STREAMS"},
        {m->server_streams, "SERVER_STREAMS"},
        {m->is_deprecated, "DEPRECATED"},
        {at_proto_is_pooled(m->proto), "POOLED"},
    };
    const char *between = "";

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (flags[i].set) {
            at_text_addf(out, "%sATOLL_METHOD_%s", between, flags[i].name);
            between = " | ";
        }
    }
    at_text_add_str(out, between[0] == '\0' ? "0" : "");
}

static void emit_method(const struct at_gen_method *m, struct at_text *out)
{
    static const char *const idempotency[] = {"ATOLL_IDEMPOTENCY_UNKNOWN", "ATOLL_NO_SIDE_EFFECTS",
                                              "ATOLL_IDEMPOTENT"};
    int32_t level = m->proto->options == NULL ? 0 : m->proto->options->idempotency;
    bool streams = m->client_streams || m->server_streams;

    at_text_addf(out,
                 "    {.size = sizeof(struct atoll_method_desc),\n"
                 "     .name = \"%.*s\",\n"
                 "     .input = &%s_desc,\n"
                 "     .output = &%s_desc,\n"
                 "     .flags = ",
                 (int)m->proto->name.len, m->proto->name.at, m->input, m->output);
    emit_flags(m, out);
    at_text_addf(out,
                 ",\n"
                 "     .idempotency = %s,\n"
                 "     .invoke = %s,\n"
                 "     .stream = %s,\n"
                 "     .timeout_ns = UINT64_C(%" PRIu64 "),\n"
                 "     .max_request_bytes = %" PRIu32 "},\n",
                 idempotency[level >= 0 && level <= 2 ? level : 0],
                 streams ? "NULL" : m->thunk_name, streams ? m->thunk_name : "NULL", m->timeout_ns,
                 at_proto_max_request_bytes(m->proto));
}

void at_gen_emit_service_table(const struct at_gen_service *s, struct at_text *out)
{
    size_t n = s->proto->methods.count;

    for (size_t i = 0; i < n; i++) {
        emit_thunk(s, &s->methods[i], out);
    }
    if (n > 0) {
        at_text_addf(out, "static const struct atoll_method_desc %s__methods[] = {\n", s->c_name);
        for (size_t i = 0; i < n; i++) {
            emit_method(&s->methods[i], out);
        }
        at_text_add_str(out, "};\n");
    }
    at_text_addf(out,
                 "const struct atoll_service_desc %s_desc = {\n"
                 "    .size = sizeof(struct atoll_service_desc),\n"
                 "    .full_name = \"%s\",\n"
                 "    .methods = %s%s,\n"
                 "    .method_count = %zu,\n"
                 "    .contract = contract,\n"
                 "    .contract_len = sizeof(contract),\n"
                 "};\n\n",
                 s->c_name, s->full_name, n > 0 ? s->c_name : "NULL", n > 0 ? "__methods" : "", n);
}

/* The file without its source info: field 9 is a third of it and nothing a running system needs. */
static int add_bare_file(struct at_bytes file, struct at_text *out)
{
    enum { SOURCE_INFO = 9 };
    const uint8_t *p = file.at;
    const uint8_t *end = file.at + file.len;

    while (p < end) {
        const uint8_t *field = p;
        uint64_t tag;
        int ignored;

        p = at_pb_read_varint(p, end, &tag);
        p = p == NULL ? NULL : at_pb_skip(p, end, tag, &ignored);
        if (p == NULL) {
            return -EBADMSG;
        }
        if (tag >> 3 != SOURCE_INFO) {
            at_text_add(out, at_bytes_over(field, (size_t)(p - field)));
        }
    }
    return out->failed ? -ENOMEM : 0;
}

static void add_varint(struct at_text *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) {
        at_text_add_char(out, (char)(v | 0x80));
    }
    at_text_add_char(out, (char)v);
}

/* A FileDescriptorSet: field 1 for each file. */
static int make_contract(struct at_gen_run *run, const struct at_gen_input *input,
                         struct at_text *out)
{
    struct at_text bare;
    int r = 0;

    at_text_init(&bare);
    at_gen_mark_needed(run, input);
    for (size_t i = 0; r == 0 && i < run->input_count; i++) {
        if (!run->inputs[i].needed) {
            continue;
        }
        at_text_clear(&bare);
        r = add_bare_file(run->inputs[i].bytes, &bare);
        at_text_add_char(out, 1 << 3 | AT_PB_WIRE_LENGTH);
        add_varint(out, bare.len);
        at_text_add(out, at_text_bytes(&bare));
    }
    at_text_deinit(&bare);
    return r == 0 && out->failed ? -ENOMEM : r;
}

int at_gen_emit_contract(const struct at_gen_file *file, struct at_text *out)
{
    struct at_text contract;
    int r;

    at_text_init(&contract);
    r = make_contract(file->run, file->input, &contract);
    at_text_add_str(out,
                    "/* The contract as a google.protobuf.FileDescriptorSet. Sets concatenate, so\n"
                    " * the section is one set however many files a program is made of. */\n"
                    "#if defined(__GNUC__) && defined(__ELF__)\n"
                    "__attribute__((section(\".atoll.contract\"), used, aligned(1)))\n"
                    "#if defined(__clang__) /* whose address sanitizer pads what it watches */\n"
                    "__attribute__((no_sanitize(\"address\")))\n"
                    "#endif\n"
                    "#endif\n"
                    "static const unsigned char contract[] = {");
    for (size_t i = 0; r == 0 && i < contract.len; i++) {
        at_text_addf(out, "%s%u,", i % 24 == 0 ? "\n    " : "", (unsigned char)contract.at[i]);
    }
    at_text_add_str(out, "\n};\n\n");
    at_text_deinit(&contract);
    return r;
}
