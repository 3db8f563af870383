/* Metadata, initial metadata and trailers: what the user may set, and what arrives. */
#include <errno.h>
#include <string.h>

#include <atoll/atoll.h>

#include "at_test.h"
#include "libatoll/limits.h"
#include "libatoll/test_stage.h"
#include "test.atoll.h"

/* Asks the handler of Echo to answer with this metadata: it repeats what begins with "back-". */
static int ask(struct stage *s, struct test_call_v1_Request in, struct test_call_v1_Reply *out)
{
    return test_call_v1_Alpha_echo(s->call, &in, out);
}

TEST(a_handler_answers_with_initial_metadata_and_trailers)
{
    static const char bytes[] = {0, 1, '\n', (char)0xFF};
    struct stage s;
    struct test_call_v1_Reply out;
    struct atoll_str value;

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK(atoll_call_trailer(s.call, "back-t") == NULL);
    CHECK_INT(atoll_call_set_metadata(s.call, "back-t", "in the trailers"), 0);
    CHECK_INT(atoll_call_set_metadata(s.call, "back-i", "ahead"), 0);
    CHECK_INT(atoll_call_add_value(s.call, ATOLL_METADATA, "back-t-bin",
                                   (struct atoll_str){bytes, sizeof(bytes)}),
              0);
    CHECK_INT(ask(&s, (struct test_call_v1_Request){0}, &out), ATOLL_OK);
    CHECK_STR(atoll_call_trailer(s.call, "back-t"), "in the trailers");
    CHECK_STR(atoll_call_initial(s.call, "back-i"), "ahead");
    CHECK(atoll_call_initial(s.call, "back-t") == NULL);
    CHECK(atoll_call_trailer(s.call, ":trailers") == NULL);
    CHECK(atoll_call_value(s.call, ATOLL_TRAILER, "back-t-bin", &value));
    CHECK(value.len == sizeof(bytes) && memcmp(value.at, bytes, sizeof(bytes)) == 0);
    CHECK(!atoll_call_value(s.call, ATOLL_METADATA, "back-t", &value)); /* went out, did not come */
    atoll_call_clear_metadata(s.call);
    CHECK_INT(ask(&s, (struct test_call_v1_Request){0}, &out), ATOLL_OK);
    CHECK(atoll_call_trailer(s.call, "back-t") == NULL);
    CHECK(atoll_call_initial(s.call, "back-i") == NULL);
    end(&s);
}

TEST(values_of_one_key_come_in_their_order_and_all_pairs_can_be_walked_through)
{
    struct stage s;
    struct test_call_v1_Reply out;
    struct atoll_metadata_pair pair = {0};
    char all[64] = "";

    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_call_add_value(s.call, ATOLL_METADATA, "back-t", ATOLL_STR("one")), 0);
    CHECK_INT(atoll_call_add_value(s.call, ATOLL_METADATA, "back-i", ATOLL_STR("ahead")), 0);
    CHECK_INT(atoll_call_add_value(s.call, ATOLL_METADATA, "back-t", ATOLL_STR("two")), 0);
    CHECK_INT(ask(&s, (struct test_call_v1_Request){0}, &out), ATOLL_OK);
    CHECK_STR(atoll_call_trailer(s.call, "back-t"), "one");
    while (atoll_call_next_value(s.call, ATOLL_TRAILER, &pair)) {
        CHECK(pair.key.len == 6 && memcmp(pair.key.at, "back-t", 6) == 0);
        (void)strncat(all, pair.value.at, pair.value.len);
    }
    CHECK_STR(all, "onetwo");
    CHECK_INT(atoll_call_set_metadata(s.call, "back-t", "three"), 0); /* in place of both */
    CHECK_INT(ask(&s, (struct test_call_v1_Request){0}, &out), ATOLL_OK);
    CHECK_STR(atoll_call_trailer(s.call, "back-t"), "three");
    pair = (struct atoll_metadata_pair){0};
    CHECK(atoll_call_next_value(s.call, ATOLL_TRAILER, &pair));
    CHECK(!atoll_call_next_value(s.call, ATOLL_TRAILER, &pair));
    end(&s);
}

TEST(what_is_no_key_no_value_or_too_much_is_refused_and_changes_nothing)
{
    static char big[AT_LIB_METADATA_MAX];
    struct stage s;
    struct test_call_v1_Reply out;

    memset(big, 'x', sizeof(big) - 1);
    begin(&s);
    add_server(&s, "alpha", NULL);
    CHECK_INT(atoll_call_set_metadata(s.call, "back-t", "kept"), 0);
    CHECK_INT(atoll_call_set_metadata(s.call, "Upper", ""), -EINVAL);
    CHECK_INT(atoll_call_set_metadata(s.call, ":ours", ""), -EINVAL);
    CHECK_INT(atoll_call_set_metadata(s.call, "", ""), -EINVAL);
    CHECK_INT(atoll_call_set_metadata(s.call, NULL, ""), -EINVAL);
    CHECK_INT(atoll_call_set_metadata(s.call, "a", NULL), -EINVAL);
    CHECK_INT(atoll_call_set_metadata(s.call, "a", "line\r\nend"), -EINVAL);
    CHECK_INT(atoll_call_set_metadata(s.call, "back-t", big), -E2BIG);
    CHECK_INT(atoll_call_set_metadata(NULL, "a", ""), -EINVAL);
    CHECK_INT(atoll_call_set_trailer(s.call, "a", ""), -EINVAL); /* nobody asked us anything */
    CHECK_INT(atoll_call_set_initial(s.call, "a", ""), -EINVAL);
    CHECK_INT(ask(&s, (struct test_call_v1_Request){0}, &out), ATOLL_OK);
    CHECK_STR(atoll_call_trailer(s.call, "back-t"), "kept");
    big[4000] = '\0';
    CHECK_INT(atoll_call_set_metadata(s.call, "back-i", big), 0); /* again and again is no growth */
    for (int i = 0; i < 100; i++) {
        CHECK_INT(atoll_call_set_metadata(s.call, "back-i", big), 0);
    }
    CHECK_INT(ask(&s, (struct test_call_v1_Request){0}, &out), ATOLL_OK);
    CHECK_INT((int)strlen(atoll_call_initial(s.call, "back-i")), 4000);
    end(&s);
}

TEST(setting_metadata_takes_it_when_memory_is_refused)
{
    struct stage s;
    int r = 0;

    begin(&s);
    WITH_EACH_ALLOCATION_FAILING({
        atoll_call_reset(s.call);
        r = atoll_call_set_metadata(s.call, "colour", "green");
        CHECK(r == 0 || r == -ENOMEM);
    });
    CHECK_INT(r, 0);
    end(&s);
}

TEST_MAIN("libatoll/metadata")
