#include "roles/gateway/problem.h"

#include "at_test.h"
#include "call/call.h"

TEST(every_code_has_its_canonical_http_status)
{
    static const unsigned expected[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                        400, 409, 400, 501, 500, 503, 500, 401};

    for (uint32_t code = 0; code <= AT_STATUS_UNAUTHENTICATED; code++) {
        CHECK_INT(at_problem_http_status(code), expected[code]);
    }
    CHECK_INT(at_problem_http_status(17), 500);
    CHECK_INT(at_problem_http_status(UINT32_MAX), 500);
}

TEST(a_problem_says_what_happened_where_and_why)
{
    struct at_text out;

    at_text_init(&out);
    at_problem_write(&(struct at_problem){.status = 400,
                                          .code = AT_STATUS_INVALID_ARGUMENT,
                                          .detail = AT_LIT("i32 is \"x\""),
                                          .reason = AT_LIT("BAD_MESSAGE"),
                                          .instance = AT_LIT("/echo"),
                                          .trace_id = AT_LIT("4bf9"),
                                          .field = AT_LIT("i32"),
                                          .line = 2,
                                          .col = 7},
                     &out);
    CHECK_STR(
        at_text_str(&out),
        "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":\"i32 is "
        "\\\"x\\\"\",\"instance\":\"/echo\",\"code\":\"INVALID_ARGUMENT\",\"reason\":"
        "\"BAD_MESSAGE\",\"trace_id\":\"4bf9\",\"errors\":[{\"field\":\"i32\",\"detail\":\"i32 is "
        "\\\"x\\\"\",\"line\":2,\"column\":7}]}\n");
    at_text_deinit(&out);
}

TEST(without_a_word_of_its_own_the_reason_is_the_code)
{
    struct at_text out;

    at_text_init(&out);
    at_problem_write(&(struct at_problem){.status = 409,
                                          .code = AT_STATUS_ABORTED,
                                          .detail = AT_LIT("only 3 left"),
                                          .instance = AT_LIT("/stock")},
                     &out);
    CHECK_STR(at_text_str(&out),
              "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,\"detail\":\"only 3 "
              "left\",\"instance\":\"/stock\",\"code\":\"ABORTED\",\"reason\":\"ABORTED\"}\n");
    at_text_deinit(&out);
}

TEST_MAIN("roles/gateway/problem")
