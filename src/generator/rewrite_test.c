/*
 * For protoc_agrees_test.sh: reads a test.v1.Everything from stdin and writes it again to stdout.
 * Exit 0; 1: refused, why on stderr.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "everything.atoll.h"
#include "pb/codec.h"
#include "pb/fault.h"

enum { INPUT_MAX = 1 << 20, ARENA_MAX = 1 << 28 };

int main(void)
{
    static char in[INPUT_MAX];
    struct test_v1_Everything message;
    struct at_pb_fault fault = {0};
    struct at_arena arena;
    struct at_bytes out = {0};
    size_t len = fread(in, 1, sizeof(in), stdin);
    int r;

    at_arena_init(&arena, 4096, ARENA_MAX);
    r = at_pb_decode(&test_v1_Everything_desc, at_bytes_over(in, len), &arena, &message, &fault);
    if (r == 0) {
        r = at_pb_encode_in_arena(&test_v1_Everything_desc, &message, &arena, &out);
    }
    if (r != 0) {
        (void)fprintf(stderr, "%d %s\n", r, fault.what);
    } else if (fwrite(out.at, 1, out.len, stdout) != out.len) {
        r = 1;
    }
    at_arena_deinit(&arena);
    return r == 0 ? 0 : 1;
}
