/* command, working_dir, environment and env_file of one service. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fd.h"
#include "base/map.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_limits.h"
#include "cli/config_model.h"
#include "cli/config_text.h"
#include "cli/config_yaml.h"
#include "plan/limits.h"
#include "plan/plan.h"

/* One component behind out[0..len): the new length. */
static size_t add_piece(char *out, size_t len, struct at_bytes piece)
{
    if (piece.len == 0 || at_bytes_equal(piece, AT_LIT("."))) {
        return len;
    }
    if (at_bytes_equal(piece, AT_LIT(".."))) {
        while (len > 0 && out[len - 1] != '/') {
            len--;
        }
        return len > 0 ? len - 1 : 0;
    }
    out[len++] = '/';
    memcpy(out + len, piece.at, piece.len);
    return len + piece.len;
}

const char *at_config_path(struct at_arena *arena, const char *dir, struct at_bytes path)
{
    bool absolute = path.len > 0 && path.at[0] == '/';
    struct at_bytes rest = absolute ? (struct at_bytes){0} : at_bytes_of(dir);
    char *out = at_arena_alloc(arena, rest.len + path.len + 3, 1);
    struct at_bytes piece;
    size_t len = 0;

    if (out == NULL) {
        return NULL;
    }
    while (at_bytes_cut(&rest, '/', &piece)) {
        len = add_piece(out, len, piece);
    }
    while (at_bytes_cut(&path, '/', &piece)) {
        len = add_piece(out, len, piece);
    }
    if (len == 0) {
        out[len++] = '/';
    }
    out[len] = '\0';
    return out;
}

static int words_of(struct at_config *c, const struct at_config_service *s,
                    struct at_plan_strings *argv)
{
    const struct at_yaml_node *n = s->command;
    const char *why = NULL;
    int r;

    if (n->kind == AT_YAML_LIST) {
        argv->at = at_arena_zalloc(&c->arena, n->count, sizeof(*argv->at));
        for (size_t i = 0; argv->at != NULL && i < n->count; i++) {
            argv->at[argv->count++] = (const char *)n->items[i]->text.at;
        }
        return argv->at == NULL ? -ENOMEM : 0;
    }
    r = at_config_split(&c->arena, n->text, argv, &why);
    if (r == AT_CONFIG_WRONG) {
        (void)at_config_say(c->errors, AT_CONFIG_VALUE, n->place, s->path,
                            "the command of %s cannot be split into words: %s", s->name, why);
    }
    return r;
}

/* As the cage's PATH; the first that is there. */
static const char *search(struct at_config *c, const char *program)
{
    static const char *const dirs[] = {"/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"};
    struct stat st;

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        const char *path = at_arena_printf(&c->arena, "%s/%s", dirs[i], program);

        if (path == NULL || (stat(path, &st) == 0 && S_ISREG(st.st_mode))) {
            return path;
        }
    }
    return at_arena_printf(&c->arena, "/usr/bin/%s", program);
}

static bool lies_in(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool is_visible(const struct at_config *c, const char *path)
{
    static const char *const shown[] = {"/usr", "/bin", "/sbin", "/lib", "/lib64"};

    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        if (lies_in(path, shown[i])) {
            return true;
        }
    }
    return strcmp(c->project_dir, "/") == 0 || lies_in(path, c->project_dir);
}

/* A program is executed by its descriptor, wherever it lies; a script is read by its name. */
static bool is_script(const char *path)
{
    char first[2];
    FILE *file = fopen(path, "re");
    bool yes = file != NULL && fread(first, 1, sizeof(first), file) == sizeof(first) &&
               first[0] == '#' && first[1] == '!';

    if (file != NULL) {
        (void)fclose(file);
    }
    return yes;
}

/* Starting it will fail with the same words; here it is a warning, so that a check can come first. */
static void look_at_program(struct at_config *c, const struct at_config_service *s,
                            const char *path, const char *argv0)
{
    struct at_config_quoted room;
    struct at_config_error *e = NULL;
    struct stat st;

    if (stat(path, &st) < 0) {
        e = at_config_warn(c->errors, AT_CONFIG_BINARY, s->command->place, s->path,
                           "the program %s of %s is not there",
                           at_config_quote(at_bytes_of(argv0), &room), s->name);
        at_config_hint(c->errors, e,
                       strchr(argv0, '/') == NULL ? "it is not in PATH; looked for %s"
                                                  : "looked for %s; is it built?",
                       path);
    } else if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
        e = at_config_warn(c->errors, AT_CONFIG_BINARY, s->command->place, s->path,
                           "the program %s of %s cannot be executed",
                           at_config_quote(at_bytes_of(argv0), &room), s->name);
        at_config_hint(c->errors, e, S_ISREG(st.st_mode) ? "chmod +x %s" : "%s is no file", path);
    } else if (!is_visible(c, path) && is_script(path)) {
        e = at_config_warn(c->errors, AT_CONFIG_BINARY, s->command->place, s->path,
                           "the script %s lies outside of what an instance sees", path);
        at_config_hint(c->errors, e, "put it into %s or below /usr", c->project_dir);
    }
}

static int judge_argv(struct at_config *c, const struct at_config_service *s,
                      const struct at_plan_strings *argv)
{
    if (argv->count == 0 || argv->at[0][0] == '\0') {
        at_config_hint(c->errors,
                       at_config_say(c->errors, AT_CONFIG_MISSING, s->command->place, s->path,
                                     "the command of %s is empty", s->name),
                       "it begins with the program, for example: command: bin/%s", s->name);
        return AT_CONFIG_WRONG;
    }
    if (argv->count > AT_PLAN_ARGS_MAX) {
        (void)at_config_say(c->errors, AT_CONFIG_LIMIT, s->command->place, s->path,
                            "the command of %s has more than %d words", s->name, AT_PLAN_ARGS_MAX);
        return AT_CONFIG_WRONG;
    }
    return 0;
}

static bool is_path_short(struct at_config *c, const struct at_yaml_node *node, const char *field,
                          const char *path)
{
    if (strlen(path) <= AT_PLAN_PATH_MAX) {
        return true;
    }
    (void)at_config_say(c->errors, AT_CONFIG_LIMIT, node->place, field,
                        "a path may have up to %d characters", AT_PLAN_PATH_MAX);
    return false;
}

int at_config_resolve_program(struct at_config *config, const struct at_config_service *s,
                              struct at_plan_service *plan)
{
    int r;

    plan->cwd = s->working_dir == NULL
                    ? config->project_dir
                    : at_config_path(&config->arena, config->project_dir, s->working_dir->text);
    if (plan->cwd == NULL) {
        return -ENOMEM;
    }
    if (s->working_dir != NULL && !is_path_short(config, s->working_dir, s->path, plan->cwd)) {
        return 0;
    }
    if (s->command == NULL) {
        return 0; /* said as missing */
    }
    r = words_of(config, s, &plan->argv);
    if (r == 0) {
        r = judge_argv(config, s, &plan->argv);
    }
    if (r != 0) {
        return r == AT_CONFIG_WRONG ? 0 : r;
    }
    plan->executable =
        strchr(plan->argv.at[0], '/') == NULL
            ? search(config, plan->argv.at[0])
            : at_config_path(&config->arena, plan->cwd, at_bytes_of(plan->argv.at[0]));
    if (plan->executable == NULL) {
        return -ENOMEM;
    }
    if (is_path_short(config, s->command, s->path, plan->executable)) {
        look_at_program(config, s, plan->executable, plan->argv.at[0]);
    }
    return 0;
}

/* The variables of one service while they are gathered: name → "NAME=value". */
struct gathering {
    struct at_config *config;
    const struct at_config_service *service;
    struct at_map entries;
};

static int gather(struct gathering *g, struct at_config_place place, struct at_bytes name,
                  struct at_bytes value)
{
    struct at_config *c = g->config;
    struct at_config_quoted room;
    char *entry;

    if (name.len == 0 || at_bytes_index(name, '=') < name.len ||
        at_bytes_index(name, ' ') < name.len) {
        (void)at_config_say(c->errors, AT_CONFIG_VALUE, place, g->service->path,
                            "“%s” is no name for an environment variable",
                            at_config_quote(name, &room));
        return 0;
    }
    if (at_plan_is_reserved_variable(name)) {
        struct at_config_error *e = at_config_say(
            c->errors, AT_CONFIG_VALUE, place, g->service->path,
            "the environment variable %s is set by atoll itself", at_config_quote(name, &room));

        at_config_hint(c->errors, e, "take another name");
        return 0;
    }
    if (name.len > AT_CONFIG_VARIABLE_MAX || name.len + value.len + 1 > AT_PLAN_STRING_MAX) {
        (void)at_config_say(c->errors, AT_CONFIG_LIMIT, place, g->service->path,
                            "the environment variable %s is too long: a name may have up to %d "
                            "bytes, all of it %d",
                            at_config_quote(name, &room), AT_CONFIG_VARIABLE_MAX,
                            AT_PLAN_STRING_MAX);
        return 0;
    }
    if (!at_bytes_is_utf8(value)) {
        (void)at_config_say(c->errors, AT_CONFIG_VALUE, place, g->service->path,
                            "the environment variable %s is not UTF-8",
                            at_config_quote(name, &room));
        return 0;
    }
    entry = at_arena_printf(&c->arena, "%.*s=%.*s", (int)name.len, (const char *)name.at,
                            (int)value.len, value.at == NULL ? "" : (const char *)value.at);
    return entry == NULL ? -ENOMEM : at_map_put(&g->entries, name, entry);
}

static int gather_file(struct gathering *g, const struct at_yaml_node *node, bool required)
{
    struct at_config *c = g->config;
    const char *path = at_config_path(&c->arena, c->project_dir, node->text);
    struct at_config_quoted room;
    at_auto_free
    char *content = NULL;
    struct at_map values;
    size_t len = 0;
    size_t pos = 0;
    int r;

    if (path == NULL) {
        return -ENOMEM;
    }
    r = at_fd_read_file(AT_FDCWD, path, AT_CONFIG_FILE_MAX, &content, &len);
    if (r < 0) {
        struct at_config_error *e = NULL;

        if (r == -ENOMEM || (r == -ENOENT && !required)) {
            return r == -ENOMEM ? r : 0;
        }
        e = at_config_say(c->errors, AT_CONFIG_FILE, node->place, g->service->path,
                          "the env_file %s cannot be read: %s", at_config_quote(node->text, &room),
                          strerror(-r));
        at_config_hint(c->errors, e, "looked for %s; {path: …, required: false} makes it optional",
                       path);
        return 0;
    }
    at_map_init(&values, 0);
    r = at_config_dotenv(&c->arena, (const char *)node->text.at, at_bytes_over(content, len),
                         &(struct at_config_vars){c->vars.environ, {&values, &c->dotenv}},
                         c->errors, &values);
    for (const struct at_map_entry *e = at_map_next(&values, &pos); r == 0 && e != NULL;
         e = at_map_next(&values, &pos)) {
        r = gather(g, node->place, e->key, at_bytes_of(e->value));
    }
    at_map_deinit(&values);
    return r == AT_CONFIG_WRONG ? 0 : r;
}

/* {path: …, required: false, format: …} */
static int gather_entry(struct gathering *g, const struct at_yaml_node *entry)
{
    const struct at_yaml_node *path;
    const struct at_yaml_node *required;

    if (entry->kind == AT_YAML_SCALAR && entry->text.len > 0) {
        return gather_file(g, entry, true);
    }
    path = at_yaml_get(entry, "path");
    required = at_yaml_get(entry, "required");
    if (path == NULL || path->kind != AT_YAML_SCALAR || path->text.len == 0) {
        (void)at_config_say(g->config->errors, AT_CONFIG_TYPE, entry->place, g->service->path,
                            "an env_file is a file name, or a map with the key path");
        return 0;
    }
    return gather_file(g, path,
                       required == NULL || !at_bytes_equal(required->text, AT_LIT("false")));
}

static int gather_files(struct gathering *g)
{
    const struct at_yaml_node *n = g->service->env_file;
    int r = 0;

    if (n == NULL) {
        return 0;
    }
    if (n->kind != AT_YAML_LIST) {
        return gather_entry(g, n);
    }
    for (size_t i = 0; r == 0 && i < n->count; i++) {
        r = gather_entry(g, n->items[i]);
    }
    return r;
}

/* A name alone takes the value of our own environment, if there is one. */
static int gather_inherited(struct gathering *g, const struct at_yaml_node *name)
{
    const char *value = at_config_var(&g->config->vars, name->text);

    return value == NULL ? 0 : gather(g, name->place, name->text, at_bytes_of(value));
}

static int gather_list(struct gathering *g, const struct at_yaml_node *list)
{
    struct at_map seen;
    int r = 0;

    at_map_init(&seen, 0);
    for (size_t i = 0; r == 0 && i < list->count; i++) {
        const struct at_yaml_node *item = list->items[i];
        size_t equals = at_bytes_index(item->text, '=');
        struct at_bytes name = at_bytes_before(item->text, equals);
        struct at_config_quoted room;

        if (at_map_get(&seen, name) != NULL) {
            (void)at_config_say(g->config->errors, AT_CONFIG_DUPLICATE, item->place,
                                g->service->path, "the environment variable %s stands twice",
                                at_config_quote(name, &room));
        }
        r = at_map_put(&seen, name, g);
        if (r == 0) {
            r = equals == item->text.len
                    ? gather_inherited(g, item)
                    : gather(g, item->place, name, at_bytes_after(item->text, equals + 1));
        }
    }
    at_map_deinit(&seen);
    return r;
}

static int gather_map(struct gathering *g, const struct at_yaml_node *map)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < map->count; i++) {
        const struct at_yaml_node *key = map->pairs[i].key;
        const struct at_yaml_node *value = map->pairs[i].value;
        struct at_config_quoted room;

        if (value->wrong) {
            continue;
        }
        if (value->kind != AT_YAML_SCALAR) {
            (void)at_config_say(g->config->errors, AT_CONFIG_TYPE, value->place, g->service->path,
                                "the environment variable %s must be text, not %s",
                                at_config_quote(key->text, &room), at_yaml_kind_name(value));
        } else if (at_yaml_is_null(value)) {
            r = gather_inherited(g, key);
        } else {
            r = gather(g, key->place, key->text, value->text);
        }
    }
    return r;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int list_entries(struct gathering *g, struct at_plan_strings *env)
{
    size_t pos = 0;

    if (g->entries.used > AT_PLAN_ENV_MAX) {
        (void)at_config_say(g->config->errors, AT_CONFIG_LIMIT, g->service->key->place,
                            g->service->path, "%s has more than %d environment variables",
                            g->service->name, AT_PLAN_ENV_MAX);
        return 0;
    }
    env->at = at_arena_zalloc(&g->config->arena, g->entries.used, sizeof(*env->at));
    if (env->at == NULL) {
        return -ENOMEM;
    }
    for (const struct at_map_entry *e = at_map_next(&g->entries, &pos); e != NULL;
         e = at_map_next(&g->entries, &pos)) {
        env->at[env->count++] = e->value;
    }
    if (env->count > 1) {
        qsort(env->at, env->count, sizeof(*env->at), by_text);
    }
    return 0;
}

int at_config_resolve_environment(struct at_config *config, const struct at_config_service *s,
                                  struct at_plan_service *plan)
{
    struct gathering g = {.config = config, .service = s};
    int r;

    at_map_init(&g.entries, 0);
    r = gather_files(&g);
    if (r == 0 && s->environment != NULL) {
        r = s->environment->kind == AT_YAML_LIST ? gather_list(&g, s->environment)
                                                 : gather_map(&g, s->environment);
    }
    if (r == 0) {
        r = list_entries(&g, &plan->env);
    }
    at_map_deinit(&g.entries);
    return r;
}
