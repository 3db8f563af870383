#include "pb/json_base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"

enum { LEN_MAX = 70 };

static size_t len;
static uint8_t out[128];

static bool read(const char *text)
{
    return at_json_read_base64(at_bytes_of(text), out, &len);
}

/* RFC 4648 section 10. */
TEST(the_vectors_of_rfc_4648_go_both_ways)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct at_bytes plain = at_bytes_of(vectors[i][0]);
        char text[16];

        at_json_write_base64(plain, text);
        CHECK_BYTES(at_bytes_over(text, at_json_base64_len(plain.len)), vectors[i][1]);
        CHECK(read(vectors[i][1]));
        CHECK(at_bytes_equal(at_bytes_over(out, len), plain));
    }
}

TEST(every_length_comes_back_padded_or_not_and_in_both_alphabets)
{
    uint8_t bytes[LEN_MAX];

    for (size_t n = 0; n <= LEN_MAX; n++) {
        char *text = malloc(at_json_base64_len(n) + 1); /* exactly: a sanitizer sees one too many */

        CHECK(text != NULL);
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)(i * 37 + n * 11 + 0xF8);
        }
        at_json_write_base64(at_bytes_over(bytes, n), text);
        text[at_json_base64_len(n)] = '\0';
        for (int form = 0; form < 3; form++) {
            CHECK(read(text) && len == n && len <= at_json_base64_room(strlen(text)));
            CHECK(memcmp(out, bytes, n) == 0);
            text[strcspn(text, "=")] = '\0';
            for (char *p = text; form == 1 && *p != '\0'; p++) {
                *p = (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p);
            }
        }
        free(text);
    }
}

TEST(what_is_no_base64_is_refused)
{
    static const char *const bad[] = {"Z",     "Zm9vY", "=",         "==",       "Z===",
                                      "Zg=",   "Zg=g",  "Z=g=",      "Zm9v=",    "Zm 9v",
                                      "Zm9\n", "Zm9.",  "Zm9vZg===", "\xC3\xA4", "Zm9vYg=\xFF"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read(bad[i])) {
            at_test_fail(__FILE__, __LINE__, "%s is read", bad[i]);
        }
    }
}

TEST_MAIN("pb/json_base64")
