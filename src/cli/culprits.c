#include "cli/culprits.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/logset.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "plan/limits.h"

enum {
    LINES_SHOWN = 10, /* different ones */
    LINES_READ = 1000 /* among the last so many */
};

/* ---- the last lines ---- */

struct words {
    struct at_text text;
    unsigned times;
};

struct last_words {
    struct words at[LINES_SHOWN]; /* in the order in which each came last */
    size_t count;
};

static void remove_first(struct last_words *w, size_t i)
{
    w->count--;
    memmove(&w->at[i], &w->at[i + 1], (w->count - i) * sizeof(w->at[0]));
}

/* A service that died three times said the same three times. */
static void add_line(struct last_words *w, struct at_bytes line)
{
    struct words new = {.times = 1};

    at_text_init(&new.text);
    at_text_add_visible(&new.text, line);
    for (size_t i = 0; i < w->count; i++) {
        if (strcmp(at_text_str(&w->at[i].text), at_text_str(&new.text)) == 0) {
            new.times += w->at[i].times;
            at_text_deinit(&w->at[i].text);
            remove_first(w, i);
            break;
        }
    }
    if (w->count == LINES_SHOWN) {
        at_text_deinit(&w->at[0].text);
        remove_first(w, 0);
    }
    w->at[w->count++] = new;
}

static void print_lines(struct at_cli *cli, struct last_words *w)
{
    for (size_t i = 0; i < w->count; i++) {
        fprintf(cli->err, "    | %s", at_text_str(&w->at[i].text));
        if (w->at[i].times > 1) {
            fprintf(cli->err, "  (%u times)", w->at[i].times);
        }
        (void)fputc('\n', cli->err);
        at_text_deinit(&w->at[i].text);
    }
    if (w->count == 0) {
        (void)fputs("    (it wrote nothing)\n", cli->err);
    }
}

/* For programs each is a problem of its own. */
static void note_lines(struct at_cli *cli, const char *instance, const struct last_words *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct at_cli_problem problem = {.line = 0};

        (void)snprintf(problem.message, sizeof(problem.message), "%s wrote: %.400s", instance,
                       at_text_str(&w->at[i].text));
        at_cli_note(cli, &problem);
    }
}

/* What an instance wrote in this run. */
static void show_last_lines(const struct at_culprits *c, const char *instance)
{
    char dir[AT_PLAN_PATH_MAX + 32];
    const char *names[] = {instance};
    struct at_logset_conf conf = {.dir = dir,
                                  .names = names,
                                  .name_count = 1,
                                  .since_ns = c->since_ns,
                                  .has_tail = true,
                                  .tail = LINES_READ};
    struct at_logset *set = NULL;
    struct at_logset_line line;
    struct last_words words = {.count = 0};

    if (at_place_logs(c->place, dir, sizeof(dir)) != 0 || at_logset_open(&conf, &set) != 0) {
        return;
    }
    while (at_logset_next(set, &line) > 0) {
        add_line(&words, line.line.text);
    }
    fprintf(c->cli->err, "The last lines of %s:\n", instance);
    note_lines(c->cli, instance, &words);
    print_lines(c->cli, &words);
    at_logset_close(set);
}

/* ---- the cause ---- */

/* Whether it was given up on ("; not started again: …") makes no other cause of it. */
static struct at_bytes cause_of(const struct at_progress_row *row)
{
    const char *cause = at_progress_cause(row);
    const char *end = strstr(cause, "; not started again");

    return end == NULL ? at_bytes_of(cause) : at_bytes_over(cause, (size_t)(end - cause));
}

static bool is_same(const struct at_progress_row *a, const struct at_progress_row *b)
{
    return b->is_culprit && strcmp(a->service, b->service) == 0 &&
           at_bytes_equal(cause_of(a), cause_of(b));
}

/* Is it the first of its kind? Then also the last one, and how many there are. */
static bool is_first(const struct at_progress *p, size_t i, const struct at_progress_row **ret_last,
                     size_t *ret_count)
{
    *ret_count = 0;
    for (size_t k = 0; k < p->count; k++) {
        if (!is_same(&p->rows[i], &p->rows[k])) {
            continue;
        }
        if (k < i) {
            return false;
        }
        *ret_last = &p->rows[k];
        ++*ret_count;
    }
    return true;
}

static void show_cause(const struct at_culprits *c, const struct at_progress_row *row,
                       const struct at_progress_row *last, size_t count)
{
    struct at_bytes cause = cause_of(row);
    char who[3 * AT_PROGRESS_NAME_MAX];

    if (count == 1 && row->reason[0] != '\0' && strstr(c->verdict, row->reason) != NULL) {
        return;
    }
    if (count == 1) {
        snprintf(who, sizeof(who), "%s", row->instance);
    } else {
        snprintf(who, sizeof(who), "%s \xe2\x80\xa6 %s (%zu instances)", row->instance,
                 last->instance, count);
    }
    if (cause.len == 0) {
        cause = at_bytes_of("did not become ready");
    }
    struct at_cli_problem problem = {.line = 0};

    (void)snprintf(problem.message, sizeof(problem.message), "%s: %.*s", who, (int)cause.len,
                   (const char *)cause.at);
    at_cli_note(c->cli, &problem);
    fprintf(c->cli->err, "%s\n", problem.message);
}

/* Of a service that fails in several ways the lines of the first instance do. */
static bool is_first_of_service(const struct at_progress *p, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (p->rows[k].is_culprit && strcmp(p->rows[k].service, p->rows[i].service) == 0) {
            return false;
        }
    }
    return true;
}

void at_culprits_show(const struct at_culprits *c)
{
    const struct at_progress *p = c->progress;

    for (size_t i = 0; i < p->count; i++) {
        const struct at_progress_row *last = NULL;
        size_t count;

        if (!p->rows[i].is_culprit || !is_first(p, i, &last, &count)) {
            continue;
        }
        show_cause(c, &p->rows[i], last, count);
        if (is_first_of_service(p, i)) {
            show_last_lines(c, p->rows[i].instance);
        }
    }
}
