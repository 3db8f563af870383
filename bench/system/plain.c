/* The same service without libatoll: what an idle process costs by itself. */
#include <signal.h>
#include <stddef.h>

int main(void)
{
    sigset_t stop;
    int got = 0;

    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    return sigwait(&stop, &got) != 0;
}
