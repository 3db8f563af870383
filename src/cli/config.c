/* Finding the files, reading them, and what the other parts make of them. */
#include "cli/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/text.h"
#include "cli/config_error.h"
#include "cli/config_limits.h"
#include "cli/config_model.h"
#include "cli/config_text.h"
#include "cli/config_yaml.h"
#include "plan/limits.h"
#include "plan/plan.h"

enum { PARENTS_MAX = 64 }; /* folders that are looked through upwards */

/* Which files make the configuration. Paths as the user would name them. */
struct files {
    char paths[AT_CONFIG_FILES_MAX][PATH_MAX];
    size_t count;
    char dir[PATH_MAX]; /* the project directory, absolute and without symlinks */
};

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* dir/name into out when it is there; dir "." is left out. */
static bool try_file(const char *dir, const char *name, char *out)
{
    int n = strcmp(dir, ".") == 0 ? snprintf(out, PATH_MAX, "%s", name)
                                  : snprintf(out, PATH_MAX, "%s/%s", dir, name);

    return n > 0 && n < PATH_MAX && is_file(out);
}

static bool try_folder(const char *dir, struct files *f)
{
    if (!try_file(dir, "atoll.yaml", f->paths[0]) && !try_file(dir, "atoll.yml", f->paths[0])) {
        return false;
    }
    f->count = 1;
    if (try_file(dir, "atoll.override.yaml", f->paths[1]) ||
        try_file(dir, "atoll.override.yml", f->paths[1])) {
        f->count = 2;
    }
    return true;
}

/* Here, or in the nearest folder above. */
static bool look_upwards(const char *start, struct files *f)
{
    char dir[PATH_MAX];

    if (try_folder(start, f)) {
        return true;
    }
    if (realpath(start, dir) == NULL) {
        return false;
    }
    for (int i = 0; i < PARENTS_MAX && dir[0] != '\0'; i++) {
        char *slash = strrchr(dir, '/');

        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
        if (try_folder(dir[0] == '\0' ? "/" : dir, f)) {
            return true;
        }
    }
    return false;
}

static int take_named(const struct at_config_options *o, struct files *f)
{
    if (o->file_count > AT_CONFIG_FILES_MAX) {
        return -E2BIG;
    }
    for (; f->count < o->file_count; f->count++) {
        if (strlen(o->files[f->count]) >= PATH_MAX) {
            return -ENAMETOOLONG;
        }
        (void)snprintf(f->paths[f->count], PATH_MAX, "%s", o->files[f->count]);
    }
    return 0;
}

static int find_project_dir(const struct at_config_options *o, struct files *f)
{
    char dir[PATH_MAX];
    char *slash;

    (void)snprintf(dir, sizeof(dir), "%s", f->paths[0]);
    slash = strrchr(dir, '/');
    if (slash == NULL) {
        (void)snprintf(dir, sizeof(dir), ".");
    } else {
        slash[slash == dir ? 1 : 0] = '\0';
    }
    if (realpath(o->project_dir != NULL ? o->project_dir : dir, f->dir) == NULL) {
        return -errno;
    }
    return strlen(f->dir) > AT_PLAN_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* 0, AT_CONFIG_NO_FILE, -errno of the project directory. */
static int find_files(const struct at_config_options *o, struct files *f)
{
    int r;

    f->count = 0;
    if (o->file_count > 0) {
        r = take_named(o, f);
        if (r < 0) {
            return r;
        }
    } else if (!look_upwards(o->start_dir == NULL ? "." : o->start_dir, f)) {
        return AT_CONFIG_NO_FILE;
    }
    return find_project_dir(o, f);
}

static struct at_config *new_config(const struct at_config_options *o,
                                    struct at_config_errors *errors)
{
    struct at_config *c = calloc(1, sizeof(*c));

    if (c != NULL) {
        at_arena_init(&c->arena, 16384, AT_CONFIG_MEMORY_MAX);
        at_map_init(&c->dotenv, 0);
        c->errors = errors;
        c->vars = (struct at_config_vars){o->environ, {&c->dotenv}};
        c->plan = (struct at_plan){.system = "", .project_dir = ""};
        c->name = "";
    }
    return c;
}

struct at_config *at_config_free(struct at_config *config)
{
    if (config != NULL) {
        at_map_deinit(&config->dotenv);
        at_arena_deinit(&config->arena);
        free(config);
    }
    return NULL;
}

/* The .env beside the files; most projects have none. */
static int read_dotenv(struct at_config *c)
{
    const char *path = at_config_path(&c->arena, c->project_dir, AT_LIT(".env"));
    at_auto_free
    char *content = NULL;
    size_t len = 0;
    int r;

    if (path == NULL) {
        return -ENOMEM;
    }
    r = at_fd_read_file(AT_FDCWD, path, AT_CONFIG_FILE_MAX, &content, &len);
    if (r == -ENOENT || r == -ENOTDIR) {
        return 0;
    }
    if (r == -ENOMEM) {
        return r;
    }
    if (r < 0) {
        (void)at_config_say(c->errors, AT_CONFIG_FILE, (struct at_config_place){".env", 0, 0}, "",
                            "it cannot be read: %s", strerror(-r));
        return 0;
    }
    r = at_config_dotenv(&c->arena, ".env", at_bytes_over(content, len), &c->vars, c->errors,
                         &c->dotenv);
    return r == AT_CONFIG_WRONG ? 0 : r;
}

/* at_yaml_hook: fills in the variables of one value. */
static int fill_in(void *user, struct at_yaml_node *scalar)
{
    struct at_config *c = user;
    struct at_text text;
    int r;

    if (at_bytes_index(scalar->text, '$') == scalar->text.len) {
        return 0;
    }
    at_text_init(&text);
    r = at_config_interpolate(&c->vars, scalar->text, scalar->place, c->errors, &text);
    if (r == 0) {
        const char *copy = at_arena_copy(&c->arena, at_text_bytes(&text));

        r = copy == NULL ? -ENOMEM : 0;
        scalar->text = at_bytes_over(copy, copy == NULL ? 0 : text.len);
    }
    at_text_deinit(&text);
    return r;
}

static void say_unreadable(struct at_config *c, const char *path, int r)
{
    struct at_config_error *e;

    if (r == -EFBIG) {
        (void)at_config_say(c->errors, AT_CONFIG_LIMIT, (struct at_config_place){path, 0, 0}, "",
                            "the file has more than %d bytes", AT_CONFIG_FILE_MAX);
        return;
    }
    e = at_config_say(c->errors, AT_CONFIG_FILE, (struct at_config_place){path, 0, 0}, "",
                      "it cannot be read: %s", strerror(-r));
    if (r == -ENOENT) {
        at_config_hint(c->errors, e, "is its name right?");
    }
}

static int read_file(struct at_config *c, const char *path, struct at_yaml_node **ret)
{
    const char *name = at_arena_copy(&c->arena, at_bytes_of(path));
    at_auto_free
    char *content = NULL;
    size_t len = 0;
    int r;

    *ret = NULL;
    if (name == NULL) {
        return -ENOMEM;
    }
    r = at_fd_read_file(AT_FDCWD, path, AT_CONFIG_FILE_MAX, &content, &len);
    if (r == -ENOMEM) {
        return r;
    }
    if (r < 0) {
        say_unreadable(c, name, r);
        return 0;
    }
    r = at_yaml_parse(&c->arena, name, at_bytes_over(content, len),
                      (struct at_yaml_hook){fill_in, c}, c->errors, ret);
    return r == AT_CONFIG_WRONG ? 0 : r;
}

/* All files into one tree; c->root stays NULL when one of them has none. */
static int read_files(struct at_config *c, const struct files *f)
{
    bool whole = true;
    struct at_yaml_node *root = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < f->count; i++) {
        struct at_yaml_node *next = NULL;

        r = read_file(c, f->paths[i], &next);
        whole = whole && next != NULL;
        if (r == 0 && whole && root != NULL) {
            r = at_config_merge(&c->arena, root, next, &root);
        } else if (root == NULL) {
            root = next;
        }
    }
    c->root = whole ? root : NULL;
    return r;
}

static int load(struct at_config *c, const struct files *f, const struct at_config_options *o)
{
    int r;

    c->project_dir = at_arena_copy(&c->arena, at_bytes_of(f->dir));
    if (c->project_dir == NULL) {
        return -ENOMEM;
    }
    r = read_dotenv(c);
    if (r == 0) {
        r = read_files(c, f);
    }
    if (r == 0 && c->root != NULL) {
        r = at_config_bind(c);
    }
    if (r == 0 && c->root != NULL && c->root->kind == AT_YAML_MAP) {
        r = at_config_resolve(c, o);
    }
    return r;
}

static int say_no_files(const struct at_config_options *o, struct at_config_errors *errors, int r)
{
    const struct at_config_place nowhere = {0};

    if (r == AT_CONFIG_NO_FILE) {
        at_config_hint(errors,
                       at_config_say(errors, AT_CONFIG_FILE, nowhere, "",
                                     "there is no atoll.yaml here or in a folder above"),
                       "go to a project, name its file with -f, or make one: atoll init");
        return AT_CONFIG_NO_FILE;
    }
    if (r == -E2BIG) {
        (void)at_config_say(errors, AT_CONFIG_LIMIT, nowhere, "", "more than %d files",
                            AT_CONFIG_FILES_MAX);
    } else {
        (void)at_config_say(errors, AT_CONFIG_FILE,
                            (struct at_config_place){o->file_count > 0 ? o->files[0] : "", 0, 0},
                            "", "its folder cannot be entered: %s", strerror(-r));
    }
    return AT_CONFIG_WRONG;
}

int at_config_load(const struct at_config_options *options, struct at_config **ret,
                   struct at_config_errors *errors)
{
    at_auto_free
    struct files *files = malloc(sizeof(*files));
    struct at_config *c;
    int r;

    if (files == NULL) {
        return -ENOMEM;
    }
    r = find_files(options, files);
    if (r != 0) {
        return say_no_files(options, errors, r);
    }
    c = new_config(options, errors);
    if (c == NULL) {
        return -ENOMEM;
    }
    r = load(c, files, options);
    at_config_errors_sort(errors);
    if (r == 0 && errors->failed) {
        r = -ENOMEM;
    }
    if (r == 0 && errors->wrong > 0) {
        r = AT_CONFIG_WRONG;
    }
    c->errors = NULL;
    if (r != 0) {
        (void)at_config_free(c);
    } else {
        *ret = c;
    }
    return r;
}

const char *at_config_name(const struct at_config *config)
{
    return config->name;
}

const char *at_config_project_dir(const struct at_config *config)
{
    return config->project_dir;
}

const struct at_plan *at_config_plan_view(const struct at_config *config)
{
    return &config->plan;
}

/* The name as resolve_system() would find it, in a tree that may be wrong everywhere else. */
static const char *name_in(struct at_config *c)
{
    const char *given = at_config_var(&c->vars, AT_LIT("ATOLL_PROJECT"));
    const struct at_yaml_node *node = c->root == NULL ? NULL : at_yaml_get(c->root, "name");

    if (given != NULL) {
        return given;
    }
    if (node != NULL && node->kind == AT_YAML_SCALAR && node->text.len > 0) {
        return (const char *)node->text.at;
    }
    return at_config_default_name(&c->arena, c->project_dir);
}

static int identify(struct at_config *c, const struct at_config_options *o, const struct files *f,
                    char *out_name)
{
    const char *name = o->name;
    int r;

    c->project_dir = at_arena_copy(&c->arena, at_bytes_of(f->dir));
    r = c->project_dir == NULL ? -ENOMEM : read_dotenv(c);
    if (r == 0 && name == NULL) {
        r = read_files(c, f);
        name = r == 0 ? name_in(c) : NULL;
    }
    if (r < 0 || name == NULL) {
        return r < 0 ? r : -ENOMEM;
    }
    if (!at_plan_is_name(at_bytes_of(name))) {
        return -EINVAL;
    }
    (void)snprintf(out_name, AT_PLAN_NAME_MAX + 1, "%s", name);
    return 0;
}

static int identify_with(const struct at_config_options *o, struct files *files, char *out_name,
                         char *out_dir)
{
    struct at_config_errors errors;
    struct at_config *c;
    int r = find_files(o, files);

    if (r != 0) {
        return r;
    }
    at_config_errors_init(&errors);
    c = new_config(o, &errors);
    r = c == NULL ? -ENOMEM : identify(c, o, files, out_name);
    if (r == 0) {
        (void)snprintf(out_dir, AT_PLAN_PATH_MAX + 1, "%s", c->project_dir);
    }
    (void)at_config_free(c);
    at_config_errors_deinit(&errors);
    return r;
}

int at_config_identify(const struct at_config_options *options, char *out_name, char *out_dir)
{
    struct files *files = malloc(sizeof(*files));
    int r = files == NULL ? -ENOMEM : identify_with(options, files, out_name, out_dir);

    free(files);
    return r;
}
