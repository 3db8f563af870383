/* atoll: the operator's command. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"

/* `up` takes the signal itself; every other verb has nothing to put away. */
static void on_interrupt(int signal)
{
    (void)signal;
    _exit(AT_EXIT_INTERRUPTED);
}

/* A pipe without a reader says POLLERR. */
static bool reader_is_gone(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

/* A full disk is a failure; a reader that went away (`atoll logs | head`) is none. */
static int flush_data(struct at_cli *cli, int code)
{
    errno = 0;
    bool lost = fflush(stdout) != 0;
    int error = errno;

    if ((!lost && !ferror(stdout)) || code != 0 || reader_is_gone()) {
        return code; /* a verb that failed has said why */
    }
    return at_cli_fail(cli, AT_EXIT_FAILURE, "stdout: %s",
                       error == 0 ? "not everything could be written" : strerror(error));
}

int main(int argc, char **argv)
{
    static struct at_cli cli;
    const char *trace = getenv("ATOLL_TRACE_ERRORS");

    (void)setlocale(LC_CTYPE, "C.UTF-8");
    at_error_trace(trace != NULL && strcmp(trace, "1") == 0);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, on_interrupt);
    cli.out = stdout;
    cli.err = stderr;
    cli.out_is_tty = isatty(STDOUT_FILENO) == 1;
    cli.err_is_tty = isatty(STDERR_FILENO) == 1;

    int code = at_cli_parse(&cli, argc, argv);
    if (code == 0) {
        code = cli.verb->run(&cli);
    }
    at_cli_finish(&cli, code);
    return flush_data(&cli, code);
}
