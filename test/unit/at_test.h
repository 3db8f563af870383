/*
 * Unit tests that read as sentences. A file is
 *
 *   TEST(a_shorter_prefix_says_more) { … CHECK(…); }
 *   TEST_MAIN("wire/http1")
 *
 * Check forks per test and bounds its time. Around each test the fixture counts open descriptors
 * and children: a test that leaves one behind fails. fail_allocation(n) makes the n-th malloc,
 * calloc or realloc of the code under test from now on fail (0 switches it off); the test program
 * is linked with -Wl,--wrap for that.
 */
#ifndef AT_TEST_H
#define AT_TEST_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef void at_test_body(void);

struct at_test_case {
    const char *name;
    at_test_body *body;
    struct at_test_case *next;
};

void at_test_register(struct at_test_case *t);
int at_test_main(const char *suite);
/* n-th allocation from now fails, once; 0: none does. */
void fail_allocation(long n);
/* Did the chosen allocation happen (and fail) since fail_allocation()? */
bool allocation_failed(void);
/* How many there were, of all threads since the program began. */
long count_allocations(void);

#define TEST(test_name)                                                                            \
    static void test_name(void);                                                                   \
    __attribute__((constructor)) static void register_##test_name(void)                            \
    {                                                                                              \
        static struct at_test_case t = {.name = #test_name, .body = test_name};                    \
        at_test_register(&t);                                                                      \
    }                                                                                              \
    static void test_name(void)

#define TEST_MAIN(suite)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        return at_test_main(suite);                                                                \
    }

/*
 * A check that holds touches nothing: Check itself allocates, and may run while the n-th
 * allocation is due to fail.
 */
_Noreturn void at_test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define CHECK(expr)                                                                                \
    ((expr) ? (void)0 : at_test_fail(__FILE__, __LINE__, "does not hold: %s", #expr))
#define CHECK_INT(a, b)                                                                            \
    do {                                                                                           \
        intmax_t a_ = (intmax_t)(a);                                                               \
        intmax_t b_ = (intmax_t)(b);                                                               \
        if (a_ != b_) {                                                                            \
            at_test_fail(__FILE__, __LINE__, "%s is %jd, expected %jd", #a, a_, b_);               \
        }                                                                                          \
    } while (0)
#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *a_ = (a);                                                                      \
        const char *b_ = (b);                                                                      \
        if (a_ == NULL || strcmp(a_, b_) != 0) {                                                   \
            at_test_fail(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #a,                  \
                         a_ == NULL ? "(null)" : a_, b_);                                          \
        }                                                                                          \
    } while (0)
/* A struct at_bytes against a string. */
#define CHECK_BYTES(bytes, text)                                                                   \
    do {                                                                                           \
        struct at_bytes b_ = (bytes);                                                              \
        const char *t_ = (text);                                                                   \
        if (!at_bytes_equal(b_, at_bytes_of(t_))) {                                                \
            at_test_fail(__FILE__, __LINE__, "%s is \"%.*s\", expected \"%s\"", #bytes,            \
                         (int)b_.len, b_.at == NULL ? "" : (const char *)b_.at, t_);               \
        }                                                                                          \
    } while (0)
/* Runs the statement with the n-th allocation failing, n = 1, 2, … until none was hit. */
#define WITH_EACH_ALLOCATION_FAILING(statement)                                                    \
    do {                                                                                           \
        long n_ = 0;                                                                               \
        do {                                                                                       \
            CHECK(++n_ < 100000); /* else it never stops failing */                                \
            fail_allocation(n_);                                                                   \
            statement;                                                                             \
        } while (allocation_failed());                                                             \
        fail_allocation(0);                                                                        \
    } while (0)

#endif
