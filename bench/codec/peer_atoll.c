/* Our codec: an arena that is emptied before each message, a buffer that is written from its end. */
#include <stdio.h>
#include <stdlib.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "codec.atoll.h"
#include "pb/codec.h"
#include "pb/json.h"
#include "pb/json_message.h"
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
static struct at_arena kept_arena;
static struct at_arena arena;
static struct at_text text;
static uint8_t out[SAMPLE_BYTES_MAX];

static struct at_bytes wire(int which)
{
    return at_bytes_over(given[which].bytes, given[which].len);
}

static void setup(const struct sample *samples)
{
    given = samples;
    at_text_init(&text);
    at_arena_init(&kept_arena, 1 << 20, 16 << 20);
    at_arena_init(&arena, 1 << 20, 16 << 20);
    for (int i = 0; i < SAMPLES; i++) {
        if (at_pb_decode(types[i], wire(i), &kept_arena, &kept[i], NULL) != 0) {
            (void)fprintf(stderr, "atoll cannot decode sample %d\n", i);
            exit(1);
        }
    }
}

static int decode(int which)
{
    at_arena_reset(&arena);
    return at_pb_decode(types[which], wire(which), &arena, &fresh, NULL) == 0;
}

static size_t encode(int which, const uint8_t **ret)
{
    struct at_bytes b;

    if (at_pb_encode(types[which], &kept[which], out, sizeof(out), &b) != 0) {
        return 0;
    }
    *ret = b.at;
    return b.len;
}

static int from_json(int which)
{
    at_arena_reset(&arena);
    return at_json_to_message(types[which], at_bytes_over(given[which].json, given[which].json_len),
                              0, &arena, &fresh, NULL) == 0;
}

static size_t to_json(int which, const char **ret)
{
    struct at_json_writer w;

    at_text_clear(&text);
    at_json_writer_init(&w, &text, 0);
    if (at_json_from_message(types[which], &kept[which], 0, &w) != 0) {
        return 0;
    }
    *ret = text.at;
    return text.len;
}

const struct peer peer_atoll = {"atoll", setup, decode, encode, from_json, to_json};
