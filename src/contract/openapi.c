#include "contract/openapi.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "contract/comment.h"
#include "contract/extensions.h"
#include "contract/openapi_doc.h"
#include "contract/set.h"
#include "pb/json.h"

/*
 * RFC 9457, as roles/gateway/problem.c writes it. No type of a contract can have a name with '-'.
 */
static const char problem_schema[] =
    "{\"type\": \"object\", \"description\": \"Why it failed (RFC 9457).\", "
    "\"required\": [\"type\", \"title\", \"status\", \"detail\", \"instance\", \"code\", "
    "\"reason\"], \"properties\": {"
    "\"type\": {\"type\": \"string\", \"format\": \"uri-reference\"}, "
    "\"title\": {\"type\": \"string\", \"description\": \"The phrase of the status.\"}, "
    "\"status\": {\"type\": \"integer\", \"minimum\": 400, \"maximum\": 599}, "
    "\"detail\": {\"type\": \"string\", \"description\": \"For people: what happened, where and "
    "why.\"}, "
    "\"instance\": {\"type\": \"string\", \"description\": \"The path of the request.\"}, "
    "\"code\": {\"type\": \"string\", \"description\": \"The gRPC status.\", \"enum\": ["
    "\"CANCELLED\", \"UNKNOWN\", \"INVALID_ARGUMENT\", \"DEADLINE_EXCEEDED\", \"NOT_FOUND\", "
    "\"ALREADY_EXISTS\", \"PERMISSION_DENIED\", \"RESOURCE_EXHAUSTED\", \"FAILED_PRECONDITION\", "
    "\"ABORTED\", \"OUT_OF_RANGE\", \"UNIMPLEMENTED\", \"INTERNAL\", \"UNAVAILABLE\", "
    "\"DATA_LOSS\", \"UNAUTHENTICATED\"]}, "
    "\"reason\": {\"type\": \"string\", \"description\": \"A word for programs; the code when "
    "there is no better one.\"}, "
    "\"trace_id\": {\"type\": \"string\", \"pattern\": \"^[0-9a-f]{32}$\"}, "
    "\"errors\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"required\": "
    "[\"detail\"], \"properties\": {"
    "\"field\": {\"type\": \"string\", \"description\": \"Of the request, as the client wrote "
    "it.\"}, "
    "\"detail\": {\"type\": \"string\"}, "
    "\"line\": {\"type\": \"integer\", \"minimum\": 1}, "
    "\"column\": {\"type\": \"integer\", \"minimum\": 1}}}}}}";

static const char problem_response[] =
    "{\"description\": \"It failed: by the method's own word, or because the door could not make "
    "the call.\", \"content\": {\"application/problem+json\": {\"schema\": {\"$ref\": "
    "\"#/components/schemas/atoll-problem\"}}}}";

static const char about[] =
    "Bodies are JSON by the proto3 mapping: field names in lowerCamel (the original ones are "
    "taken too), 64-bit integers as strings, enums by name, bytes as base64, a field that is null "
    "as if it were absent. Members and parameters that a request does not have are refused. "
    "Answers hold fields without presence also when they are 0, false or empty.\n\n"
    "`Idempotency-Key`, `X-User-Id` and other end-to-end headers reach the service. "
    "`atoll-timeout: 250ms` bounds a call; `X-Request-Id` and `traceparent` come back with the "
    "answer.";

/* ---- small things that all parts write ---- */

void at_doc_put_str(struct at_doc *doc, const char *key, const char *value)
{
    at_json_key(doc->w, key);
    at_json_str(doc->w, value);
}

void at_doc_put_bytes(struct at_doc *doc, const char *key, struct at_bytes value)
{
    at_json_key(doc->w, key);
    at_json_string(doc->w, value);
}

void at_doc_clear(struct at_doc *doc)
{
    doc->failed = doc->failed || doc->text.failed; /* which clearing would forget */
    at_text_clear(&doc->text);
}

void at_doc_put_description(struct at_doc *doc)
{
    if (doc->text.len > 0) {
        at_doc_put_bytes(doc, "description", at_text_bytes(&doc->text));
    }
    at_doc_clear(doc);
}

void at_doc_put_deprecated(struct at_doc *doc, bool deprecated)
{
    if (deprecated) {
        at_json_key(doc->w, "deprecated");
        at_json_bool(doc->w, true);
    }
}

const struct at_extensions *at_doc_extensions(struct at_doc *doc, const struct at_set *set)
{
    static const struct at_extensions none = {.count = 0};
    struct at_doc_set *s = doc->sets;

    while (s != NULL && s->set != set) {
        s = s->next;
    }
    if (s != NULL) {
        return &s->extensions;
    }
    s = at_arena_zalloc(doc->arena, 1, sizeof(*s));
    if (s == NULL || at_extensions_find(set, doc->arena, &s->extensions) < 0) {
        doc->failed = true;
        return &none;
    }
    s->set = set;
    s->next = doc->sets;
    doc->sets = s;
    return &s->extensions;
}

/* ---- the frame ---- */

/* "v1" when every package ends so. */
static const char *version_of(struct at_doc *doc)
{
    struct at_bytes common = {NULL, 0};

    for (size_t i = 0; i < doc->in->service_count; i++) {
        struct at_bytes package = at_set_bytes(doc->in->services[i].service->file->proto->package);
        struct at_bytes last = package;

        while (at_bytes_index(last, '.') < last.len) {
            last = at_bytes_after(last, at_bytes_index(last, '.') + 1);
        }
        if (last.len < 2 || last.at[0] != 'v' || last.at[1] < '0' || last.at[1] > '9' ||
            (common.len > 0 && !at_bytes_equal(common, last))) {
            return "0";
        }
        common = last;
    }
    if (common.len == 0) {
        return "0";
    }
    at_doc_clear(doc);
    at_text_add(&doc->text, common);
    return at_text_str(&doc->text);
}

static void put_info(struct at_doc *doc)
{
    at_json_key(doc->w, "info");
    at_json_begin_object(doc->w);
    at_doc_put_str(doc, "title", doc->in->title);
    at_doc_put_str(doc, "version", doc->in->version != NULL ? doc->in->version : version_of(doc));
    at_doc_put_str(doc, "description", about);
    at_json_end_object(doc->w);
}

static bool has_server(const struct at_openapi_service *s, const char *url)
{
    for (size_t i = 0; i < s->server_count; i++) {
        if (strcmp(s->servers[i], url) == 0) {
            return true;
        }
    }
    return false;
}

/* All servers of all services, each once; they differ when one service is not at all of them. */
static void put_servers(struct at_doc *doc)
{
    const struct at_openapi *in = doc->in;
    size_t count = 0;

    for (size_t i = 0; i < in->service_count; i++) {
        for (size_t k = 0; k < in->services[i].server_count; k++) {
            const char *url = in->services[i].servers[k];
            bool known = false;

            for (size_t j = 0; j < in->service_count; j++) {
                bool has = has_server(&in->services[j], url);

                known = known || (has && j < i);
                doc->servers_differ = doc->servers_differ || !has;
            }
            if (known) {
                continue;
            }
            if (count++ == 0) {
                at_json_key(doc->w, "servers");
                at_json_begin_array(doc->w);
            }
            at_json_begin_object(doc->w);
            at_doc_put_str(doc, "url", url);
            at_json_end_object(doc->w);
        }
    }
    if (count > 0) {
        at_json_end_array(doc->w);
    }
}

static void put_tags(struct at_doc *doc)
{
    at_json_key(doc->w, "tags");
    at_json_begin_array(doc->w);
    for (size_t i = 0; i < doc->in->service_count; i++) {
        const struct at_set_symbol *service = doc->in->services[i].service;

        at_json_begin_object(doc->w);
        at_doc_put_str(doc, "name", service->full_name);
        at_doc_clear(doc);
        at_comment_add_of(service, &doc->text);
        at_doc_put_description(doc);
        at_json_end_object(doc->w);
    }
    at_json_end_array(doc->w);
}

/* Paths that the contract chose first, then those that every method has. */
static void put_paths(struct at_doc *doc)
{
    at_json_key(doc->w, "paths");
    at_json_begin_object(doc->w);
    for (int plain = 0; plain <= 1; plain++) {
        for (const struct at_doc_binding *g = doc->groups; g != NULL; g = g->next_group) {
            if ((g->number == 0) == (plain == 1)) {
                at_doc_clear(doc);
                at_doc_add_path_key(doc, g, &doc->text);
                at_json_key_bytes(doc->w, at_text_bytes(&doc->text));
                at_doc_put_path(doc, g);
            }
        }
    }
    at_json_end_object(doc->w);
}

static void put_components(struct at_doc *doc)
{
    at_json_key(doc->w, "components");
    at_json_begin_object(doc->w);
    at_json_key(doc->w, "schemas");
    at_json_begin_object(doc->w);
    at_doc_put_types(doc);
    at_json_key(doc->w, "atoll-problem");
    at_json_raw(doc->w, at_bytes_of(problem_schema));
    at_json_end_object(doc->w);
    at_json_key(doc->w, "responses");
    at_json_begin_object(doc->w);
    at_json_key(doc->w, "problem");
    at_json_raw(doc->w, at_bytes_of(problem_response));
    at_json_end_object(doc->w);
    at_json_end_object(doc->w);
}

static void put_left_out(struct at_doc *doc)
{
    if (doc->left_out == 0) {
        return;
    }
    at_json_key(doc->w, "x-atoll-left-out");
    at_json_begin_array(doc->w);
    for (const struct at_doc_binding *b = doc->bindings; b != NULL; b = b->next) {
        if (b->left_out == NULL) {
            continue;
        }
        at_json_begin_object(doc->w);
        at_doc_clear(doc);
        at_text_addf(&doc->text, "%s/%.*s", b->service->service->full_name,
                     (int)b->method->name.len, b->method->name.at);
        at_doc_put_bytes(doc, "method", at_text_bytes(&doc->text));
        at_doc_put_bytes(doc, "verb", b->rule.verb);
        at_doc_put_bytes(doc, "path", b->rule.path);
        at_doc_put_str(doc, "why", b->left_out);
        at_json_end_object(doc->w);
    }
    at_json_end_array(doc->w);
}

int at_openapi_write(const struct at_openapi *in, struct at_arena *arena,
                     struct at_json_writer *out, size_t *ret_left_out)
{
    struct at_doc doc = {.in = in, .arena = arena, .w = out};
    int r;

    doc.type_end = &doc.first_type;
    at_map_init(&doc.types, 0);
    at_map_init(&doc.oneofs, 0);
    at_text_init(&doc.text);
    r = at_doc_find_bindings(&doc);
    if (r == 0) {
        at_json_begin_object(out);
        at_doc_put_str(&doc, "openapi", "3.1.0");
        put_info(&doc);
        put_servers(&doc);
        put_tags(&doc);
        put_paths(&doc);
        put_components(&doc);
        put_left_out(&doc);
        at_json_end_object(out);
        *ret_left_out = doc.left_out;
    }
    if (doc.failed || doc.text.failed || out->out->failed) {
        r = -ENOMEM;
    }
    at_text_deinit(&doc.text);
    at_map_deinit(&doc.types);
    at_map_deinit(&doc.oneofs);
    return r;
}
