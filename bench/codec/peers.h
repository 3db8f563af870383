/*
 * What each codec of this bench can do with the three messages. A peer owns its memory and is used
 * as its own manual says that it is fastest; all are given the same bytes and must give them back.
 */
#ifndef AT_BENCH_PEERS_H
#define AT_BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SAMPLE_FLAT, SAMPLE_CART, SAMPLE_ORDER, SAMPLES };

enum { SAMPLE_BYTES_MAX = 256 << 10 };

struct sample {
    size_t len;
    uint8_t bytes[SAMPLE_BYTES_MAX];
    size_t json_len;
    char json[SAMPLE_BYTES_MAX];
};

struct peer {
    const char *name;
    /* Keeps the samples (borrowed), and a decoded message of each for `encode`. */
    void (*setup)(const struct sample *samples);
    /* Decodes the sample into a fresh message. 0: it failed. */
    int (*decode)(int which);
    /* Encodes the message that setup kept. The length, where *ret begins; 0: it failed. */
    size_t (*encode)(int which, const uint8_t **ret);
    /* The same with JSON; NULL: the peer has none. */
    int (*from_json)(int which);
    size_t (*to_json)(int which, const char **ret);
};

extern const struct peer peer_atoll;
extern const struct peer peer_atoll_public; /* through <atoll/codec.h> */
extern const struct peer peer_nanopb;
extern const struct peer peer_protobuf_c;        /* a bump allocator below it */
extern const struct peer peer_protobuf_c_malloc; /* as it comes */
extern const struct peer peer_cpp;        /* an arena with a first block, emptied each time */
extern const struct peer peer_cpp_reused; /* the same message object again and again */

/* The samples, made with C++ protobuf. */
void make_samples(struct sample *samples);

#ifdef __cplusplus
}
#endif

#endif
