/*
 * shop-traffic: visitors that browse, add, remove and check out at a given rate, the same way for
 * the same seed. Ends by checking the books, through the surface and, when it can read the state
 * directories, in the services' own files. Exit code: 0 all right; 1 the books are wrong; 2 usage
 * or no shop; 3 only that something failed which may be repeated (with --strict).
 */
#include <getopt.h> // IWYU pragma: keep
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "traffic/books.h"
#include "traffic/tally.h"
#include "traffic/visitor.h"

enum {
    VISITORS_MAX = 64,
    BOOKS_WAIT_MS = 10000,
    EXIT_WRONG = 1,
    EXIT_USAGE = 2,
    EXIT_FAILED_REPEATABLE = 3,
};

struct options {
    const char *shop;
    const char *stock;
    const char *state;
    const char *run;
    uint64_t seed;
    double rate;
    double duration_s;
    unsigned visitors;
    bool json;
    bool strict;
};

static const char usage[] =
    "usage: shop-traffic [options]\n"
    "  --shop ADDRESS      where cart, order and product are (127.0.0.1:8080)\n"
    "  --stock ADDRESS     where stock is (127.0.0.1:9090)\n"
    "  --rate N            actions a second, all visitors together (50)\n"
    "  --duration SECONDS  (10)\n"
    "  --visitors N        at once (8)\n"
    "  --seed N            (1)\n"
    "  --run NAME          part of the users' names and keys (time and pid)\n"
    "  --state DIR         check the services' own files too (.atoll/state when it is there;\n"
    "                      \"none\": do not)\n"
    "  --strict            fail when a method that may be repeated failed even once\n"
    "  -o table|json\n";

static bool read_number(const char *text, double min, double max, double *ret)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= min && value <= max)) {
        return false;
    }
    *ret = value;
    return true;
}

static bool take_option(struct options *o, int c, const char *value)
{
    double number = 0;
    bool ok = true;

    switch (c) {
    case 's': o->shop = value; break;
    case 't': o->stock = value; break;
    case 'r': ok = read_number(value, 0.1, 100000, &o->rate); break;
    case 'd': ok = read_number(value, 0.1, 86400, &o->duration_s); break;
    case 'v':
        ok = read_number(value, 1, VISITORS_MAX, &number);
        o->visitors = (unsigned)number;
        break;
    case 'e':
        ok = read_number(value, 0, 1e15, &number);
        o->seed = (uint64_t)number;
        break;
    case 'n': o->run = value; break;
    case 'S': o->state = value; break;
    case 'x': o->strict = true; break;
    case 'o':
        o->json = strcmp(value, "json") == 0;
        ok = o->json || strcmp(value, "table") == 0;
        break;
    default: return false;
    }
    if (!ok) {
        (void)fprintf(stderr, "shop-traffic: %s is no value for that option\n", value);
    }
    return ok;
}

static bool read_options(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {{"shop", required_argument, NULL, 's'},
                                            {"stock", required_argument, NULL, 't'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"duration", required_argument, NULL, 'd'},
                                            {"visitors", required_argument, NULL, 'v'},
                                            {"seed", required_argument, NULL, 'e'},
                                            {"run", required_argument, NULL, 'n'},
                                            {"state", required_argument, NULL, 'S'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"strict", no_argument, NULL, 'x'},
                                            {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (!take_option(o, c, optarg)) {
            return false;
        }
    }
    return optind == argc && strlen(o->run) < 24;
}

static void *run_visitor(void *user)
{
    visitor_run(user);
    return NULL;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static bool run_visitors(struct traffic *t, const struct options *o, struct visitor **visitors)
{
    pthread_t threads[VISITORS_MAX];
    unsigned started = 0;

    t->interval_ns = (uint64_t)(1e9 * o->visitors / o->rate);
    t->end_ns = monotonic_ns() + (uint64_t)(o->duration_s * 1e9);
    for (; started < o->visitors; started++) {
        visitors[started] = calloc(1, sizeof(*visitors[started]));
        if (visitors[started] == NULL) {
            break;
        }
        visitors[started]->traffic = t;
        visitors[started]->number = started;
        if (pthread_create(&threads[started], NULL, run_visitor, visitors[started]) != 0) {
            break;
        }
    }
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return started == o->visitors;
}

static void check_books(const struct options *o, struct tally *tally)
{
    bool is_default = o->state == NULL;
    const char *state = is_default ? ".atoll/state" : o->state;

    if (strcmp(state, "none") == 0 || (is_default && access(state, R_OK) != 0)) {
        return;
    }
    tally->read_files = books_check(state, BOOKS_WAIT_MS, tally) == 0;
    if (!tally->read_files) {
        tally_wrong(tally, "the books in %s cannot be read", state);
    }
}

static int report(const struct options *o, const struct tally *tally)
{
    if (o->json) {
        tally_print_json(tally, stdout);
    } else {
        tally_print(tally, stdout);
    }
    if (tally->wrong != 0) {
        return EXIT_WRONG;
    }
    return o->strict && tally->failed_repeatable != 0 ? EXIT_FAILED_REPEATABLE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static struct traffic traffic;
    static struct visitor *visitors[VISITORS_MAX];
    char run[24];
    struct options o = {.shop = "127.0.0.1:8080",
                        .stock = "127.0.0.1:9090",
                        .run = run,
                        .seed = 1,
                        .rate = 50,
                        .duration_s = 10,
                        .visitors = 8};

    (void)snprintf(run, sizeof(run), "%llx.%x", (unsigned long long)time(NULL), (unsigned)getpid());
    if (!read_options(argc, argv, &o)) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    traffic.shop = o.shop;
    traffic.stock = o.stock;
    traffic.run = o.run;
    traffic.seed = o.seed;
    traffic.patience_ms = 20000;
    traffic.tally = &tally;
    if (!traffic_read_catalogue(&traffic)) {
        return EXIT_USAGE;
    }
    if (!run_visitors(&traffic, &o, visitors)) {
        tally_wrong(&tally, "not all visitors could start");
    }
    check_books(&o, &tally); /* waits until no checkout is under way */
    traffic_check_stock(&traffic, visitors, o.visitors);
    for (unsigned i = 0; i < o.visitors; i++) {
        free(visitors[i]);
    }
    return report(&o, &tally);
}
