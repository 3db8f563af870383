#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool trace_on; /* set once by main.c, before any thread starts */

void at_error_trace(bool on)
{
    trace_on = on;
}

int at_up_from(int r, const char *file, int line)
{
    if (trace_on && r < 0) {
        (void)fprintf(stderr, "%s:%d: passing up %d (%s)\n", file, line, r, strerrordesc_np(-r));
    }
    return r;
}

void at_diag_set(struct at_diag *d, const char *format, ...)
{
    va_list args;

    if (d == NULL) {
        return;
    }
    *d = (struct at_diag){0};
    va_start(args, format);
    (void)vsnprintf(d->what, sizeof(d->what), format, args);
    va_end(args);
}

void at_diag_hint(struct at_diag *d, const char *format, ...)
{
    va_list args;

    if (d == NULL) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(d->hint, sizeof(d->hint), format, args);
    va_end(args);
}

void at_diag_place(struct at_diag *d, const char *file, int line, int col)
{
    if (d == NULL) {
        return;
    }
    (void)snprintf(d->file, sizeof(d->file), "%s", file == NULL ? "" : file);
    d->line = line;
    d->col = col;
}
