/* The JSON Schema of atoll.yaml, from the key table. One definition a table. */
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/config_error.h"
#include "cli/config_keys.h"
#include "plan/limits.h"

enum { TABLES_MAX = 32 }; /* of our own */

struct schema {
    struct at_text *out;
    const struct at_config_key
        *tables[TABLES_MAX]; /* keys whose table has a definition; NULL ends */
};

/* What a value of the type looks like; values may hold ${…}, so numbers may be texts too. */
static const char *const shapes[AT_TYPES] = {
    [AT_TYPE_TEXT] = "\"type\": [\"string\", \"number\"]",
    [AT_TYPE_WORDS] = "\"type\": \"array\", \"items\": {\"type\": [\"string\", \"number\"]}",
    [AT_TYPE_COMMAND] = "\"anyOf\": [{\"type\": \"string\", \"minLength\": 1}, {\"type\": "
                        "\"array\", \"minItems\": 1, \"items\": {\"type\": [\"string\", "
                        "\"number\", \"boolean\"]}}]",
    [AT_TYPE_VARIABLES] =
        "\"anyOf\": [{\"type\": \"object\", \"additionalProperties\": {\"type\": [\"string\", "
        "\"number\", \"boolean\", \"null\"]}}, {\"type\": \"array\", \"items\": {\"type\": "
        "\"string\", \"minLength\": 1}}]",
    [AT_TYPE_ENV_FILE] =
        "\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"anyOf\": "
        "[{\"type\": \"string\"}, {\"type\": \"object\", \"required\": [\"path\"], "
        "\"properties\": {\"path\": {\"type\": \"string\"}, \"required\": {\"type\": "
        "\"boolean\"}}}]}}]",
    [AT_TYPE_DEPENDS] =
        "\"anyOf\": [{\"type\": \"array\", \"uniqueItems\": true, \"items\": {\"type\": "
        "\"string\"}}, {\"type\": \"object\", \"additionalProperties\": {\"type\": [\"object\", "
        "\"null\"], \"properties\": {\"condition\": {\"enum\": [\"service_started\", "
        "\"service_healthy\"]}, \"required\": {\"type\": \"boolean\"}}, "
        "\"additionalProperties\": false}}]",
    [AT_TYPE_DURATION] = "\"type\": \"string\", \"pattern\": "
                         "\"^([0-9]+(us|ms|s|m|h))+$|[$]\"",
    [AT_TYPE_SIZE] = "\"anyOf\": [{\"type\": \"integer\"}, {\"type\": \"string\", \"pattern\": "
                     "\"^[0-9]+([bB]|[kKmMgGtT]([iI]?[bB])?)?$|[$]\"}]",
    [AT_TYPE_CPUS] = "\"anyOf\": [{\"type\": \"number\", \"exclusiveMinimum\": 0}, {\"type\": "
                     "\"string\", \"pattern\": \"^[0-9]+([.][0-9]{1,3})?$|[$]\"}]",
    [AT_TYPE_SIGNAL] = "\"type\": [\"string\", \"integer\"]",
    [AT_TYPE_BALANCE] =
        "\"anyOf\": [{\"enum\": [\"least-requests\", \"round-robin\", \"p2c\"]}, {\"type\": "
        "\"string\", \"pattern\": \"[$]\"}, {\"type\": \"object\", \"required\": [\"hash\"], "
        "\"properties\": {\"hash\": {\"type\": \"string\", \"pattern\": "
        "\"^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$|[$]\"}, \"bound\": {\"type\": "
        "[\"string\", \"integer\"]}}, \"additionalProperties\": false}]",
    [AT_TYPE_RESTART] = "\"anyOf\": [{\"const\": false}, {\"type\": \"string\", \"pattern\": "
                        "\"^(no|on-failure(:[1-9][0-9]*)?|always|unless-stopped)$|[$]\"}]",
};

/* Of the definition of its table. */
static const char *name_of(const struct at_config_key *key)
{
    return key->type == AT_TYPE_POLICY ? "policy" : key->name;
}

static const char *id_of(struct schema *s, const struct at_config_key *key)
{
    size_t i = 0;

    while (i + 1 < TABLES_MAX && s->tables[i] != NULL && s->tables[i]->table != key->table) {
        i++;
    }
    if (s->tables[i] == NULL) {
        s->tables[i] = key;
    }
    return name_of(s->tables[i]);
}

static void add_shape(struct schema *s, const struct at_config_key *key)
{
    struct at_text *out = s->out;

    switch (key->type) {
    case AT_TYPE_POLICY:
    case AT_TYPE_TABLE: at_text_addf(out, "\"$ref\": \"#/$defs/%s\"", id_of(s, key)); break;
    case AT_TYPE_LIST_OF:
        at_text_addf(out, "\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/%s\"}",
                     id_of(s, key));
        break;
    case AT_TYPE_MAP_OF:
        at_text_addf(out,
                     "\"type\": \"object\", \"minProperties\": 1, \"additionalProperties\": false, "
                     "\"patternProperties\": {\"^x-\": {}, "
                     "\"^(?!x-)[a-z]([a-z0-9-]{0,%d}[a-z0-9])?$\": {\"$ref\": \"#/$defs/%s\"}}",
                     AT_PLAN_NAME_MAX - 2, id_of(s, key));
        break;
    case AT_TYPE_LOCKS:
        at_text_addf(out,
                     "\"type\": \"object\", \"additionalProperties\": false, "
                     "\"patternProperties\": {\"^x-\": {}, \"^(?!x-)[a-zA-Z0-9._/:-]{0,%d}[*]?$\": "
                     "{\"anyOf\": [{\"type\": \"null\"}, {\"$ref\": \"#/$defs/%s\"}]}}",
                     AT_PLAN_LOCK_NAME_MAX, id_of(s, key));
        break;
    case AT_TYPE_COUNT:
        at_text_addf(out,
                     "\"anyOf\": [{\"type\": \"integer\", \"minimum\": %llu, \"maximum\": %llu}, "
                     "{\"type\": \"string\", \"pattern\": \"^[0-9]+$|[$]\"}]",
                     (unsigned long long)key->min, (unsigned long long)key->max);
        break;
    case AT_TYPE_WEIGHTS:
        at_text_addf(out,
                     "\"type\": \"array\", \"maxItems\": %d, \"items\": {\"anyOf\": [{\"type\": "
                     "\"integer\", \"minimum\": %llu, \"maximum\": %llu}, {\"type\": \"string\", "
                     "\"pattern\": \"^[0-9]+$|[$]\"}]}",
                     AT_PLAN_REPLICAS_MAX, (unsigned long long)key->min,
                     (unsigned long long)key->max);
        break;
    case AT_TYPE_ONLY: at_text_addf(out, "\"enum\": [\"%s\"]", key->more); break;
    case AT_TYPE_TEXT:
    case AT_TYPE_WORDS:
    case AT_TYPE_COMMAND:
    case AT_TYPE_VARIABLES:
    case AT_TYPE_ENV_FILE:
    case AT_TYPE_DEPENDS:
    case AT_TYPE_DURATION:
    case AT_TYPE_SIZE:
    case AT_TYPE_CPUS:
    case AT_TYPE_BALANCE:
    case AT_TYPE_SIGNAL:
    case AT_TYPE_RESTART:
    case AT_TYPE_IGNORED:
    case AT_TYPE_REFUSED:
        at_text_add_str(out, shapes[key->type] == NULL ? "" : shapes[key->type]);
        break;
    case AT_TYPES:
    default: break;
    }
}

static void add_property(struct schema *s, const struct at_config_key *key)
{
    struct at_text doc;

    at_text_init(&doc);
    at_text_add_str(&doc, key->doc);
    if (key->more != NULL) {
        at_text_addf(&doc, " Default: %s.", key->more);
    }
    s->out->failed = s->out->failed || doc.failed;
    at_text_addf(s->out, "\n        \"%s\": {\"description\": ", key->name);
    at_config_add_json(s->out, at_text_bytes(&doc));
    if (key->type != AT_TYPE_IGNORED) {
        at_text_add_str(s->out, ", ");
        add_shape(s, key);
    }
    at_text_add_char(s->out, '}');
    at_text_deinit(&doc);
}

/* Members of an object: what the keys of the table are. */
static void add_table(struct schema *s, const struct at_config_table *table)
{
    const char *comma = "";

    const struct at_config_key *named = at_config_find_named(table);

    at_text_add_str(s->out, "\"type\": \"object\",\n      \"additionalProperties\": false,\n"
                            "      \"patternProperties\": {\"^x-\": {}");
    if (named != NULL) {
        at_text_addf(s->out,
                     ",\n        \"^(?!x-|defaults$)[a-z][a-z0-9-]*( *-> *[a-z][a-z0-9-]*)?$\": "
                     "{\"description\": ");
        at_config_add_json(s->out, at_bytes_of(named->doc));
        at_text_add_str(s->out, ", ");
        add_shape(s, named);
        at_text_add_char(s->out, '}');
    }
    at_text_add_str(s->out, "},\n      \"required\": [");
    for (size_t i = 0; i < table->count; i++) {
        if (table->keys[i].required) {
            at_text_addf(s->out, "%s\"%s\"", comma, table->keys[i].name);
            comma = ", ";
        }
    }
    at_text_add_str(s->out, "],\n      \"properties\": {");
    comma = "";
    for (size_t i = 0; i < table->count; i++) {
        if (table->keys[i].type != AT_TYPE_REFUSED && table->keys[i].type != AT_TYPE_POLICY) {
            at_text_add_str(s->out, comma);
            add_property(s, &table->keys[i]);
            comma = ",";
        }
    }
    at_text_add_str(s->out, "\n      }");
}

void at_config_schema(struct at_text *out)
{
    struct schema s = {.out = out};

    at_text_add_str(out,
                    "{\n"
                    "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                    "  \"title\": \"atoll.yaml\",\n"
                    "  \"description\": \"A system of services that atoll runs.\",\n"
                    "  \"$ref\": \"#/$defs/system\",\n  \"$defs\": {\n    \"system\": {\n      ");
    add_table(&s, at_config_root_table());
    at_text_add_str(out, "\n    }");
    for (size_t i = 0; i < TABLES_MAX && s.tables[i] != NULL;
         i++) { /* grows while definitions name further ones */
        at_text_addf(out, ",\n    \"%s\": {\n      ", name_of(s.tables[i]));
        add_table(&s, s.tables[i]->table);
        at_text_add_str(out, "\n    }");
    }
    at_text_add_str(out, "\n  }\n}\n");
}
