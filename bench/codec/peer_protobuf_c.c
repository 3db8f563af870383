/*
 * protobuf-c, twice: with its allocator (malloc; the message is freed again), and with one that
 * only moves a pointer, which it offers for this purpose.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec.pb-c.h"
#include "peers.h"

static const ProtobufCMessageDescriptor *types[SAMPLES];
static const struct sample *given;
static ProtobufCMessage *kept[SAMPLES];
static uint8_t out[SAMPLE_BYTES_MAX];

static struct {
    _Alignas(16) char room[4 << 20];
    size_t used;
} bump;

static void *bump_alloc(void *data, size_t size)
{
    void *p = bump.room + bump.used;

    (void)data;
    if (size > sizeof(bump.room) - bump.used) {
        return NULL;
    }
    bump.used += (size + 15) & ~(size_t)15;
    return p;
}

static void bump_free(void *data, void *p)
{
    (void)data;
    (void)p;
}

static ProtobufCAllocator bump_allocator = {bump_alloc, bump_free, NULL};

static void setup(const struct sample *samples)
{
    given = samples;
    types[SAMPLE_FLAT] = &bench__flat__descriptor;
    types[SAMPLE_CART] = &bench__cart__descriptor;
    types[SAMPLE_ORDER] = &bench__order__descriptor;
    for (int i = 0; i < SAMPLES; i++) {
        kept[i] = protobuf_c_message_unpack(types[i], NULL, given[i].len, given[i].bytes);
        if (kept[i] == NULL) {
            (void)fprintf(stderr, "protobuf-c cannot decode sample %d\n", i);
            exit(1);
        }
    }
}

static int decode_bump(int which)
{
    bump.used = 0;
    return protobuf_c_message_unpack(types[which], &bump_allocator, given[which].len,
                                     given[which].bytes) != NULL;
}

static int decode_malloc(int which)
{
    ProtobufCMessage *m =
        protobuf_c_message_unpack(types[which], NULL, given[which].len, given[which].bytes);

    protobuf_c_message_free_unpacked(m, NULL);
    return m != NULL;
}

/* Packing has no bound of its own: a careful caller asks for the size first, as C++ does inside. */
static size_t encode(int which, const uint8_t **ret)
{
    if (protobuf_c_message_get_packed_size(kept[which]) > sizeof(out)) {
        return 0;
    }
    *ret = out;
    return protobuf_c_message_pack(kept[which], out);
}

const struct peer peer_protobuf_c = {"protobuf-c", setup, decode_bump, encode, NULL, NULL};
const struct peer peer_protobuf_c_malloc = {
    "protobuf-c malloc", setup, decode_malloc, encode, NULL, NULL};
