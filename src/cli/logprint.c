#include "cli/logprint.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/logline.h"
#include "cli/logset.h"
#include "pb/json.h"

/* The same service always has the same colour. */
static const char *colour_of(struct at_bytes instance)
{
    static const char *const colours[] = {"36", "33", "32", "35", "34",
                                          "96", "93", "92", "95", "94"};
    uint64_t hash = at_bytes_hash(at_logline_service(instance), 0);

    return colours[hash % (sizeof(colours) / sizeof(colours[0]))];
}

static void add_json(struct at_text *out, const struct at_logset_line *l)
{
    struct at_json_writer j;
    char when[40];

    at_json_writer_init(&j, out, 0);
    at_json_begin_object(&j);
    at_json_key(&j, "time");
    if (l->line.wall_ns == 0) {
        at_json_null(&j);
    } else {
        at_time_format(l->line.wall_ns, when, sizeof(when));
        at_json_str(&j, when);
    }
    at_json_key(&j, "service");
    at_json_string(&j, at_logline_service(l->instance));
    at_json_key(&j, "instance");
    at_json_string(&j, l->instance);
    at_json_key(&j, "stream");
    at_json_string(&j, l->line.stream);
    at_json_key(&j, "text");
    at_json_string(&j, l->line.text);
    at_json_key(&j, "goes_on");
    at_json_bool(&j, l->line.goes_on);
    at_json_end_object(&j);
}

static void add_plain(struct at_text *out, const struct at_logprint *p,
                      const struct at_logset_line *l)
{
    bool colour = p->cli->out_colour;
    char when[40];

    if (p->prefix) {
        at_text_addf(out, "%s%s%s%-*.*s |%s ", colour ? "\033[" : "",
                     colour ? colour_of(l->instance) : "", colour ? "m" : "", (int)p->width,
                     (int)l->instance.len, (const char *)l->instance.at, colour ? "\033[0m" : "");
    }
    if (p->timestamps && l->line.wall_ns != 0) {
        at_time_format(l->line.wall_ns, when, sizeof(when));
        at_text_addf(out, "%s ", when);
    }
    at_text_add_visible(out, l->line.text);
    at_text_add_str(out, l->line.goes_on ? "\xe2\x80\xa6" : "");
}

int at_logprint_line(struct at_logprint *p, const struct at_logset_line *line)
{
    struct at_text text;
    int r = 0;

    at_text_init(&text);
    if (p->cli->output == AT_OUTPUT_TABLE) {
        add_plain(&text, p, line);
    } else {
        if (p->cli->output == AT_OUTPUT_JSON) {
            at_text_add_str(&text, p->is_open ? "," : "[");
            p->is_open = true;
            p->cli->has_data = true;
        }
        add_json(&text, line);
    }
    at_text_add_char(&text, '\n');
    if (text.failed) {
        r = -ENOMEM;
    } else if (fputs(at_text_str(&text), p->cli->out) < 0) {
        r = -errno;
    }
    at_text_deinit(&text);
    return r;
}

int at_logprint_all(struct at_logprint *p, struct at_logset *set)
{
    struct at_logset_line line;
    int r;

    while ((r = at_logset_next(set, &line)) > 0) {
        r = at_logprint_line(p, &line);
        if (r < 0) {
            return r;
        }
    }
    if (r == 0 && fflush(p->cli->out) != 0) {
        r = -errno;
    }
    return r;
}

void at_logprint_end(struct at_logprint *p)
{
    if (p->cli->output == AT_OUTPUT_JSON) {
        (void)fputs(p->is_open ? "]\n" : "[]\n", p->cli->out);
        p->cli->has_data = true;
    }
}
