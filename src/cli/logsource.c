#include "cli/logsource.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "cli/logline.h"
#include "cli/logset.h"

enum { FIRST_BUFFER = 16384, BLOCK = 16384, NONE = -1 };

int at_logsource_init(struct at_logsource *s, int dir, struct at_bytes instance)
{
    if (instance.len >= AT_LOGSOURCE_NAME_MAX) {
        return -ENAMETOOLONG;
    }
    *s = (struct at_logsource){.dir = dir, .file = -1, .dirty = true};
    memcpy(s->instance, instance.at, instance.len);
    s->instance[instance.len] = '\0';
    return 0;
}

void at_logsource_deinit(struct at_logsource *s)
{
    at_close(&s->file);
    free(s->buffer);
    s->buffer = NULL;
}

static void path_of(const struct at_logsource *s, int number, char *out, size_t cap)
{
    if (number == 0) {
        snprintf(out, cap, "%s.log", s->instance);
    } else {
        snprintf(out, cap, "%s.log.%d", s->instance, number);
    }
}

static int open_number(struct at_logsource *s, int number)
{
    char path[AT_LOGSOURCE_NAME_MAX + 16];
    struct stat st;

    path_of(s, number, path, sizeof(path));
    int fd = openat(s->dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        at_close(&fd);
        return -EINVAL;
    }
    at_close(&s->file);
    s->file = fd;
    s->inode = st.st_ino;
    return 0;
}

/* The highest number that exists, 0 for the file being written, NONE when there is none. */
static int oldest(const struct at_logsource *s)
{
    char path[AT_LOGSOURCE_NAME_MAX + 16];

    for (int n = AT_LOGSET_FILES_MAX; n >= 0; n--) {
        path_of(s, n, path, sizeof(path));
        if (faccessat(s->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            return n;
        }
    }
    return NONE;
}

/* Which number the open file has by now; NONE when it was removed. */
static int number_of_open(const struct at_logsource *s)
{
    char path[AT_LOGSOURCE_NAME_MAX + 16];
    struct stat st;

    for (int n = 0; n <= AT_LOGSET_FILES_MAX; n++) {
        path_of(s, n, path, sizeof(path));
        if (fstatat(s->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == s->inode) {
            return n;
        }
    }
    return NONE;
}

/* Room for more bytes behind s->end. */
static int make_room(struct at_logsource *s)
{
    if (s->start > 0) {
        memmove(s->buffer, s->buffer + s->start, s->end - s->start);
        s->end -= s->start;
        s->start = 0;
    }
    if (s->end < s->cap) {
        return 0;
    }
    size_t cap = s->cap == 0 ? FIRST_BUFFER : s->cap * 2;
    char *buffer = realloc(s->buffer, cap);

    if (buffer == NULL) {
        return -ENOMEM;
    }
    s->buffer = buffer;
    s->cap = cap;
    return 0;
}

/* Bytes read, 0 at the end of the open file. */
static ssize_t read_more(struct at_logsource *s)
{
    int r = make_room(s);

    if (r < 0) {
        return r;
    }
    for (;;) {
        ssize_t n = read(s->file, s->buffer + s->end, s->cap - s->end);
        if (n >= 0) {
            s->end += (size_t)n;
            return n;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

/*
 * At the end of the open file: steps to the next newer one when it was rotated. A file that is not
 * the newest any more gets no more bytes, so one more read after knowing that is the last word.
 * Bytes read or 1 for a new file; 0: this is the newest and has no more.
 */
static ssize_t advance(struct at_logsource *s)
{
    int number = number_of_open(s);

    if (number == 0) {
        return 0;
    }
    ssize_t n = read_more(s);
    if (n != 0) {
        return n;
    }
    if (s->end > s->start) { /* a torn last line: the next file does not continue it */
        int room = make_room(s);
        if (room < 0) {
            return room;
        }
        s->buffer[s->end++] = '\n';
    }
    int r = open_number(s, number == NONE ? oldest(s) : number - 1);

    /* Rotated once more while we looked: the next look finds it. */
    return r == 0 ? 1 : r == -ENOENT || r == -EINVAL ? 0 : r;
}

/* Parses the line at the front of the buffer. text_len is without, line_len with its end. */
static void take_line(struct at_logsource *s, size_t text_len, size_t line_len)
{
    at_logline_parse(at_bytes_over(s->buffer + s->start, text_len), &s->line);
    if (s->line.wall_ns < s->last_ns) {
        s->line.wall_ns = s->last_ns;
    }
    s->last_ns = s->line.wall_ns;
    s->line_len = line_len;
    s->has = true;
}

static bool find_line(struct at_logsource *s)
{
    struct at_bytes held;
    size_t n;

    if (s->start == s->end) {
        return s->has; /* there may be no buffer yet */
    }
    held = at_bytes_over(s->buffer + s->start, s->end - s->start);
    n = at_bytes_index(held, '\n');
    if (n < held.len) {
        take_line(s, n, n + 1);
    } else if (held.len >= AT_LOGSET_LINE_MAX) {
        take_line(s, held.len, held.len);
    }
    return s->has;
}

int at_logsource_fill(struct at_logsource *s, bool final)
{
    if (s->has) {
        return 1;
    }
    if (s->file < 0) {
        int first = oldest(s);
        int r = first == NONE ? -ENOENT : open_number(s, first);
        if (r < 0) {
            s->dirty = false;
            return r == -ENOENT || r == -EINVAL ? 0 : r;
        }
    }
    while (!find_line(s)) {
        ssize_t n = s->dirty ? read_more(s) : 0;
        if (n == 0 && s->dirty) {
            n = advance(s);
        }
        if (n < 0) {
            return (int)n;
        }
        if (n == 0) {
            s->dirty = false;
            if (final && s->end > s->start) {
                take_line(s, s->end - s->start, s->end - s->start);
                return 1;
            }
            return 0;
        }
    }
    return 1;
}

void at_logsource_consume(struct at_logsource *s)
{
    if (s->has) {
        s->start += s->line_len;
        s->has = false;
    }
}

/*
 * How many bytes at the end of the open file hold its last *lines lines; takes those it found off
 * *lines.
 */
static int count_back(const struct at_logsource *s, char *block, size_t *lines, off_t *ret_at)
{
    struct stat st;
    bool first = true;

    if (fstat(s->file, &st) < 0) {
        return -errno;
    }
    off_t at = st.st_size;
    while (at > 0) {
        size_t len = at < BLOCK ? (size_t)at : BLOCK;
        ssize_t n = pread(s->file, block, len, at - (off_t)len);
        if (n != (ssize_t)len) {
            return n < 0 ? -errno : -EIO;
        }
        for (size_t i = len; i > 0; i--) {
            bool is_end = block[i - 1] == '\n' && !first;
            first = false;
            if (is_end && --*lines == 0) {
                *ret_at = at - (off_t)len + (off_t)i;
                return 0;
            }
        }
        at -= (off_t)len;
    }
    if (st.st_size > 0) {
        --*lines;
    }
    *ret_at = 0;
    return 0;
}

int at_logsource_seek_tail(struct at_logsource *s, size_t n)
{
    char block[BLOCK];
    size_t lines = n;
    off_t at = 0;
    int r = open_number(s, 0);

    if (r == 0 && n == 0) {
        return lseek(s->file, 0, SEEK_END) < 0 ? -errno : 0;
    }
    for (int number = 0; r == 0; number++) {
        r = count_back(s, block, &lines, &at);
        if (r == 0 &&
            (lines == 0 || number == AT_LOGSET_FILES_MAX || open_number(s, number + 1) < 0)) {
            return lseek(s->file, at, SEEK_SET) < 0 ? -errno : 0;
        }
    }
    return r == -ENOENT || r == -EINVAL ? 0 : r;
}
