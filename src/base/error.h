/*
 * How rooms report trouble.
 *
 *   0          done
 *   negative   -errno: we cannot go on; pass it up unchanged (`return at_up(r);`)
 *   positive   a result named in the module's own enum, which the caller must handle
 *
 * A text for people is made once, where the facts are, as a struct at_diag; role and cli code
 * prints it.
 */
#ifndef AT_BASE_ERROR_H
#define AT_BASE_ERROR_H

#include <stdbool.h>

enum { AT_DIAG_FILE_MAX = 256, AT_DIAG_TEXT_MAX = 1024, AT_DIAG_HINT_MAX = 512 };

struct at_diag {
    char file[AT_DIAG_FILE_MAX]; /* empty when no file is meant */
    int line;                    /* from 1; 0: none */
    int col;                     /* from 1; 0: none */
    char what[AT_DIAG_TEXT_MAX]; /* what happened, where and why */
    char hint[AT_DIAG_HINT_MAX]; /* what to do next; may be empty */
};

/* Sets what (printf form) and clears the place and the hint. d may be NULL: then nothing. */
void at_diag_set(struct at_diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds the hint (printf form). */
void at_diag_hint(struct at_diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sets the place. file is truncated when too long. */
void at_diag_place(struct at_diag *d, const char *file, int line, int col);

/* Passes an error up; with tracing on (at_error_trace) leaves a line on stderr. */
int at_up_from(int r, const char *file, int line);
#define at_up(r) at_up_from((r), __FILE__, __LINE__)
/* Turned on by main.c from ATOLL_TRACE_ERRORS=1. */
void at_error_trace(bool on);

#endif
