/* For the tests of the configuration: a project directory in /tmp, loaded and thrown away. */
#ifndef AT_CLI_CONFIG_FIXTURE_H
#define AT_CLI_CONFIG_FIXTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"
#include "cli/config.h"

struct project {
    char dir[64];
    char *names[16]; /* files to remove */
    size_t count;
    struct at_config_options options;
    struct at_config *config;
    struct at_config_errors errors;
    int result;
};

static inline void new_project(struct project *p)
{
    *p = (struct project){.dir = "/tmp/at-config-XXXXXX"};
    CHECK(mkdtemp(p->dir) != NULL);
    p->options.start_dir = p->dir;
    at_config_errors_init(&p->errors);
}

static inline void write_bytes(struct project *p, const char *name, struct at_bytes content)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", p->dir, name);
    CHECK_INT(at_fd_write_file(AT_FDCWD, path, content, 0644), 0);
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->names[i], path) == 0) {
            return;
        }
    }
    CHECK(p->count < 16);
    p->names[p->count++] = strdup(path);
}

static inline void write_text(struct project *p, const char *name, const char *content)
{
    write_bytes(p, name, at_bytes_of(content));
}

static inline int load(struct project *p)
{
    p->config = at_config_free(p->config);
    at_config_errors_deinit(&p->errors);
    at_config_errors_init(&p->errors);
    p->result = at_config_load(&p->options, &p->config, &p->errors);
    return p->result;
}

static inline int load_text(struct project *p, const char *yaml)
{
    write_text(p, "atoll.yaml", yaml);
    return load(p);
}

static inline void end_project(struct project *p)
{
    p->config = at_config_free(p->config);
    at_config_errors_deinit(&p->errors);
    for (size_t i = 0; i < p->count; i++) {
        unlink(p->names[i]);
        free(p->names[i]);
    }
    rmdir(p->dir);
}

/* The whole list, for a message when a test fails. */
static inline const char *all_errors(const struct project *p)
{
    static char room[8192];
    struct at_text text;

    at_text_init(&text);
    at_config_errors_print(&p->errors, &text);
    snprintf(room, sizeof(room), "%s", at_text_str(&text));
    at_text_deinit(&text);
    return room;
}

static inline const struct at_plan_service *service(const struct project *p, const char *name)
{
    const struct at_plan *plan;
    int i;

    ck_assert_msg(p->result == 0, "%d\n%s", p->result, all_errors(p));
    plan = at_config_plan_view(p->config);
    i = at_plan_find(plan, at_bytes_of(name));
    ck_assert_msg(i >= 0, "%s is not in the plan", name);
    return &plan->services[i];
}

#endif
