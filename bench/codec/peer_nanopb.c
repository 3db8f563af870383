/*
 * nanopb: strings and lists inline in the structs, no allocation. The lines of an order go through
 * a callback into an array of ours: Debian's library describes no struct above 64 KiB.
 */
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec.pb.h"
#include "peers.h"

enum { LINES_MAX = 1000 };

struct lines {
    bench_OrderLine at[LINES_MAX];
    size_t count;
};

struct messages {
    bench_Flat flat;
    bench_Cart cart;
    bench_Order order;
    struct lines lines;
};

static const pb_msgdesc_t *const types[SAMPLES] = {&bench_Flat_msg, &bench_Cart_msg,
                                                   &bench_Order_msg};
static const struct sample *given;
static struct messages kept;
static struct messages fresh;
static uint8_t out[SAMPLE_BYTES_MAX];

static bool read_line(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    struct lines *lines = *arg;

    (void)field;
    return lines->count < LINES_MAX &&
           pb_decode(stream, &bench_OrderLine_msg, &lines->at[lines->count++]);
}

static bool write_lines(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    const struct lines *lines = *arg;

    for (size_t i = 0; i < lines->count; i++) {
        if (!pb_encode_tag_for_field(stream, field) ||
            !pb_encode_submessage(stream, &bench_OrderLine_msg, &lines->at[i])) {
            return false;
        }
    }
    return true;
}

static void *message(struct messages *m, int which)
{
    return which == SAMPLE_FLAT   ? (void *)&m->flat
           : which == SAMPLE_CART ? (void *)&m->cart
                                  : (void *)&m->order;
}

static int decode_into(struct messages *m, int which)
{
    pb_istream_t stream = pb_istream_from_buffer(given[which].bytes, given[which].len);

    m->lines.count = 0;
    m->order.lines.funcs.decode = read_line;
    m->order.lines.arg = &m->lines;
    return pb_decode(&stream, types[which], message(m, which));
}

static void setup(const struct sample *samples)
{
    given = samples;
    for (int i = 0; i < SAMPLES; i++) {
        if (!decode_into(&kept, i)) {
            (void)fprintf(stderr, "nanopb cannot decode sample %d\n", i);
            exit(1);
        }
    }
    kept.order.lines.funcs.encode = write_lines;
    kept.order.lines.arg = &kept.lines;
}

static int decode(int which)
{
    return decode_into(&fresh, which);
}

static size_t encode(int which, const uint8_t **ret)
{
    pb_ostream_t stream = pb_ostream_from_buffer(out, sizeof(out));

    *ret = out;
    return pb_encode(&stream, types[which], message(&kept, which)) ? stream.bytes_written : 0;
}

const struct peer peer_nanopb = {"nanopb", setup, decode, encode, NULL, NULL};
