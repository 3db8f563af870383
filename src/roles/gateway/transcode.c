#include "roles/gateway/transcode.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/pool.h"
#include "roles/gateway/limits.h"
#include "roles/gateway/routes.h"
#include "wire/http1_path.h"
#include "wire/limits.h"

enum { ARENA_FIRST_BYTES = 16384, JSON_KEPT_BYTES = 65536 };

void at_transcode_init(struct at_transcode *t)
{
    at_arena_init(&t->arena, ARENA_FIRST_BYTES, AT_GATEWAY_ARENA_BYTES);
    at_text_init(&t->json);
}

void at_transcode_deinit(struct at_transcode *t)
{
    at_arena_deinit(&t->arena);
    at_text_deinit(&t->json);
}

static int blame(struct at_pb_fault *fault, struct at_bytes field, const char *what)
{
    *fault = (struct at_pb_fault){.offset = 0};
    (void)snprintf(fault->field, sizeof(fault->field), "%.*s", (int)field.len,
                   field.len == 0 ? "" : (const char *)field.at);
    (void)snprintf(fault->what, sizeof(fault->what), "%s", what);
    return AT_TRANSCODE_BAD;
}

static int result_of(int r)
{
    return r == 0 ? AT_TRANSCODE_OK : r == -ENOMEM ? AT_TRANSCODE_BIG : AT_TRANSCODE_BAD;
}

static bool is_blank(struct at_bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (b.at[i] != ' ' && b.at[i] != '\t' && b.at[i] != '\r' && b.at[i] != '\n') {
            return false;
        }
    }
    return true;
}

/* "{}" with any blanks. */
static bool is_empty_object(struct at_bytes b)
{
    size_t open = at_bytes_index(b, '{');
    size_t shut = at_bytes_index(b, '}');

    return open < shut && shut < b.len && is_blank(at_bytes_before(b, open)) &&
           is_blank(at_bytes_over(b.at + open + 1, shut - open - 1)) &&
           is_blank(at_bytes_after(b, shut + 1));
}

/* Does the path (or else the query, which has no messages) set the field? */
static bool is_set_by(const struct at_binding *b, const struct atoll_field_desc *f, bool path)
{
    for (size_t i = 0; i < b->path.variable_count; i++) {
        struct at_bytes name = b->path.variables[i].field;

        name = at_bytes_before(name, at_bytes_index(name, '.'));
        if (at_pb_field_by_name(b->method->input, name) == f) {
            return path;
        }
    }
    return !path && !at_pb_is_message(f);
}

/* Appends the names of the fields that the path sets, or of those that it leaves to the query. */
static size_t add_fields(const struct at_binding *b, bool in_path, const char *before,
                         struct at_writer *w)
{
    const struct atoll_message_desc *in = b->method->input;
    size_t count = 0;
    size_t n = 0;

    for (size_t i = 0; i < in->field_count; i++) {
        count += is_set_by(b, at_pb_field(in, i), in_path);
    }
    for (size_t i = 0; i < in->field_count; i++) {
        const struct atoll_field_desc *f = at_pb_field(in, i);

        if (is_set_by(b, f, in_path)) {
            const char *between = n == 0 ? before : n + 1 < count ? ", " : " and ";

            at_write_bytes(w, at_bytes_of(between));
            at_write_bytes(w, at_pb_json_name(in, f));
            n++;
        }
    }
    return count;
}

/* "this method takes no body: send itemId and quantity in the query" */
static int refuse_body(const struct at_binding *b, struct at_pb_fault *fault)
{
    char what[AT_PB_WHAT_MAX] = "";
    struct at_writer w = at_writer_over(what, sizeof(what) - 1);

    at_write_bytes(&w, AT_LIT("this method takes no body"));
    if (add_fields(b, false, ": send ", &w) > 0) {
        at_write_bytes(&w, AT_LIT(" in the query"));
    }
    if (b->path.variable_count > 0) {
        size_t n = add_fields(b, true, "; ", &w);

        at_write_bytes(&w, at_bytes_of(n == 1 ? " is in the path" : " are in the path"));
    }
    if (w.failed) { /* more fields than a sentence holds */
        return blame(fault, (struct at_bytes){0},
                     "this method takes no body: its fields are in the path and the query");
    }
    return blame(fault, (struct at_bytes){0}, what);
}

static int fill_from_body(struct at_transcode *t, const struct at_transcode_source *s,
                          void *message, struct at_pb_fault *fault)
{
    const struct at_binding *b = s->match->binding;
    struct at_json_types types = {at_pool_find, b->method->service->pool};
    struct at_json_how how = {.types = &types, .fault = fault};
    int r;

    if (is_blank(s->body)) {
        return AT_TRANSCODE_OK; /* as an empty object */
    }
    switch (b->body) {
    case AT_BINDING_WHOLE:
        r = at_json_read_message(&how, b->method->input, s->body, &t->arena, message);
        return result_of(r);
    case AT_BINDING_FIELD:
        r = at_json_read_field(&how, b->method->input, b->body_field, s->body, &t->arena, message);
        return result_of(r);
    case AT_BINDING_NO_BODY:
    default: return is_empty_object(s->body) ? AT_TRANSCODE_OK : refuse_body(b, fault);
    }
}

static bool same_field(const struct atoll_message_desc *desc, struct at_bytes a, struct at_bytes b)
{
    const struct atoll_field_desc *first =
        at_pb_field_by_name(desc, at_bytes_before(a, at_bytes_index(a, '.')));

    return first != NULL &&
           first == at_pb_field_by_name(desc, at_bytes_before(b, at_bytes_index(b, '.'))) &&
           (at_bytes_index(a, '.') == a.len || at_bytes_index(b, '.') == b.len ||
            at_bytes_equal(a, b));
}

/* Does the path or the body set what the query wants to set? */
static const char *taken_by(const struct at_binding *b, struct at_bytes key)
{
    const struct atoll_message_desc *in = b->method->input;

    if (b->body == AT_BINDING_WHOLE) {
        return "the body is the whole message here: set the field there, not in the query";
    }
    if (b->body == AT_BINDING_FIELD && same_field(in, key, at_pb_name(in, b->body_field))) {
        return "the body sets this field: it cannot be in the query too";
    }
    for (size_t i = 0; i < b->path.variable_count; i++) {
        if (same_field(in, key, b->path.variables[i].field)) {
            return "the path sets this field: it cannot be in the query too";
        }
    }
    return NULL;
}

static const struct atoll_field_desc *cut_field(const struct atoll_message_desc **desc,
                                                struct at_bytes *path)
{
    struct at_bytes name;
    const struct atoll_field_desc *f =
        *desc != NULL && at_bytes_cut(path, '.', &name) ? at_pb_field_by_name(*desc, name) : NULL;

    *desc = f == NULL ? NULL : at_pb_message_of(*desc, f);
    return f;
}

/* Do two paths, in whichever of its names each says a field, end at one that holds one value? */
static bool is_one_value(const struct atoll_message_desc *in, struct at_bytes a, struct at_bytes b)
{
    const struct atoll_message_desc *in_a = in;
    const struct atoll_message_desc *in_b = in;
    const struct atoll_field_desc *f;

    do {
        f = cut_field(&in_a, &a);
        if (f == NULL || f != cut_field(&in_b, &b)) {
            return false;
        }
    } while (a.len > 0 && b.len > 0);
    return a.len == 0 && b.len == 0 && !at_pb_is_repeated(f);
}

/* A parameter seen before. Equal paths have equal marks, so that few paths are compared. */
struct seen {
    struct at_bytes key;
    uint64_t mark;
};

static uint64_t mark_of(const struct atoll_message_desc *in, struct at_bytes path)
{
    const struct atoll_field_desc *f;
    uint64_t mark = 0;

    do {
        f = cut_field(&in, &path);
        mark = mark * UINT64_C(0x100000001b3) + (f == NULL ? 0 : at_pb_number(f));
    } while (f != NULL && path.len > 0);
    return mark;
}

/* Why seen[count], the newest, is not taken; NULL: it is. */
static const char *refuse_key(const struct at_binding *b, struct seen *seen, size_t count)
{
    const struct atoll_message_desc *in = b->method->input;
    struct seen *it = &seen[count];

    if (it->key.len == 0) {
        return "the query has a parameter without a name";
    }
    it->mark = mark_of(in, it->key);
    for (size_t i = 0; i < count; i++) {
        if (seen[i].mark == it->mark && is_one_value(in, seen[i].key, it->key)) {
            return "the query gives this field more than once, and it holds one value";
        }
    }
    return taken_by(b, it->key);
}

static int fill_from_query(struct at_transcode *t, const struct at_transcode_source *s,
                           void *message, struct at_pb_fault *fault)
{
    const struct at_binding *b = s->match->binding;
    struct at_http1_query q = {.rest = s->query, .cap = s->query.len};
    struct seen seen[AT_HTTP1_QUERY_FIELDS_MAX];
    size_t count = 0;

    if (s->query.len == 0) {
        return AT_TRANSCODE_OK;
    }
    q.room = at_arena_alloc(&t->arena, s->query.len, 1);
    if (q.room == NULL) {
        return AT_TRANSCODE_BIG;
    }
    for (;;) {
        struct at_bytes key = {NULL, 0};
        struct at_bytes value;
        const char *taken;
        bool more;
        int r = at_http1_query_next(&q, &more, &key, &value);

        if (r != AT_HTTP1_PATH_OK) {
            return blame(fault, key, at_http1_path_reason(r));
        }
        if (!more) {
            return AT_TRANSCODE_OK;
        }
        if (count == AT_HTTP1_QUERY_FIELDS_MAX) {
            return blame(fault, key, "the query has more than 256 parameters");
        }
        seen[count].key = key;
        taken = refuse_key(b, seen, count++);
        if (taken != NULL) {
            return blame(fault, key, taken);
        }
        r = at_json_set_from_text(b->method->input, key, value, &t->arena, message, fault);
        if (r > 0 && fault->field[0] == 0) { /* no such field: then it is the parameter's name */
            (void)snprintf(fault->field, sizeof(fault->field), "%.*s", (int)key.len,
                           key.len == 0 ? "" : (const char *)key.at);
        }
        if (r != 0) {
            return result_of(r);
        }
    }
}

static int fill_from_path(struct at_transcode *t, const struct at_match *m, void *message,
                          struct at_pb_fault *fault)
{
    const struct at_binding *b = m->binding;

    for (size_t i = 0; i < b->path.variable_count; i++) {
        int r = at_json_set_from_text(b->method->input, b->path.variables[i].field, m->values[i],
                                      &t->arena, message, fault);

        if (r != 0) {
            return result_of(r);
        }
    }
    return AT_TRANSCODE_OK;
}

int at_transcode_request(struct at_transcode *t, const struct at_transcode_source *source,
                         struct at_bytes *ret, struct at_pb_fault *fault)
{
    const struct atoll_message_desc *in = source->match->binding->method->input;
    void *message;
    int r;

    at_arena_reset(&t->arena);
    message = at_arena_zalloc(&t->arena, 1, in->struct_size);
    if (message == NULL) {
        return AT_TRANSCODE_BIG;
    }
    if (source->protobuf) {
        r = at_pb_decode(in, source->body, &t->arena, message, fault);
        *ret = source->body; /* judged, and passed on with the fields that we do not know */
        return result_of(r);
    }
    r = fill_from_body(t, source, message, fault);
    if (r == AT_TRANSCODE_OK) {
        r = fill_from_path(t, source->match, message, fault);
    }
    if (r == AT_TRANSCODE_OK) {
        r = fill_from_query(t, source, message, fault);
    }
    if (r == AT_TRANSCODE_OK) {
        r = at_pb_encode_in_arena(in, message, &t->arena, ret);
        if (r > 0) {
            at_pb_explain_encode(in, message, r, fault);
            return AT_TRANSCODE_BAD;
        }
        r = result_of(r);
    }
    return r;
}

int at_transcode_response(struct at_transcode *t, const struct at_binding *binding,
                          struct at_bytes payload, struct at_bytes *ret, struct at_pb_fault *fault)
{
    const struct atoll_message_desc *out = binding->method->output;
    struct at_json_types types = {at_pool_find, binding->method->service->pool};
    struct at_json_how how = {.flags = AT_JSON_PRINT_DEFAULTS, .types = &types, .fault = fault};
    struct at_json_writer w;
    void *message;
    int r;

    at_arena_reset(&t->arena);
    if (t->json.cap > JSON_KEPT_BYTES) {
        at_text_deinit(&t->json);
        at_text_init(&t->json);
    }
    at_text_clear(&t->json);
    message = at_arena_alloc(&t->arena, out->struct_size, 8);
    if (message == NULL) {
        return AT_TRANSCODE_BIG;
    }
    r = at_pb_decode(out, payload, &t->arena, message, fault);
    if (r != 0) {
        return r == -ENOMEM ? AT_TRANSCODE_BIG : AT_TRANSCODE_LIE;
    }
    at_json_writer_init(&w, &t->json, 0);
    r = binding->response_field == NULL
            ? at_json_write_message(&how, out, message, &w)
            : at_json_write_field(&how, out, binding->response_field, message, &w);
    if (r != 0 || t->json.failed || t->json.len > AT_GATEWAY_JSON_BYTES) {
        return r > 0 ? AT_TRANSCODE_FORMLESS : AT_TRANSCODE_BIG;
    }
    *ret = at_text_bytes(&t->json);
    return AT_TRANSCODE_OK;
}
