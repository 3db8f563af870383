/*
 * Our side of protobuf's conformance tests: answers the official runner over stdin and stdout.
 *
 *   testee pool|generated|library DESCRIPTOR_SET
 *
 * Each message stands behind its length as 4 bytes, little-endian; the end of stdin ends it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/arena.h"
#include "base/bytes.h"

enum { REQUEST_MAX = 64 << 20, ARENA_MAX = 256 << 20 };

/* 1: a request of *ret_len bytes; 0: the end; -1: cut off or too long. */
static int read_request(uint8_t *room, size_t *ret_len)
{
    uint8_t head[4];
    size_t n = fread(head, 1, sizeof(head), stdin);
    struct at_reader r = at_reader_over(head, n);
    size_t len = (size_t)at_read_le(&r, sizeof(head));

    if (n == 0) {
        return 0;
    }
    if (r.failed || len > REQUEST_MAX || fread(room, 1, len, stdin) != len) {
        return -1;
    }
    *ret_len = len;
    return 1;
}

static bool write_response(struct at_bytes response)
{
    uint8_t head[4];
    struct at_writer w = at_writer_over(head, sizeof(head));

    at_write_le(&w, response.len, sizeof(head));
    return fwrite(head, 1, sizeof(head), stdout) == sizeof(head) &&
           fwrite(response.at, 1, response.len, stdout) == response.len && fflush(stdout) == 0;
}

static int serve(struct answerer *a, uint8_t *room)
{
    struct at_arena arena;
    size_t len = 0;
    int r;

    at_arena_init(&arena, 65536, ARENA_MAX);
    while ((r = read_request(room, &len)) > 0) {
        struct at_bytes response;

        if (!answer_request(a, at_bytes_over(room, len), &arena, &response) ||
            !write_response(response)) {
            r = -1;
            break;
        }
        at_arena_reset(&arena);
    }
    at_arena_deinit(&arena);
    return r == 0 ? 0 : 1;
}

static bool find_tables(const char *name, enum tables *ret)
{
    static const char *const names[] = {[TABLES_OF_POOL] = "pool",
                                        [TABLES_GENERATED] = "generated",
                                        [TABLES_IN_LIBRARY] = "library"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum tables)i;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    enum tables tables;
    struct answerer a;
    uint8_t *room;
    int code;

    if (argc != 3 || !find_tables(argv[1], &tables)) {
        (void)fprintf(stderr, "usage: testee pool|generated|library DESCRIPTOR_SET\n");
        return 2;
    }
    if (!answerer_init(&a, tables, argv[2])) {
        return 2;
    }
    room = malloc(REQUEST_MAX);
    code = room != NULL ? serve(&a, room) : 2;
    free(room);
    answerer_deinit(&a);
    return code;
}
