/*
 * What the handlers of all five services ask of a call in the same way: who is the user, which
 * idempotency key came with it, is the caller one of the shop's own services.
 *
 * Functions that return a status have already said why in the call when it is not ATOLL_OK:
 * `if (status != ATOLL_OK) { return status; }`.
 */
#ifndef SHOP_COMMON_ASK_H
#define SHOP_COMMON_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

enum {
    SHOP_USER_SIZE = 65, /* a user id has 1 to 64 bytes */
    SHOP_KEY_SIZE = 129, /* an idempotency key 1 to 128 */
    SHOP_ID_SIZE = 33,   /* 16 random bytes in hexadecimal */
};

/* first, else second, else the header X-User-Id, else "guest". */
int shop_ask_user(struct atoll_call *call, struct atoll_str first, struct atoll_str second,
                  char ret[SHOP_USER_SIZE]);
/* field, else the header Idempotency-Key, else "". */
int shop_ask_key(struct atoll_call *call, struct atoll_str field, char ret[SHOP_KEY_SIZE]);
/* A text field into a buffer. INVALID_ARGUMENT names the field when it does not fit. */
int shop_ask_text(struct atoll_call *call, const char *field, struct atoll_str text, char *ret,
                  size_t size);
/* A number that has to be 1 or more. */
int shop_ask_positive(struct atoll_call *call, const char *field, int32_t value);
/* PERMISSION_DENIED for calls that come through the door. */
int shop_insiders_only(struct atoll_call *call);

/* For a store that gave -errno. */
int shop_fail_store(struct atoll_call *call, int r);
/* A nested call failed with this status: its reason becomes ours. */
int shop_pass_on(struct atoll_call *call, int status);

struct atoll_str shop_str(struct atoll_call *call, const char *text); /* copied */
void shop_random_id(char ret[SHOP_ID_SIZE]);
int64_t shop_now_ms(void); /* CLOCK_REALTIME */

/* argv of a service with a catalogue: `--catalogue FILE`. NULL: said on stderr what is wrong. */
const char *shop_catalogue_option(int argc, char **argv);

#endif
