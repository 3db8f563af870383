#include "traffic/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

bool http_init(struct http *h, const char *address, uint32_t timeout_ms)
{
    const char *colon = strrchr(address, ':');
    struct in_addr ignored;
    char *end;
    unsigned long port;

    h->fd = -1;
    h->have = 0;
    h->timeout_ms = timeout_ms;
    if (colon == NULL || (size_t)(colon - address) >= sizeof(h->host)) {
        return false;
    }
    memcpy(h->host, address, (size_t)(colon - address));
    h->host[colon - address] = '\0';
    port = strtoul(colon + 1, &end, 10);
    h->port = (uint16_t)port;
    return *end == '\0' && port > 0 && port <= UINT16_MAX &&
           inet_pton(AF_INET, h->host, &ignored) == 1;
}

void http_deinit(struct http *h)
{
    if (h->fd >= 0) {
        (void)close(h->fd);
    }
    h->fd = -1;
    h->have = 0;
}

static int connect_to(struct http *h)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(h->port)};
    struct timeval patience = {.tv_sec = h->timeout_ms / 1000,
                               .tv_usec = (long)(h->timeout_ms % 1000) * 1000};
    int one = 1;

    (void)inet_pton(AF_INET, h->host, &to.sin_addr);
    h->have = 0;
    h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (h->fd < 0) {
        return -errno;
    }
    (void)setsockopt(h->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(h->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return connect(h->fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : -errno;
}

static int send_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int send_request(struct http *h, const struct http_request *r)
{
    char head[2048];
    size_t body = r->body == NULL ? 0 : strlen(r->body);
    int n = snprintf(head, sizeof(head),
                     "%s %s HTTP/1.1\r\nHost: %s:%u\r\n%s%s%s%s%s%s%sContent-Length: %zu\r\n\r\n",
                     r->method, r->path, h->host, (unsigned)h->port,
                     r->user == NULL ? "" : "X-User-Id: ", r->user == NULL ? "" : r->user,
                     r->user == NULL ? "" : "\r\n",
                     r->key == NULL ? "" : "Idempotency-Key: ", r->key == NULL ? "" : r->key,
                     r->key == NULL ? "" : "\r\n",
                     body == 0 ? "" : "Content-Type: application/json\r\n", body);
    int e;

    if (n < 0 || (size_t)n >= sizeof(head)) {
        return -EMSGSIZE;
    }
    e = send_all(h->fd, head, (size_t)n);
    return e != 0 || body == 0 ? e : send_all(h->fd, r->body, body);
}

/* Reads more behind what is there. */
static int read_more(struct http *h)
{
    ssize_t n;

    if (h->have >= sizeof(h->buffer) - 1) {
        return -EMSGSIZE;
    }
    do {
        n = recv(h->fd, h->buffer + h->have, sizeof(h->buffer) - 1 - h->have, 0);
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        return -ECONNRESET;
    }
    if (n < 0) {
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    }
    h->have += (size_t)n;
    h->buffer[h->have] = '\0';
    return 0;
}

/* The value of a header in the NUL-terminated head; NULL: absent. */
static const char *find_header(const char *head, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            return line + 3 + len + strspn(line + 3 + len, " \t");
        }
    }
    return NULL;
}

/* The body is `length` bytes from `start`. */
static int read_plain(struct http *h, size_t start, size_t length, struct http_answer *ret)
{
    int r = 0;

    if (length > HTTP_BODY_MAX) {
        return -EMSGSIZE;
    }
    while (r == 0 && h->have < start + length) {
        r = read_more(h);
    }
    if (r != 0) {
        return r;
    }
    if (h->have != start + length) {
        return -EPROTO; /* bytes that nobody asked for */
    }
    ret->body = h->buffer + start;
    ret->length = length;
    h->have = 0;
    return 0;
}

/* Moves the chunks together at `start`. */
static int read_chunked(struct http *h, size_t start, struct http_answer *ret)
{
    size_t from = start;
    size_t to = start;

    for (;;) {
        char *line;
        char *end;
        size_t size;
        int r = 0;

        while (r == 0 && (h->have <= from || strstr(h->buffer + from, "\r\n") == NULL)) {
            r = read_more(h);
        }
        if (r != 0) {
            return r;
        }
        line = h->buffer + from;
        size = strtoul(line, &end, 16);
        if (end == line || size > HTTP_BODY_MAX) {
            return -EPROTO;
        }
        from = (size_t)(strstr(line, "\r\n") + 2 - h->buffer);
        while (r == 0 && h->have < from + size + 2) {
            r = read_more(h);
        }
        if (r != 0) {
            return r;
        }
        memmove(h->buffer + to, h->buffer + from, size);
        to += size;
        from += size + 2;
        if (size == 0) {
            break;
        }
    }
    h->buffer[to] = '\0';
    ret->body = h->buffer + start;
    ret->length = to - start;
    h->have = 0;
    return 0;
}

static int read_answer(struct http *h, struct http_answer *ret)
{
    const char *length;
    const char *coding;
    char *head_end = NULL;
    size_t start;
    int r = 0;

    while (r == 0 && (h->have == 0 || (head_end = strstr(h->buffer, "\r\n\r\n")) == NULL)) {
        r = h->have > HTTP_HEAD_MAX ? -EMSGSIZE : read_more(h);
    }
    if (r != 0) {
        return r;
    }
    start = (size_t)(head_end + 4 - h->buffer);
    head_end[2] = '\0';
    if (strncmp(h->buffer, "HTTP/1.1 ", 9) != 0) {
        return -EPROTO;
    }
    ret->status = (int)strtol(h->buffer + 9, NULL, 10);
    length = find_header(h->buffer, "content-length");
    coding = find_header(h->buffer, "transfer-encoding");
    if (coding != NULL) {
        return read_chunked(h, start, ret);
    }
    return length == NULL ? -EPROTO : read_plain(h, start, strtoul(length, NULL, 10), ret);
}

static bool says_close(const struct http *h)
{
    const char *connection = find_header(h->buffer, "connection");

    return connection != NULL && strncasecmp(connection, "close", 5) == 0;
}

int http_ask(struct http *h, const struct http_request *request, struct http_answer *ret)
{
    int r = h->fd < 0 ? connect_to(h) : 0;

    *ret = (struct http_answer){0};
    if (r == 0) {
        r = send_request(h, request);
    }
    if (r == 0) {
        r = read_answer(h, ret);
    }
    if (r != 0 || says_close(h)) {
        http_deinit(h);
    }
    return r;
}
