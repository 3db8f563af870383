/*
 * A document in work: what openapi*.c share. openapi.c is the frame, openapi_path.c finds the
 * bindings, openapi_operation.c writes them, openapi_param.c what stands in path and query,
 * openapi_schema.c the types.
 */
#ifndef AT_CONTRACT_OPENAPI_DOC_H
#define AT_CONTRACT_OPENAPI_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "contract/extensions.h"
#include "contract/http_rule.h"
#include "contract/openapi.h"
#include "contract/set.h"
#include "descriptor.atoll.h"
#include "pb/json.h"
#include "pb/limits.h"
#include "pb/template.h"

/* A type that a schema refers to. Described behind the paths, in the order they were met. */
struct at_doc_type {
    struct at_doc_type *next;
    const struct at_set *set;
    const struct at_set_symbol *symbol;
};

/* A field of a request by the path that names it: "item.id". */
struct at_doc_variable {
    struct at_bytes name; /* as original names: "item.item_id" */
    const struct google_protobuf_FieldDescriptorProto *field; /* where the path ends */
    const struct at_set_symbol *owner;                        /* the message that has it */
    bool whole; /* a field of the request itself, not of a message in it */
};

/* One way to reach a method, as the door binds it. */
struct at_doc_binding {
    struct at_doc_binding *next;       /* of the document, as the door adds them */
    struct at_doc_binding *next_verb;  /* of the same path */
    struct at_doc_binding *next_group; /* of the first ones of their paths */
    const struct at_openapi_service *service;
    const struct google_protobuf_MethodDescriptorProto *method;
    size_t method_index;
    size_t number;            /* 0: the plain one, else the rule, from 1 */
    struct at_http_rule rule; /* of a plain one as if written */
    struct at_template path;
    struct at_doc_variable variables[AT_TEMPLATE_VARIABLES_MAX];
    const struct at_set_symbol *input;
    const struct at_set_symbol *output;
    const struct google_protobuf_FieldDescriptorProto *body_field;
    const struct google_protobuf_FieldDescriptorProto *response_field;
    const char *left_out; /* why it is not in `paths`; NULL: it is */
};

/* The members of the oneofs of a message: indexes of fields + 1; 0: none. */
struct at_doc_oneofs {
    uint32_t *first; /* by index of the oneof */
    uint32_t *next;  /* by index of the field */
};

/* One of the sets that the services come from. */
struct at_doc_set {
    struct at_doc_set *next;
    const struct at_set *set;
    struct at_extensions extensions;
};

struct at_doc {
    const struct at_openapi *in;
    struct at_arena *arena;
    struct at_json_writer *w;
    struct at_doc_binding *bindings;
    struct at_doc_binding *groups;
    size_t left_out;
    bool servers_differ; /* each operation says its own */
    struct at_doc_set *sets;
    struct at_map types;  /* full name to struct at_doc_type */
    struct at_map oneofs; /* pointer to a DescriptorProto to struct at_doc_oneofs, as asked for */
    struct at_doc_type *first_type;
    struct at_doc_type **type_end;
    struct at_text text; /* scratch: descriptions */
    bool failed;         /* no memory */
};

/* ---- openapi_path.c ---- */

/* Fills bindings and groups: which of them stand in `paths`, and the reasons of the others. */
int at_doc_find_bindings(struct at_doc *doc);

/* ---- openapi_operation.c ---- */

/* The path item of a group: all verbs of one path. */
void at_doc_put_path(struct at_doc *doc, const struct at_doc_binding *group);

/* ---- openapi_param.c ---- */

/* "/v1/shelves/{name}": the key in `paths`, whose parameters at_doc_put_parameters() describes. */
void at_doc_add_path_key(struct at_doc *doc, const struct at_doc_binding *first,
                         struct at_text *out);
/*
 * The member `parameters`, when there are any: of the path (called as in `first`, the first
 * binding of that path) and of the query.
 */
void at_doc_put_parameters(struct at_doc *doc, const struct at_doc_binding *first,
                           const struct at_doc_binding *b);

/* ---- openapi_schema.c ---- */

/* Has the message a JSON form of its own that is no object with its fields? */
bool at_doc_is_well_known(const struct at_set_symbol *message);
/* Such a form that is a string, number or bool: it may stand in a path or query. */
bool at_doc_is_plain_text(const struct at_set_symbol *message);
/* Members of the open object: the schema of one value of the field, of an element when repeated. */
void at_doc_put_value(struct at_doc *doc, const struct at_set *set,
                      const struct google_protobuf_FieldDescriptorProto *f);
/* The schema of the field as a value, with its description. */
void at_doc_put_field(struct at_doc *doc, const struct at_set *set,
                      const struct at_set_symbol *owner,
                      const struct google_protobuf_FieldDescriptorProto *f);
/* {"$ref": …} of a message, or the form of a well-known type. */
void at_doc_put_message_ref(struct at_doc *doc, const struct at_set *set,
                            const struct at_set_symbol *message);
/* The schema of a message without those of its fields that the path of b sets; b may be NULL. */
void at_doc_put_message(struct at_doc *doc, const struct at_set *set,
                        const struct at_set_symbol *message, const struct at_doc_binding *b);
/* The members of components.schemas. */
void at_doc_put_types(struct at_doc *doc);

/* ---- openapi.c ---- */

/* The extensions that the set declares; none when there is no memory. */
const struct at_extensions *at_doc_extensions(struct at_doc *doc, const struct at_set *set);

/* Empties doc->text; that it had failed is kept. */
void at_doc_clear(struct at_doc *doc);
/* Members `description` and `deprecated`, when there is something to say. Empties doc->text. */
void at_doc_put_description(struct at_doc *doc);
void at_doc_put_deprecated(struct at_doc *doc, bool deprecated);
void at_doc_put_str(struct at_doc *doc, const char *key, const char *value);
void at_doc_put_bytes(struct at_doc *doc, const char *key, struct at_bytes value);

#endif
