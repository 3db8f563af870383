/* atoll logs: what the services wrote, all instances merged in the order of time. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/poll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/env.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/logline.h"
#include "cli/logprint.h"
#include "cli/logset.h"
#include "cli/place.h"
#include "plan/limits.h"
#include "plan/plan.h"

enum { FOLLOW_TAIL = 10, NEAR_MAX = 512 };

static int read_when(struct at_cli *cli, const char *flag, uint64_t *ret)
{
    const char *value = at_cli_value(cli, flag);
    uint64_t now = at_env_wall_ns(at_env_real());

    if (value == NULL || at_logline_parse_when(at_bytes_of(value), now, ret)) {
        return 0;
    }
    return at_cli_fail(cli, AT_EXIT_USAGE,
                       "--%s: \"%s\" is neither a duration such as 10m nor a time such as "
                       "2026-01-31T12:00:00Z",
                       flag, value);
}

static int read_tail(struct at_cli *cli, struct at_logset_conf *conf)
{
    const char *value = at_cli_value(cli, "tail");
    uint64_t n;

    if (value == NULL) {
        conf->has_tail = conf->follow && conf->since_ns == 0;
        conf->tail = FOLLOW_TAIL;
        return 0;
    }
    if (strcmp(value, "all") == 0) {
        return 0;
    }
    if (!at_bytes_to_u64(at_bytes_of(value), &n) || n > AT_LOGSET_TAIL_MAX) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "--tail: \"%s\" is no number up to %d, nor \"all\"",
                           value, AT_LOGSET_TAIL_MAX);
    }
    conf->has_tail = true;
    conf->tail = (size_t)n;
    return 0;
}

static int read_flags(struct at_cli *cli, struct at_logset_conf *conf)
{
    conf->follow = at_cli_has(cli, "follow");
    if (conf->follow && cli->output == AT_OUTPUT_JSON) {
        return at_cli_fail(cli, AT_EXIT_USAGE,
                           "an array of lines that go on never ends; use --follow with -o jsonl");
    }
    conf->names = cli->words;
    conf->name_count = cli->word_count;
    int code = read_when(cli, "since", &conf->since_ns);

    if (code == 0) {
        code = read_when(cli, "until", &conf->until_ns);
    }
    return code == 0 ? read_tail(cli, conf) : code;
}

/* A service of the files that has not written yet has no log, and is no mistake. */
static bool is_configured(struct at_cli *cli, const char *word)
{
    struct at_config_options options = {.files = cli->files,
                                        .file_count = cli->file_count,
                                        .name = cli->project,
                                        .environ = (const char *const *)environ};
    struct at_config_errors errors;
    struct at_config *config = NULL;
    struct at_bytes name = at_bytes_of(word);
    bool found = false;

    at_config_errors_init(&errors);
    if (at_config_load(&options, &config, &errors) == 0) {
        const struct at_plan *plan = at_config_plan_view(config);

        found = at_plan_find(plan, name) >= 0 || at_plan_find(plan, at_logline_service(name)) >= 0;
    }
    at_config_free(config);
    at_config_errors_deinit(&errors);
    return found;
}

/* Every name must have a log, or be one of the configuration that may get one. */
static int check_names(struct at_cli *cli, const struct at_logset_conf *conf,
                       const struct at_logset *set)
{
    struct at_logset_conf all_conf = {.dir = conf->dir, .has_tail = true, .tail = 0};
    struct at_logset *all = NULL;
    const char *names[NEAR_MAX];
    size_t n = 0;

    for (size_t w = 0; w < cli->word_count; w++) {
        if (at_logset_has(set, cli->words[w]) || is_configured(cli, cli->words[w])) {
            continue;
        }
        if (at_logset_open(&all_conf, &all) == 0) {
            for (size_t i = 0; i < at_logset_count(all) && n < NEAR_MAX; i++) {
                names[n++] = at_logset_instance(all, i);
            }
        }
        const char *near = at_text_nearest(at_bytes_of(cli->words[w]), names, n);

        at_cli_fail(cli, AT_EXIT_UNKNOWN, "there is no log of \"%s\"%s%s%s", cli->words[w],
                    near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                    near == NULL ? "" : "\"?");
        at_logset_close(all);
        return AT_EXIT_UNKNOWN;
    }
    return 0;
}

static int follow(struct at_logprint *p, struct at_logset *set)
{
    struct pollfd fd = {.fd = at_logset_fd(set), .events = POLLIN};
    int r = 0;

    while (r == 0) {
        if (poll(&fd, 1, -1) < 0 && errno != EINTR) {
            return -errno;
        }
        r = at_logset_again(set);
        p->width = at_logset_width(set);
        if (r == 0) {
            r = at_logprint_all(p, set);
        }
    }
    return r;
}

static int show(struct at_cli *cli, const struct at_logset_conf *conf, struct at_logset *set)
{
    struct at_logprint p = {.cli = cli,
                            .prefix = !at_cli_has(cli, "no-prefix"),
                            .timestamps = at_cli_has(cli, "timestamps"),
                            .width = at_logset_width(set)};
    int r = at_logprint_all(&p, set);

    if (r == 0 && conf->follow) {
        r = follow(&p, set);
    }
    at_logprint_end(&p);
    if (r == 0 || r == -EPIPE) { /* `atoll logs | head` is no failure */
        return AT_EXIT_OK;
    }
    return at_cli_fail(cli, AT_EXIT_FAILURE, "the logs cannot be read: %s", strerror(-r));
}

int at_verb_logs(struct at_cli *cli)
{
    struct at_place place;
    char dir[AT_PLAN_PATH_MAX + 32];
    char daemon_dir[PATH_MAX];
    struct at_logset_conf conf = {.dir = dir, .daemon_dir = daemon_dir};
    struct at_logset *set = NULL;
    int code = at_place_find(cli, &place);

    if (code == 0) {
        code = read_flags(cli, &conf);
    }
    if (code != 0) {
        return code;
    }
    int r = at_place_logs(&place, dir, sizeof(dir));

    (void)snprintf(daemon_dir, sizeof(daemon_dir), "%.*s/.atoll", (int)sizeof(daemon_dir) - 8,
                   place.project_dir);
    if (r == 0) {
        r = at_logset_open(&conf, &set);
    }
    if (r == -ENOENT) {
        return at_cli_fail(cli, AT_EXIT_NOT_RUNNING, "%s has no logs yet; start it: atoll up",
                           place.system);
    }
    if (r < 0) {
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s: %s", dir, strerror(-r));
    }
    code = check_names(cli, &conf, set);
    if (code == 0) {
        code = show(cli, &conf, set);
    }
    at_logset_close(set);
    return code;
}
