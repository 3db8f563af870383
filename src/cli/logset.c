#include "cli/logset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "cli/logline.h"
#include "cli/logsource.h"

/* A line that --tail keeps until it is known to be among the last. */
struct kept {
    char *text; /* owned */
    size_t len;
    size_t source;
};

struct at_logset {
    int dir;
    int daemon_dir; /* -1: none */
    int watch;      /* inotify; -1 without follow */
    struct at_logset_conf conf;
    struct at_logsource *sources;
    size_t count;
    size_t cap;
    size_t current;    /* source whose line was given last; SIZE_MAX: none */
    bool has_unseen;   /* the first reading is over: new sources start at their beginning */
    struct kept *ring; /* the last `tail` lines, ring_next is the oldest */
    size_t ring_cap;
    size_t ring_len;
    size_t ring_at;
    struct kept given; /* the kept line that was given last */
};

/* Without names every instance is; a log without a number (atolld.log) only by its name. */
static bool is_wanted(const struct at_logset *set, struct at_bytes instance)
{
    struct at_bytes service = at_logline_service(instance);

    for (size_t i = 0; i < set->conf.name_count; i++) {
        struct at_bytes name = at_bytes_of(set->conf.names[i]);

        if (at_bytes_equal(name, instance) || at_bytes_equal(name, service)) {
            return true;
        }
    }
    return set->conf.name_count == 0 && at_bytes_index(instance, '.') < instance.len;
}

static bool is_known(const struct at_logset *set, struct at_bytes instance)
{
    for (size_t i = 0; i < set->count; i++) {
        if (at_bytes_equal(at_bytes_of(set->sources[i].instance), instance)) {
            return true;
        }
    }
    return false;
}

static int add_source(struct at_logset *set, int dir, struct at_bytes instance)
{
    if (set->count == set->cap) {
        size_t cap = set->cap == 0 ? 16 : set->cap * 2;
        struct at_logsource *sources = realloc(set->sources, cap * sizeof(*sources));

        if (sources == NULL) {
            return -ENOMEM;
        }
        set->sources = sources;
        set->cap = cap;
    }
    struct at_logsource *s = &set->sources[set->count];
    int r = at_logsource_init(s, dir, instance);

    if (r == -ENAMETOOLONG) {
        return 0; /* no instance has such a name */
    }
    if (r == 0 && set->conf.has_tail && !set->has_unseen) {
        r = at_logsource_seek_tail(s, set->conf.tail);
        if (r < 0) {
            at_logsource_deinit(s);
            return r;
        }
    }
    set->count++;
    return r;
}

/* A log of that name among those of the services is not the daemon's: telemetry owns these. */
static bool belongs(const struct at_logset *set, int dir, struct at_bytes instance)
{
    return at_bytes_equal(instance, AT_LIT("atolld")) == (dir == set->daemon_dir);
}

static int scan_dir(struct at_logset *set, int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    int r = 0;

    if (d == NULL) {
        r = -errno;
        at_close(&fd);
        return r;
    }
    while (r == 0 && (e = readdir(d)) != NULL) {
        struct at_bytes instance;
        uint32_t number;

        if (set->count < AT_LOGSET_SOURCES_MAX &&
            at_logline_parse_file(at_bytes_of(e->d_name), &instance, &number) &&
            belongs(set, dir, instance) && is_wanted(set, instance) && !is_known(set, instance)) {
            r = add_source(set, dir, instance);
        }
    }
    closedir(d);
    return r;
}

static int scan(struct at_logset *set)
{
    int r = scan_dir(set, set->dir);

    return r == 0 && set->daemon_dir >= 0 ? scan_dir(set, set->daemon_dir) : r;
}

/* 1: *ret; 0: no source has a line now. */
static int merge(struct at_logset *set, struct at_logset_line *ret)
{
    size_t best = SIZE_MAX;

    if (set->current != SIZE_MAX) {
        at_logsource_consume(&set->sources[set->current]);
        set->current = SIZE_MAX;
    }
    for (size_t i = 0; i < set->count; i++) {
        int r = at_logsource_fill(&set->sources[i], !set->conf.follow);
        if (r < 0) {
            return r;
        }
        if (r > 0 &&
            (best == SIZE_MAX || set->sources[i].line.wall_ns < set->sources[best].line.wall_ns)) {
            best = i;
        }
    }
    if (best == SIZE_MAX) {
        return 0;
    }
    set->current = best;
    ret->line = set->sources[best].line;
    ret->instance = at_bytes_of(set->sources[best].instance);
    return 1;
}

static int merge_within(struct at_logset *set, struct at_logset_line *ret)
{
    for (;;) {
        int r = merge(set, ret);
        if (r <= 0) {
            return r;
        }
        uint64_t wall = ret->line.wall_ns;
        if (wall >= set->conf.since_ns && (set->conf.until_ns == 0 || wall < set->conf.until_ns)) {
            return 1;
        }
    }
}

/* The whole line as it stands in the file, so that it can be parsed again. */
static int keep(struct at_logset *set)
{
    const struct at_logsource *s = &set->sources[set->current];
    struct kept *k = &set->ring[set->ring_at];
    char *text = malloc(s->line_len + 1);

    if (text == NULL) {
        return -ENOMEM;
    }
    size_t len = s->line_len;
    memcpy(text, s->buffer + s->start, len);
    if (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    free(k->text);
    *k = (struct kept){.text = text, .len = len, .source = set->current};
    set->ring_at = (set->ring_at + 1) % set->ring_cap;
    set->ring_len += set->ring_len < set->ring_cap ? 1 : 0;
    return 0;
}

static int read_tail(struct at_logset *set)
{
    struct at_logset_line line;
    int r = 1;

    set->ring_cap = set->conf.tail;
    if (set->ring_cap == 0) {
        return 0;
    }
    set->ring = calloc(set->ring_cap, sizeof(*set->ring));
    if (set->ring == NULL) {
        return -ENOMEM;
    }
    while (r > 0) {
        r = merge_within(set, &line);
        if (r > 0) {
            int kept = keep(set);
            r = kept < 0 ? kept : r;
        }
    }
    return r;
}

static int watch(struct at_logset *set, const struct at_logset_conf *conf)
{
    const uint32_t events = IN_MODIFY | IN_CREATE | IN_MOVED_TO;

    set->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (set->watch < 0) {
        return -errno;
    }
    if (inotify_add_watch(set->watch, conf->dir, events) < 0) {
        return -errno;
    }
    return set->daemon_dir >= 0 && inotify_add_watch(set->watch, conf->daemon_dir, events) < 0
               ? -errno
               : 0;
}

int at_logset_open(const struct at_logset_conf *conf, struct at_logset **ret)
{
    struct at_logset *set = calloc(1, sizeof(*set));
    int r = 0;

    if (set == NULL) {
        return -ENOMEM;
    }
    set->conf = *conf;
    set->conf.tail = conf->tail > AT_LOGSET_TAIL_MAX ? AT_LOGSET_TAIL_MAX : conf->tail;
    set->watch = -1;
    set->current = SIZE_MAX;
    set->daemon_dir =
        conf->daemon_dir == NULL ? -1 : open(conf->daemon_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    set->dir = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (set->dir < 0) {
        r = -errno;
    } else if (conf->follow) {
        r = watch(set, conf); /* before the first look, so that nothing falls between */
    }
    if (r == 0) {
        r = scan(set);
    }
    set->has_unseen = true;
    if (r == 0 && conf->has_tail) {
        r = read_tail(set);
    }
    if (r < 0) {
        at_logset_close(set);
        return r;
    }
    *ret = set;
    return 0;
}

struct at_logset *at_logset_close(struct at_logset *set)
{
    if (set == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < set->count; i++) {
        at_logsource_deinit(&set->sources[i]);
    }
    for (size_t i = 0; set->ring != NULL && i < set->ring_cap; i++) {
        free(set->ring[i].text);
    }
    free(set->given.text);
    free(set->ring);
    free(set->sources);
    at_close(&set->dir);
    at_close(&set->daemon_dir);
    at_close(&set->watch);
    free(set);
    return NULL;
}

static void give_kept(struct at_logset *set, struct at_logset_line *ret)
{
    size_t oldest = (set->ring_at + set->ring_cap - set->ring_len) % set->ring_cap;

    free(set->given.text);
    set->given = set->ring[oldest];
    set->ring[oldest].text = NULL;
    set->ring_len--;
    at_logline_parse(at_bytes_over(set->given.text, set->given.len), &ret->line);
    ret->instance = at_bytes_of(set->sources[set->given.source].instance);
}

int at_logset_next(struct at_logset *set, struct at_logset_line *ret)
{
    if (set->ring_len > 0) {
        give_kept(set, ret);
        return 1;
    }
    return merge_within(set, ret);
}

int at_logset_fd(const struct at_logset *set)
{
    return set->watch;
}

int at_logset_again(struct at_logset *set)
{
    char events[4096];

    /* What happened does not matter: every source is looked at again. */
    while (set->watch >= 0 && read(set->watch, events, sizeof(events)) > 0) {
    }
    for (size_t i = 0; i < set->count; i++) {
        set->sources[i].dirty = true;
    }
    return scan(set);
}

size_t at_logset_count(const struct at_logset *set)
{
    return set->count;
}

bool at_logset_has(const struct at_logset *set, const char *name)
{
    struct at_bytes wanted = at_bytes_of(name);

    for (size_t i = 0; i < set->count; i++) {
        struct at_bytes instance = at_bytes_of(set->sources[i].instance);

        if (at_bytes_equal(wanted, instance) ||
            at_bytes_equal(wanted, at_logline_service(instance))) {
            return true;
        }
    }
    return false;
}

const char *at_logset_instance(const struct at_logset *set, size_t i)
{
    return i < set->count ? set->sources[i].instance : NULL;
}

size_t at_logset_width(const struct at_logset *set)
{
    size_t width = 0;

    for (size_t i = 0; i < set->count; i++) {
        size_t len = strlen(set->sources[i].instance);
        width = len > width ? len : width;
    }
    return width;
}
