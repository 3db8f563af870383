#include "cli/config_yaml.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_limits.h"

enum outcome { GO_ON = 0, STOP = AT_CONFIG_WRONG }; /* or -ENOMEM */

struct level {
    struct at_yaml_node *node; /* a list or a map that is still open */
    struct at_yaml_node *key;  /* map: the key whose value comes next, or NULL */
};

struct parse {
    yaml_parser_t parser;
    struct at_arena *arena;
    struct at_yaml_hook hook;
    struct at_config_errors *errors;
    const char *file;
    struct at_bytes content;
    struct at_map anchors; /* name → node */
    struct level stack[AT_CONFIG_DEPTH_MAX];
    size_t depth;
    struct at_yaml_node *root;
    size_t nodes; /* so far, aliases expanded */
    size_t documents;
};

static struct at_config_place place_of(const struct parse *p, yaml_mark_t mark)
{
    return (struct at_config_place){p->file, (int)mark.line + 1, (int)mark.column + 1};
}

struct at_yaml_node *at_yaml_new(struct at_arena *arena, enum at_yaml_kind kind,
                                 struct at_config_place place)
{
    struct at_yaml_node *n = at_arena_zalloc(arena, 1, sizeof(*n));

    if (n != NULL) {
        *n = (struct at_yaml_node){.kind = kind, .place = place, .weight = 1};
    }
    return n;
}

struct at_yaml_node *at_yaml_new_scalar(struct at_arena *arena, struct at_config_place place,
                                        struct at_bytes text)
{
    struct at_yaml_node *n = at_yaml_new(arena, AT_YAML_SCALAR, place);
    const char *copy = at_arena_copy(arena, text);

    if (n == NULL || copy == NULL) {
        return NULL;
    }
    n->text = at_bytes_over(copy, text.len);
    n->done = true;
    return n;
}

/* Room for one more element of `size` bytes; the old array stays behind in the arena. */
static void *grow(struct at_arena *arena, void *old, struct at_yaml_node *n, size_t size)
{
    size_t cap = n->cap == 0 ? 4 : n->cap * 2;
    void *bigger;

    if (n->count < n->cap) {
        return old;
    }
    bigger = at_arena_zalloc(arena, cap, size);
    if (bigger != NULL) {
        if (n->count > 0) {
            memcpy(bigger, old, n->count * size);
        }
        n->cap = cap;
    }
    return bigger;
}

int at_yaml_append(struct at_arena *arena, struct at_yaml_node *list, struct at_yaml_node *item)
{
    struct at_yaml_node **items = grow(arena, list->items, list, sizeof(struct at_yaml_node *));

    if (items == NULL) {
        return -ENOMEM;
    }
    list->items = items;
    list->items[list->count++] = item;
    list->weight += item->weight;
    return 0;
}

int at_yaml_put(struct at_arena *arena, struct at_yaml_node *map, struct at_yaml_node *key,
                struct at_yaml_node *value)
{
    struct at_yaml_pair *pairs = grow(arena, map->pairs, map, sizeof(*pairs));

    if (pairs == NULL) {
        return -ENOMEM;
    }
    map->pairs = pairs;
    map->pairs[map->count++] = (struct at_yaml_pair){key, value};
    map->weight += 1 + value->weight;
    return 0;
}

struct at_yaml_node *at_yaml_get(const struct at_yaml_node *map, const char *key)
{
    for (size_t i = 0; map->kind == AT_YAML_MAP && i < map->count; i++) {
        if (at_bytes_equal(map->pairs[i].key->text, at_bytes_of(key))) {
            return map->pairs[i].value;
        }
    }
    return NULL;
}

bool at_yaml_is_null(const struct at_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    if (node->kind != AT_YAML_SCALAR || !node->plain) {
        return false;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (at_bytes_equal(node->text, at_bytes_of(words[i]))) {
            return true;
        }
    }
    return false;
}

const char *at_yaml_kind_name(const struct at_yaml_node *node)
{
    if (at_yaml_is_null(node)) {
        return "nothing";
    }
    switch (node->kind) {
    case AT_YAML_LIST: return "a list";
    case AT_YAML_MAP: return "a map";
    case AT_YAML_SCALAR:
    default: return "text";
    }
}

/* Hangs a finished or beginning node under the innermost open one. */
static int attach(struct parse *p, struct at_yaml_node *n)
{
    struct level *top;
    int r;

    if (p->depth == 0) {
        p->root = n;
        return GO_ON;
    }
    top = &p->stack[p->depth - 1];
    if (top->node->kind == AT_YAML_LIST) {
        return at_yaml_append(p->arena, top->node, n);
    }
    if (top->key != NULL) {
        r = at_yaml_put(p->arena, top->node, top->key, n);
        top->key = NULL;
        return r;
    }
    if (n->kind != AT_YAML_SCALAR) {
        (void)at_config_say(p->errors, AT_CONFIG_SYNTAX, n->place, "", "a key must be text, not %s",
                            at_yaml_kind_name(n));
        return STOP;
    }
    top->key = n;
    return GO_ON;
}

static bool expects_key(const struct parse *p)
{
    return p->depth > 0 && p->stack[p->depth - 1].node->kind == AT_YAML_MAP &&
           p->stack[p->depth - 1].key == NULL;
}

/* Where we are, as "services.cart.uses[1]", into the mistakes from number `first` on. */
static void name_field(struct parse *p, size_t first)
{
    struct at_text path;
    const char *copy;

    if (p->errors->count == first) {
        return;
    }
    at_text_init(&path);
    for (size_t i = 0; i < p->depth; i++) {
        const struct level *l = &p->stack[i];
        struct at_config_quoted room;

        if (l->node->kind == AT_YAML_LIST) {
            at_text_addf(&path, "[%zu]", l->node->count);
        } else if (l->key != NULL) {
            at_text_addf(&path, "%s%s", path.len == 0 ? "" : ".",
                         at_config_quote(l->key->text, &room));
        }
    }
    copy = at_arena_copy(&p->errors->arena, at_text_bytes(&path));
    for (size_t i = first; copy != NULL && i < p->errors->count; i++) {
        p->errors->at[i].field = copy;
    }
    at_text_deinit(&path);
}

static int count_nodes(struct parse *p, size_t more, struct at_config_place place)
{
    p->nodes += more; /* each weight is ≤ AT_CONFIG_NODES_MAX: cannot overflow */
    if (p->nodes <= AT_CONFIG_NODES_MAX) {
        return GO_ON;
    }
    at_config_hint(p->errors,
                   at_config_say(p->errors, AT_CONFIG_LIMIT, place, "",
                                 "the file has more than %d values when every alias is written out",
                                 AT_CONFIG_NODES_MAX),
                   "an anchor that is used inside another one multiplies; name fewer aliases");
    return STOP;
}

/* Core tags are as good as none; others would change what a value is. */
static int check_tag(struct parse *p, const yaml_char_t *tag, struct at_config_place place)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    struct at_config_quoted room;
    struct at_config_error *e;

    if (tag == NULL || strcmp((const char *)tag, "!") == 0 ||
        (strncmp((const char *)tag, prefix, sizeof(prefix) - 1) == 0 &&
         strcmp((const char *)tag + sizeof(prefix) - 1, "binary") != 0)) {
        return GO_ON;
    }
    e = at_config_say(p->errors, AT_CONFIG_SYNTAX, place, "", "the tag %s is not supported",
                      at_config_quote(at_bytes_of((const char *)tag), &room));
    at_config_hint(p->errors, e, "leave the tag out; a value is read as its key asks for it");
    return GO_ON;
}

static int keep_anchor(struct parse *p, const yaml_char_t *anchor, struct at_yaml_node *n)
{
    return anchor == NULL ? GO_ON : at_map_put(&p->anchors, at_bytes_of((const char *)anchor), n);
}

static void judge_text(struct parse *p, struct at_yaml_node *n, struct at_bytes text)
{
    struct at_config_quoted room;

    if (text.len > AT_CONFIG_SCALAR_MAX) {
        (void)at_config_say(p->errors, AT_CONFIG_LIMIT, n->place, "",
                            "a value may have up to %d bytes: %s", AT_CONFIG_SCALAR_MAX,
                            at_config_quote(text, &room));
        n->wrong = true;
    } else if (at_bytes_index(text, '\0') < text.len) {
        (void)at_config_say(p->errors, AT_CONFIG_VALUE, n->place, "",
                            "a value must not hold a NUL character");
        n->wrong = true;
    }
}

static int on_scalar(struct parse *p, const yaml_event_t *event)
{
    struct at_config_place place = place_of(p, event->start_mark);
    struct at_bytes text = at_bytes_over(event->data.scalar.value, event->data.scalar.length);
    struct at_yaml_node *n;
    size_t first = p->errors->count;
    int r = check_tag(p, event->data.scalar.tag, place);

    n = at_yaml_new_scalar(p->arena, place, at_bytes_before(text, AT_CONFIG_SCALAR_MAX));
    if (n == NULL) {
        return -ENOMEM;
    }
    n->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    judge_text(p, n, text);
    if (n->wrong) {
        n->text = at_bytes_before(n->text, at_bytes_index(n->text, '\0'));
    } else if (!expects_key(p) && p->hook.on_value != NULL) {
        r = p->hook.on_value(p->hook.user, n);
        n->wrong = r == AT_CONFIG_WRONG;
        r = n->wrong ? GO_ON : r;
    }
    if (r == GO_ON) {
        r = count_nodes(p, 1, place);
    }
    name_field(p, first);
    if (r == GO_ON) {
        r = keep_anchor(p, event->data.scalar.anchor, n);
    }
    return r == GO_ON ? attach(p, n) : r;
}

static int on_start(struct parse *p, const yaml_event_t *event)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    struct at_config_place place = place_of(p, event->start_mark);
    const yaml_char_t *tag = list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
    struct at_yaml_node *n = at_yaml_new(p->arena, list ? AT_YAML_LIST : AT_YAML_MAP, place);
    size_t first = p->errors->count;
    int r = check_tag(p, tag, place);

    if (n == NULL) {
        return -ENOMEM;
    }
    if (p->depth == AT_CONFIG_DEPTH_MAX) {
        (void)at_config_say(p->errors, AT_CONFIG_LIMIT, place, "",
                            "more than %d levels inside each other", AT_CONFIG_DEPTH_MAX);
        return STOP;
    }
    if (r == GO_ON) {
        r = count_nodes(p, 1, place);
    }
    if (r == GO_ON) {
        r = keep_anchor(
            p, list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor, n);
    }
    name_field(p, first);
    if (r == GO_ON && expects_key(p)) {
        return attach(p, n); /* says that a key must be text */
    }
    if (r == GO_ON) {
        p->stack[p->depth++] = (struct level){.node = n};
    }
    return r;
}

static int on_alias(struct parse *p, const yaml_event_t *event)
{
    struct at_config_place place = place_of(p, event->start_mark);
    struct at_bytes name = at_bytes_of((const char *)event->data.alias.anchor);
    struct at_yaml_node *n = at_map_get(&p->anchors, name);
    struct at_config_quoted room;
    size_t first = p->errors->count;
    int r;

    if (n == NULL || !n->done) {
        (void)at_config_say(p->errors, AT_CONFIG_SYNTAX, place, "",
                            n == NULL ? "no anchor &%s stands before this alias"
                                      : "the alias *%s stands inside of what it names",
                            at_config_quote(name, &room));
        name_field(p, first);
        return STOP;
    }
    r = count_nodes(p, n->weight, place);
    name_field(p, first);
    return r == GO_ON ? attach(p, n) : r;
}

static bool is_merge_key(const struct at_yaml_node *key)
{
    return key->plain && at_bytes_equal(key->text, AT_LIT("<<"));
}

/* Adds what `from` has and the map under construction (by keys) has not. */
static int merge_map(struct parse *p, struct at_map *keys, struct at_yaml_node *into,
                     const struct at_yaml_node *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct at_yaml_pair *pair = &from->pairs[i];
        int r;

        if (at_map_get(keys, pair->key->text) != NULL) {
            continue;
        }
        r = at_map_put(keys, pair->key->text, pair->key);
        if (r == 0) {
            r = at_yaml_put(p->arena, into, pair->key, pair->value);
        }
        if (r < 0) {
            return r;
        }
    }
    return GO_ON;
}

static int merge_value(struct parse *p, struct at_map *keys, struct at_yaml_node *into,
                       const struct at_yaml_node *value)
{
    if (value->kind == AT_YAML_MAP) {
        return merge_map(p, keys, into, value);
    }
    for (size_t i = 0; value->kind == AT_YAML_LIST && i < value->count; i++) {
        int r = GO_ON;

        if (value->items[i]->kind == AT_YAML_MAP) {
            r = merge_map(p, keys, into, value->items[i]);
        }
        if (r != GO_ON) {
            return r;
        }
    }
    if (value->kind == AT_YAML_SCALAR) {
        (void)at_config_say(p->errors, AT_CONFIG_TYPE, value->place, "",
                            "<< merges a map or a list of maps, not %s", at_yaml_kind_name(value));
    }
    return GO_ON;
}

static int find_duplicates(struct parse *p, struct at_map *keys, const struct at_yaml_node *n)
{
    for (size_t i = 0; i < n->count; i++) {
        struct at_yaml_node *key = n->pairs[i].key;
        const struct at_yaml_node *first = at_map_get(keys, key->text);
        struct at_config_quoted room;
        int r = 0;

        if (first == NULL) {
            r = at_map_put(keys, key->text, key);
        } else if (!is_merge_key(key)) {
            at_config_hint(p->errors,
                           at_config_say(p->errors, AT_CONFIG_DUPLICATE, key->place, "",
                                         "the key %s stands twice",
                                         at_config_quote(key->text, &room)),
                           "it stands in line %d already", first->place.line);
        }
        if (r < 0) {
            return r;
        }
    }
    return GO_ON;
}

/* Keys stand once; then what << names is worked in behind them and the << go. */
static int finish_map(struct parse *p, struct at_yaml_node *n)
{
    struct at_yaml_node *plain = at_yaml_new(p->arena, AT_YAML_MAP, n->place);
    struct at_map keys;
    int r;

    if (plain == NULL) {
        return -ENOMEM;
    }
    at_map_init(&keys, 0);
    r = find_duplicates(p, &keys, n);
    for (size_t i = 0; r == GO_ON && i < n->count; i++) {
        const struct at_yaml_node *key = n->pairs[i].key;

        if (!is_merge_key(key) && at_map_get(&keys, key->text) == key) { /* the first of its name */
            r = at_yaml_put(p->arena, plain, n->pairs[i].key, n->pairs[i].value);
        }
    }
    for (size_t i = 0; r == GO_ON && i < n->count; i++) {
        if (is_merge_key(n->pairs[i].key)) {
            r = merge_value(p, &keys, plain, n->pairs[i].value);
        }
    }
    at_map_deinit(&keys);
    if (r == GO_ON) {
        n->pairs = plain->pairs;
        n->count = plain->count;
        n->cap = plain->cap;
        n->weight = plain->weight;
    }
    return r;
}

static int on_end(struct parse *p, const yaml_event_t *event)
{
    size_t first = p->errors->count;
    struct at_yaml_node *n = p->stack[--p->depth].node;
    int r = n->kind == AT_YAML_MAP ? finish_map(p, n) : GO_ON;

    name_field(p, first);
    n->done = true;
    return r == GO_ON ? attach(p, n) : r;
}

static int on_document(struct parse *p, const yaml_event_t *event)
{
    if (p->documents++ == 0) {
        return GO_ON;
    }
    (void)at_config_say(p->errors, AT_CONFIG_SYNTAX, place_of(p, event->start_mark), "",
                        "a second YAML document begins here; a file holds one system");
    return STOP;
}

static int on_nothing(struct parse *p, const yaml_event_t *event)
{
    return GO_ON;
}

static int (*const handlers[])(struct parse *p, const yaml_event_t *event) = {
    [YAML_NO_EVENT] = on_nothing,           [YAML_STREAM_START_EVENT] = on_nothing,
    [YAML_STREAM_END_EVENT] = on_nothing,   [YAML_DOCUMENT_START_EVENT] = on_document,
    [YAML_DOCUMENT_END_EVENT] = on_nothing, [YAML_ALIAS_EVENT] = on_alias,
    [YAML_SCALAR_EVENT] = on_scalar,        [YAML_SEQUENCE_START_EVENT] = on_start,
    [YAML_SEQUENCE_END_EVENT] = on_end,     [YAML_MAPPING_START_EVENT] = on_start,
    [YAML_MAPPING_END_EVENT] = on_end,
};

/* libyaml's words and what people did when they get them. */
static const struct {
    const char *problem;
    const char *hint;
} advice[] = {
    {"found character that cannot start any token",
     "indent with spaces, not tabs; text that begins with @ ` or % needs quotes"},
    {"could not find expected ':'",
     "a key needs a colon and a blank behind it, and may have up to 1024 characters"},
    {"mapping values are not allowed in this context",
     "is the line indented too far, or does its value need quotes because it holds \": \"?"},
    {"did not find expected key", "does the line's indentation fit those above it?"},
    {"did not find expected '-' indicator", "does the line's indentation fit those above it?"},
    {"did not find expected ',' or ']'", "is a comma or the closing ] missing?"},
    {"did not find expected ',' or '}'", "is a comma or the closing } missing?"},
    {"found unexpected end of stream", "is a closing quote missing?"},
    {"block sequence entries are not allowed in this context",
     "a list begins on the line below its key"},
};

static const char *advice_for(const char *problem)
{
    for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
        if (strcmp(problem, advice[i].problem) == 0) {
            return advice[i].hint;
        }
    }
    return NULL;
}

/* Bytes that are no text have an offset only. */
static struct at_config_place place_at(const struct parse *p, size_t offset)
{
    struct at_config_place place = {p->file, 1, 1};

    for (size_t i = 0; i < offset && i < p->content.len; i++) {
        if (p->content.at[i] == '\n') {
            place.line++;
            place.col = 1;
        } else {
            place.col++;
        }
    }
    return place;
}

static int syntax_error(struct parse *p)
{
    const yaml_parser_t *y = &p->parser;
    const char *problem = y->problem == NULL ? "it cannot be read" : y->problem;
    struct at_config_place place = place_of(p, y->problem_mark);
    struct at_config_error *e;

    if (y->error == YAML_MEMORY_ERROR) {
        return -ENOMEM;
    }
    if (y->error == YAML_READER_ERROR) {
        place = place_at(p, y->problem_offset);
    }
    if (y->context == NULL) {
        e = at_config_say(p->errors, AT_CONFIG_SYNTAX, place, "", "not valid YAML: %s", problem);
    } else {
        e = at_config_say(p->errors, AT_CONFIG_SYNTAX, place, "",
                          "not valid YAML: %s, %s (line %d)", problem, y->context,
                          (int)y->context_mark.line + 1);
    }
    if (advice_for(problem) != NULL) {
        at_config_hint(p->errors, e, "%s", advice_for(problem));
    }
    return STOP;
}

static int parse_events(struct parse *p)
{
    int r = GO_ON;
    bool end = false;

    while (r == GO_ON && !end) {
        yaml_event_t event;

        if (!yaml_parser_parse(&p->parser, &event)) {
            return syntax_error(p);
        }
        end = event.type == YAML_STREAM_END_EVENT;
        r = handlers[event.type](p, &event);
        yaml_event_delete(&event);
    }
    return r;
}

int at_yaml_parse(struct at_arena *arena, const char *file, struct at_bytes content,
                  struct at_yaml_hook hook, struct at_config_errors *errors,
                  struct at_yaml_node **ret)
{
    struct parse p = {
        .arena = arena, .hook = hook, .errors = errors, .file = file, .content = content};
    size_t wrong = errors->wrong;
    int r;

    if (!yaml_parser_initialize(&p.parser)) {
        return -ENOMEM;
    }
    at_map_init(&p.anchors, 0);
    yaml_parser_set_input_string(&p.parser, content.at == NULL ? (const uint8_t *)"" : content.at,
                                 content.len);
    r = parse_events(&p);
    yaml_parser_delete(&p.parser);
    at_map_deinit(&p.anchors);
    if (r == GO_ON && (p.root == NULL || at_yaml_is_null(p.root))) {
        p.root = at_yaml_new(arena, AT_YAML_MAP, (struct at_config_place){file, 1, 1});
        r = p.root == NULL ? -ENOMEM : GO_ON;
    }
    *ret = r == GO_ON ? p.root : NULL;
    return r == GO_ON && errors->wrong > wrong ? AT_CONFIG_WRONG : r;
}
