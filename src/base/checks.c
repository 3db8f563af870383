#include "base/checks.h"

#include <stdio.h>
#include <stdlib.h>

void at_check_failed(const char *file, int line, const char *function, const char *text)
{
    (void)fprintf(stderr, "%s:%d: %s: check failed: %s\n", file, line, function, text);
    abort();
}
