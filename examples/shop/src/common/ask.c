#include "common/ask.h"

#include <errno.h>
#include <getopt.h> // IWYU pragma: keep
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

int shop_ask_text(struct atoll_call *call, const char *field, struct atoll_str text, char *ret,
                  size_t size)
{
    ret[0] = '\0';
    if (text.len >= size) {
        return atoll_fail(call, ATOLL_INVALID_ARGUMENT, "%s is longer than %zu bytes", field,
                          size - 1);
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c < 0x20 || c == 0x7f) {
            return atoll_fail(call, ATOLL_INVALID_ARGUMENT, "%s holds a control character", field);
        }
    }
    if (text.len > 0) {
        memcpy(ret, text.at, text.len);
    }
    ret[text.len] = '\0';
    return ATOLL_OK;
}

static struct atoll_str metadata(const struct atoll_call *call, const char *key)
{
    const char *value = atoll_call_metadata(call, key);

    return (struct atoll_str){.at = value, .len = value == NULL ? 0 : strlen(value)};
}

int shop_ask_user(struct atoll_call *call, struct atoll_str first, struct atoll_str second,
                  char ret[SHOP_USER_SIZE])
{
    struct atoll_str header = metadata(call, "x-user-id");

    if (first.len > 0) {
        return shop_ask_text(call, "userId", first, ret, SHOP_USER_SIZE);
    }
    if (second.len > 0) {
        return shop_ask_text(call, "userId", second, ret, SHOP_USER_SIZE);
    }
    if (header.len > 0) {
        return shop_ask_text(call, "the header X-User-Id", header, ret, SHOP_USER_SIZE);
    }
    (void)snprintf(ret, SHOP_USER_SIZE, "guest");
    return ATOLL_OK;
}

int shop_ask_key(struct atoll_call *call, struct atoll_str field, char ret[SHOP_KEY_SIZE])
{
    if (field.len > 0) {
        return shop_ask_text(call, "idempotencyKey", field, ret, SHOP_KEY_SIZE);
    }
    return shop_ask_text(call, "the header Idempotency-Key", metadata(call, "idempotency-key"), ret,
                         SHOP_KEY_SIZE);
}

int shop_ask_positive(struct atoll_call *call, const char *field, int32_t value)
{
    return value > 0 ? ATOLL_OK
                     : atoll_fail(call, ATOLL_INVALID_ARGUMENT, "%s must be 1 or more, not %d",
                                  field, value);
}

int shop_insiders_only(struct atoll_call *call)
{
    const char *caller = atoll_call_caller(call);

    if (*caller != '\0' && strcmp(caller, "door") != 0) {
        return ATOLL_OK;
    }
    return atoll_fail(call, ATOLL_PERMISSION_DENIED,
                      "this method is for the services of the shop, not for visitors");
}

int shop_fail_store(struct atoll_call *call, int r)
{
    if (r == -EBUSY) {
        return atoll_fail(call, ATOLL_UNAVAILABLE, "the database stayed busy; nothing was changed");
    }
    return atoll_fail(call, ATOLL_INTERNAL, "the database failed: %s; nothing was changed",
                      strerror(-r));
}

int shop_pass_on(struct atoll_call *call, int status)
{
    char reason[512];

    (void)snprintf(reason, sizeof(reason), "%s", atoll_call_reason(call));
    return atoll_fail(call, status, "%s", reason);
}

struct atoll_str shop_str(struct atoll_call *call, const char *text)
{
    return atoll_copy(call, text, strlen(text));
}

void shop_random_id(char ret[SHOP_ID_SIZE])
{
    uint8_t bytes[16] = {0};

    /* So few bytes never come short once the kernel's generator is seeded, and it blocks until. */
    while (getrandom(bytes, sizeof(bytes), 0) < 0 && errno == EINTR) {
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
    }
}

int64_t shop_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *shop_catalogue_option(int argc, char **argv)
{
    static const struct option options[] = {{"catalogue", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    int c;

    while ((c = getopt_long(argc, argv, "c:", options, NULL)) == 'c') {
        path = optarg;
    }
    if (c != -1 || path == NULL || optind != argc) {
        (void)fprintf(stderr, "usage: %s --catalogue FILE\n", argv[0]);
        return NULL;
    }
    return path;
}
