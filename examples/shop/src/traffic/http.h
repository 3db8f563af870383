/*
 * A small HTTP/1.1 client: one keep-alive connection, one request at a time, plain sockets. It
 * never repeats anything by itself.
 */
#ifndef SHOP_TRAFFIC_HTTP_H
#define SHOP_TRAFFIC_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_BODY_MAX = 256 * 1024, /* more than any answer of the shop */
    HTTP_HEAD_MAX = 8 * 1024,
};

struct http {
    char host[64];
    uint16_t port;
    uint32_t timeout_ms; /* for one answer */
    int fd;              /* -1: not connected */
    size_t have;         /* bytes in buffer that were read and not used */
    char buffer[HTTP_HEAD_MAX + HTTP_BODY_MAX];
};

struct http_request {
    const char *method;
    const char *path;
    const char *user; /* X-User-Id; NULL: none */
    const char *key;  /* Idempotency-Key; NULL: none */
    const char *body; /* JSON; NULL: none */
};

struct http_answer {
    int status; /* 100 to 599 */
    char *body; /* NUL-terminated; lives until the next request */
    size_t length;
};

/* "127.0.0.1:8080". false: not an address with a port. */
bool http_init(struct http *h, const char *address, uint32_t timeout_ms);
void http_deinit(struct http *h);
/* 0, or -errno when no whole answer came (-EPROTO: not HTTP); then the connection is closed. */
int http_ask(struct http *h, const struct http_request *request, struct http_answer *ret);

#endif
