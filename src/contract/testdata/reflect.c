/*
 * For interop tests: one answer of reflection. reflect SET < request > answer; without SET over
 * the contracts of reflection itself.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "contract/limits.h"
#include "contract/reflection.h"
#include "contract/set.h"

enum { REQUEST_MAX = 65536, FILE_MAX = 1 << 24 };

int main(int argc, char **argv)
{
    static uint8_t request[REQUEST_MAX];
    struct at_bytes bytes = at_reflection_own_set();
    struct at_bytes answer = {NULL, 0};
    struct at_diag diag = {.line = 0};
    struct at_reflection r;
    struct at_arena arena;
    struct at_set set;
    at_auto_free
    char *content = NULL;
    size_t len = 0;
    ssize_t n = read(STDIN_FILENO, request, sizeof(request));
    int result = n < 0 ? -1 : 0;

    at_arena_init(&arena, 1 << 16, AT_SET_MEMORY_MAX);
    if (argc > 1) {
        result = at_fd_read_file(AT_FDCWD, argv[1], FILE_MAX, &content, &len);
        bytes = at_bytes_over(content, len);
    }
    if (result == 0) {
        result = at_set_load(&arena, bytes, &set, &diag);
    }
    if (result == 0) {
        result = at_reflection_init(&r, &set, NULL, 0, &arena);
    }
    if (result == 0) {
        result = at_reflection_answer(&r, at_bytes_over(request, (size_t)n), &arena, &answer);
    }
    if (result == 0) {
        result = at_fd_write_all(STDOUT_FILENO, answer.at, answer.len);
    }
    at_arena_deinit(&arena);
    if (result != 0) {
        fprintf(stderr, "reflect: %d %s\n", result, diag.what);
    }
    return result == 0 ? 0 : 1;
}
