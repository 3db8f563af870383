#include "roles/gateway/access.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "roles/gateway/limits.h"

enum { LINE_ROOM = 4096, PIECE_BYTES = 4096 }; /* Linux PIPE_BUF: written as one or not at all */

void at_access_init(struct at_access *a, int fd)
{
    struct stat st;

    a->fd = fd;
    a->dropped = 0;
    a->len = 0;
    a->stamp_ms = 0;
    if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
        (void)at_fd_set_nonblocking(fd, 1);
    }
}

/* The line is built without printf: it is made for every request. */
static void add(struct at_writer *w, const char *s)
{
    at_write_bytes(w, at_bytes_of(s));
}

static void add_number(struct at_writer *w, const char *key, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    add(w, key);
    at_write_bytes(w, at_bytes_over(digits + at, sizeof(digits) - at));
}

static int is_plain(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

/* Foreign text: quoted when needed, without control characters, cut. */
static void add_text(struct at_writer *w, const char *key, struct at_bytes b)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = b.len < AT_GATEWAY_LOG_TEXT_MAX ? b.len : AT_GATEWAY_LOG_TEXT_MAX;
    size_t plain = 0;

    while (plain < n && is_plain(b.at[plain])) {
        plain++;
    }
    add(w, key);
    if (plain == n && n > 0) {
        at_write_bytes(w, at_bytes_before(b, n));
        return;
    }
    add(w, "\"");
    for (size_t i = 0; i < n; i++) {
        uint8_t c = b.at[i];

        if (c == '"' || c == '\\') {
            uint8_t pair[2] = {'\\', c};

            at_write_bytes(w, at_bytes_over(pair, 2));
        } else if (c < ' ' || c >= 0x7f) {
            uint8_t hex[4] = {'\\', 'x', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};

            at_write_bytes(w, at_bytes_over(hex, 4));
        } else {
            at_write_bytes(w, at_bytes_over(&c, 1));
        }
    }
    add(w, "\"");
}

static const char *stamp_of(struct at_access *a, uint64_t wall_ns)
{
    uint64_t ms = wall_ns / AT_MILLISECOND_NS;

    if (ms != a->stamp_ms) {
        a->stamp_ms = ms;
        at_time_format(wall_ns, a->stamp, sizeof(a->stamp));
    }
    return a->stamp;
}

void at_access_add(struct at_access *a, const struct at_access_entry *e)
{
    struct at_writer w;

    if (sizeof(a->lines) - a->len < LINE_ROOM) {
        at_access_flush(a);
    }
    w = at_writer_over(a->lines + a->len, sizeof(a->lines) - a->len);
    add(&w, "time=");
    add(&w, stamp_of(a, e->wall_ns));
    add(&w, e->status < 500 ? " level=info" : " level=warn");
    add(&w, " role=door msg=request");
    add_text(&w, " method=", e->method);
    add_text(&w, " path=", e->path);
    add_number(&w, " status=", e->status);
    add(&w, " code=");
    add(&w, e->code);
    if (e->rpc.len > 0) {
        add_text(&w, " rpc=", e->rpc);
    }
    add_number(&w, " us=", e->took_ns / AT_MICROSECOND_NS);
    add_number(&w, " in=", e->bytes_in);
    add_number(&w, " out=", e->bytes_out);
    add_text(&w, " trace_id=", e->trace_id);
    if (e->request_id.len > 0 && !at_bytes_equal(e->request_id, e->trace_id)) {
        add_text(&w, " request_id=", e->request_id);
    }
    if (e->client.len > 0) {
        add_text(&w, " client=", e->client);
    }
    if (e->why.len > 0) {
        add_text(&w, " why=", e->why);
    }
    if (a->dropped > 0) {
        add_number(&w, " lines_dropped_before=", a->dropped);
    }
    add(&w, "\n");
    if (w.failed) {
        a->dropped++;
        return;
    }
    a->dropped = 0;
    a->len += w.len;
}

/* As many whole lines as a pipe takes or refuses together: none is torn. */
static size_t next_piece(const struct at_access *a, size_t from)
{
    size_t n = a->len - from < PIECE_BYTES ? a->len - from : PIECE_BYTES;

    while (n > 1 && a->lines[from + n - 1] != '\n') {
        n--;
    }
    return n;
}

void at_access_flush(struct at_access *a)
{
    size_t from = 0;

    while (from < a->len) {
        size_t n = next_piece(a, from);

        if (write(a->fd, a->lines + from, n) < 0) {
            break;
        }
        from += n;
    }
    for (; from < a->len; from++) {
        a->dropped += a->lines[from] == '\n';
    }
    a->len = 0;
}
