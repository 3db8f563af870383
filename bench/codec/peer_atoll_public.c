/* Our codec as a user's program calls it: <atoll/codec.h>, over one memory that is used again. */
#include <stdio.h>
#include <stdlib.h>

#include <atoll/atoll.h>
#include <atoll/codec.h>
#include <atoll/message.h>

#include "codec.atoll.h"
#include "peers.h"

union any {
    struct bench_Flat flat;
    struct bench_Cart cart;
    struct bench_Order order;
};

static const struct atoll_message_desc *const types[SAMPLES] = {&bench_Flat_desc, &bench_Cart_desc,
                                                                &bench_Order_desc};
static const struct sample *given;
static union any kept[SAMPLES];
static union any fresh;
static struct atoll_memory *memory;

static struct atoll_str wire(int which)
{
    return (struct atoll_str){(const char *)given[which].bytes, given[which].len};
}

static void setup(const struct sample *samples)
{
    struct atoll_memory *keeps = atoll_memory_new(0);

    given = samples;
    memory = atoll_memory_new(0);
    for (int i = 0; i < SAMPLES; i++) {
        if (keeps == NULL || memory == NULL ||
            atoll_decode(keeps, types[i], wire(i), &kept[i]) != ATOLL_OK) {
            (void)fprintf(stderr, "atoll cannot decode sample %d\n", i);
            exit(1);
        }
    }
}

static int decode(int which)
{
    atoll_memory_reset(memory);
    return atoll_decode(memory, types[which], wire(which), &fresh) == ATOLL_OK;
}

static size_t encode(int which, const uint8_t **ret)
{
    struct atoll_str out;

    atoll_memory_reset(memory);
    if (atoll_encode(memory, types[which], &kept[which], &out) != ATOLL_OK) {
        return 0;
    }
    *ret = (const uint8_t *)out.at;
    return out.len;
}

static int from_json(int which)
{
    atoll_memory_reset(memory);
    return atoll_from_json(memory, types[which],
                           (struct atoll_str){given[which].json, given[which].json_len}, NULL,
                           &fresh) == ATOLL_OK;
}

static size_t to_json(int which, const char **ret)
{
    struct atoll_str out;

    atoll_memory_reset(memory);
    if (atoll_to_json(memory, types[which], &kept[which], NULL, &out) != ATOLL_OK) {
        return 0;
    }
    *ret = out.at;
    return out.len;
}

const struct peer peer_atoll_public = {"atoll public", setup, decode, encode, from_json, to_json};
