#include "base/histogram.h"

#include <stdint.h>
#include <stdlib.h>

#include "at_test.h"

static struct at_histogram *fresh(void)
{
    struct at_histogram *h = calloc(1, sizeof(*h));

    CHECK(h != NULL);
    return h;
}

TEST(an_empty_histogram_answers_0)
{
    struct at_histogram *h = fresh();

    CHECK_INT(at_histogram_at(h, 50000), 0);
    CHECK_INT(h->max, 0);
    free(h);
}

TEST(every_value_lies_in_its_bucket_and_no_further_than_a_64th_from_its_end)
{
    uint64_t edge_before = 0;

    for (size_t i = 0; i < AT_HISTOGRAM_BUCKETS; i++) {
        uint64_t edge = at_histogram_edge(i);

        CHECK(i == 0 || edge > edge_before);
        if (i > 64) {
            CHECK((edge - edge_before) * 64 <= edge);
        }
        edge_before = edge;
    }
    for (uint64_t v = 1; v < UINT64_C(1) << 42; v += v / 3 + 1) {
        struct at_histogram *h = fresh();
        size_t at = 0;

        at_histogram_add(h, v);
        while (h->buckets[at] == 0) {
            at++;
        }
        CHECK(v <= at_histogram_edge(at));
        CHECK(at == 0 || v > at_histogram_edge(at - 1));
        free(h);
    }
}

TEST(percentiles_of_1_to_100000_are_what_they_are_called)
{
    struct at_histogram *h = fresh();

    for (uint64_t v = 1; v <= 100000; v++) {
        at_histogram_add(h, v);
    }
    for (uint32_t p = 1000; p <= 100000; p += 1000) {
        uint64_t got = at_histogram_at(h, p);

        CHECK(got >= p);
        CHECK(got <= p + p / 64 + 1);
    }
    CHECK_INT(at_histogram_at(h, 100000), 100000);
    CHECK_INT(h->min, 1);
    free(h);
}

TEST(no_percentile_is_beyond_the_largest_value)
{
    struct at_histogram *h = fresh();

    at_histogram_add(h, 1000001);
    CHECK_INT(at_histogram_at(h, 50000), 1000001);
    CHECK_INT(at_histogram_at(h, 99900), 1000001);
    free(h);
}

TEST(a_value_beyond_an_hour_counts_as_the_largest)
{
    struct at_histogram *h = fresh();

    at_histogram_add(h, 5);
    at_histogram_add(h, UINT64_MAX);
    CHECK_INT(at_histogram_at(h, 50000), 5);
    CHECK_INT(at_histogram_at(h, 99900), UINT64_MAX);
    free(h);
}

TEST_MAIN("base/histogram")
