#include "at_test.h"

#include <check.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEST_TIMEOUT_S = 60 };

static struct at_test_case *first;
static int fds_before;
static atomic_long countdown;
static atomic_bool hit;
static atomic_long allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool fails_now(void)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    if (atomic_load_explicit(&countdown, memory_order_relaxed) == 0) {
        return false;
    }
    if (atomic_fetch_sub(&countdown, 1) == 1) {
        atomic_store(&hit, true);
        return true;
    }
    return false;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails_now() ? NULL : __real_realloc(p, size);
}

long count_allocations(void)
{
    return atomic_load(&allocations);
}

void fail_allocation(long n)
{
    atomic_store(&hit, false);
    atomic_store(&countdown, n);
}

bool allocation_failed(void)
{
    return atomic_load(&hit);
}

void at_test_fail(const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list args;

    fail_allocation(0);
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    _ck_assert_failed(file, line, text, NULL);
    abort(); /* not reached: Check ends the test's process */
}

void at_test_register(struct at_test_case *t)
{
    t->next = first;
    first = t;
}

static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    (void)closedir(dir);
    return n;
}

static void before(void)
{
    fail_allocation(0);
    fds_before = count_fds();
}

static void after(void)
{
    fail_allocation(0);
    ck_assert_msg(count_fds() == fds_before, "descriptors before the test: %d, after: %d",
                  fds_before, count_fds());
    ck_assert_msg(waitpid(-1, NULL, WNOHANG) < 0, "the test left a child process behind");
}

static void run_body(int i)
{
    struct at_test_case *t = first;

    while (i-- > 0) {
        t = t->next;
    }
    t->body();
}

int at_test_main(const char *suite_name)
{
    Suite *suite = suite_create(suite_name);
    SRunner *runner = srunner_create(suite);
    const char *only = getenv("TEST");
    int i = 0;
    int failed;

    for (struct at_test_case *t = first; t != NULL; t = t->next, i++) {
        static TTest shared[4096];
        TCase *tc;

        if (only != NULL && strcmp(only, t->name) != 0) {
            continue;
        }
        tc = tcase_create(t->name);
        shared[i] = (TTest){.name = t->name, .fn = run_body, .file = suite_name, .line = 0};
        tcase_add_checked_fixture(tc, before, after);
        tcase_set_timeout(tc, TEST_TIMEOUT_S);
        tcase_add_loop_test(tc, &shared[i], i, i + 1);
        suite_add_tcase(suite, tc);
    }
    if (only != NULL && suite_tcase(suite, only) == 0) {
        (void)fprintf(stderr, "no test of %s is called %s\n", suite_name, only);
        return EXIT_FAILURE;
    }
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
