/* Operations: one method by one of its paths. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"
#include "contract/comment.h"
#include "contract/field.h"
#include "contract/openapi_doc.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/json.h"

/* "get" */
static void put_verb_key(struct at_doc *doc, struct at_bytes verb)
{
    at_doc_clear(doc);
    for (size_t i = 0; i < verb.len; i++) {
        at_text_add_char(&doc->text, (char)(verb.at[i] - 'A' + 'a'));
    }
    at_json_key_bytes(doc->w, at_text_bytes(&doc->text));
    at_doc_clear(doc);
}

/*
 * "shop.cart.v1.CartService.AddItem"; of additional_bindings with ".2" and so on, of the path
 * /package.Service/Method with ".rpc". Stays the same when other rules or services come.
 */
static void put_operation_id(struct at_doc *doc, const struct at_doc_binding *b)
{
    struct at_text *text = &doc->text;

    at_doc_clear(doc);
    at_text_addf(text, "%s.%.*s", b->service->service->full_name, (int)b->method->name.len,
                 b->method->name.at);
    if (b->number == 0) {
        at_text_add_str(text, ".rpc");
    } else if (b->number > 1) {
        at_text_addf(text, ".%zu", b->number);
    }
    at_doc_put_bytes(doc, "operationId", at_text_bytes(text));
    at_doc_clear(doc);
}

static void put_about(struct at_doc *doc, const struct at_doc_binding *b)
{
    const struct google_protobuf_MethodOptions *options = b->method->options;

    at_json_key(doc->w, "tags");
    at_json_begin_array(doc->w);
    at_json_str(doc->w, b->service->service->full_name);
    at_json_end_array(doc->w);
    at_doc_put_bytes(doc, "summary", at_set_bytes(b->method->name));
    at_doc_clear(doc);
    at_comment_add_in(b->service->service, AT_FIELD_IN_SERVICE, b->method_index, &doc->text);
    at_doc_put_description(doc);
    put_operation_id(doc, b);
    at_doc_put_deprecated(doc, options != NULL && options->deprecated);
    if (options != NULL &&
        options->idempotency_level == GOOGLE_PROTOBUF_METHOD_OPTIONS_NO_SIDE_EFFECTS) {
        at_doc_put_str(doc, "x-atoll-idempotency", "NO_SIDE_EFFECTS");
    } else if (options != NULL &&
               options->idempotency_level == GOOGLE_PROTOBUF_METHOD_OPTIONS_IDEMPOTENT) {
        at_doc_put_str(doc, "x-atoll-idempotency", "IDEMPOTENT");
    }
}

/* Those of the service, where not all services of the document have the same. */
static void put_servers(struct at_doc *doc, const struct at_doc_binding *b)
{
    if (!doc->servers_differ || b->service->server_count == 0) {
        return;
    }
    at_json_key(doc->w, "servers");
    at_json_begin_array(doc->w);
    for (size_t i = 0; i < b->service->server_count; i++) {
        at_json_begin_object(doc->w);
        at_doc_put_str(doc, "url", b->service->servers[i]);
        at_json_end_object(doc->w);
    }
    at_json_end_array(doc->w);
}

/* At /package.Service/Method messages also go as they are on the wire. */
static void put_protobuf(struct at_doc *doc, const struct at_doc_binding *b)
{
    if (b->number == 0) {
        at_json_key(doc->w, "application/protobuf");
        at_json_begin_object(doc->w);
        at_json_end_object(doc->w);
    }
}

static void put_body(struct at_doc *doc, const struct at_doc_binding *b)
{
    const struct at_set *set = b->service->set;

    if (b->rule.body.len == 0) {
        return;
    }
    at_json_key(doc->w, "requestBody");
    at_json_begin_object(doc->w);
    at_json_key(doc->w, "content");
    at_json_begin_object(doc->w);
    at_json_key(doc->w, "application/json");
    at_json_begin_object(doc->w);
    at_json_key(doc->w, "schema");
    if (b->body_field != NULL) {
        at_doc_put_field(doc, set, b->input, b->body_field);
    } else if (b->path.variable_count > 0 && !at_doc_is_well_known(b->input)) {
        at_doc_put_message(doc, set, b->input, b);
    } else {
        at_doc_put_message_ref(doc, set, b->input);
    }
    at_json_end_object(doc->w);
    put_protobuf(doc, b);
    at_json_end_object(doc->w);
    at_json_end_object(doc->w);
}

/* The value of a field alone; where it has none, null stands for it. */
static void put_response_field(struct at_doc *doc, const struct at_doc_binding *b)
{
    const struct google_protobuf_FieldDescriptorProto *f = b->response_field;
    const struct at_set_symbol *type = at_set_type_of(b->service->set, f);
    bool may_lack = !at_field_is_repeated(f) && (f->has_oneof_index || !b->output->file->proto3 ||
                                                 (type != NULL && type->kind == AT_SET_MESSAGE));

    if (!may_lack) {
        at_doc_put_field(doc, b->service->set, b->output, f);
        return;
    }
    at_json_begin_object(doc->w);
    at_json_key(doc->w, "anyOf");
    at_json_begin_array(doc->w);
    at_doc_put_field(doc, b->service->set, b->output, f);
    at_json_begin_object(doc->w);
    at_doc_put_str(doc, "type", "null");
    at_json_end_object(doc->w);
    at_json_end_array(doc->w);
    at_json_end_object(doc->w);
}

static void put_responses(struct at_doc *doc, const struct at_doc_binding *b)
{
    at_json_key(doc->w, "responses");
    at_json_begin_object(doc->w);
    at_json_key(doc->w, "200");
    at_json_begin_object(doc->w);
    at_doc_put_str(doc, "description", "The method answered.");
    at_json_key(doc->w, "content");
    at_json_begin_object(doc->w);
    at_json_key(doc->w, "application/json");
    at_json_begin_object(doc->w);
    at_json_key(doc->w, "schema");
    if (b->response_field != NULL) {
        put_response_field(doc, b);
    } else {
        at_doc_put_message_ref(doc, b->service->set, b->output);
    }
    at_json_end_object(doc->w);
    put_protobuf(doc, b);
    at_json_end_object(doc->w);
    at_json_end_object(doc->w);
    at_json_key(doc->w, "default");
    at_json_begin_object(doc->w);
    at_doc_put_str(doc, "$ref", "#/components/responses/problem");
    at_json_end_object(doc->w);
    at_json_end_object(doc->w);
}

void at_doc_put_path(struct at_doc *doc, const struct at_doc_binding *group)
{
    at_json_begin_object(doc->w);
    for (const struct at_doc_binding *b = group; b != NULL; b = b->next_verb) {
        put_verb_key(doc, b->rule.verb);
        at_json_begin_object(doc->w);
        put_about(doc, b);
        put_servers(doc, b);
        at_doc_put_parameters(doc, group, b);
        put_body(doc, b);
        put_responses(doc, b);
        at_json_end_object(doc->w);
    }
    at_json_end_object(doc->w);
}
