// C++ protobuf. The arena stands on a block that is large enough for every message and is emptied
// before each; beside it, for comparison, one message object that is decoded into again and again.
#include <cstdio>
#include <cstdlib>
#include <google/protobuf/arena.h>
#include <google/protobuf/util/json_util.h>
#include <string>

#include "codec.pb.h"
#include "peers.h"

namespace pb = google::protobuf;

static const sample *given;
alignas(16) static char first_block[4 << 20];
static pb::Arena *arena;
static pb::Message *kept[SAMPLES];
static pb::Message *reused[SAMPLES];
static uint8_t out[SAMPLE_BYTES_MAX];
static std::string text;

static pb::Message *fresh(int which, pb::Arena *arena)
{
    switch (which) {
    case SAMPLE_FLAT: return pb::Arena::CreateMessage<bench::Flat>(arena);
    case SAMPLE_CART: return pb::Arena::CreateMessage<bench::Cart>(arena);
    default: return pb::Arena::CreateMessage<bench::Order>(arena);
    }
}

static void setup(const sample *samples)
{
    pb::ArenaOptions options;

    given = samples;
    options.initial_block = first_block;
    options.initial_block_size = sizeof(first_block);
    if (arena == nullptr) {
        arena = new pb::Arena(options);
    }
    for (int i = 0; i < SAMPLES; i++) {
        kept[i] = fresh(i, nullptr);
        reused[i] = fresh(i, nullptr);
        if (!kept[i]->ParseFromArray(given[i].bytes, (int)given[i].len)) {
            (void)fprintf(stderr, "C++ cannot decode sample %d\n", i);
            exit(1);
        }
    }
}

static int decode(int which)
{
    arena->Reset();
    switch (which) { // so that the compiler sees the type
    case SAMPLE_FLAT:
        return pb::Arena::CreateMessage<bench::Flat>(arena)->ParseFromArray(given[which].bytes,
                                                                            (int)given[which].len);
    case SAMPLE_CART:
        return pb::Arena::CreateMessage<bench::Cart>(arena)->ParseFromArray(given[which].bytes,
                                                                            (int)given[which].len);
    default:
        return pb::Arena::CreateMessage<bench::Order>(arena)->ParseFromArray(given[which].bytes,
                                                                             (int)given[which].len);
    }
}

static int decode_reused(int which)
{
    return reused[which]->ParseFromArray(given[which].bytes, (int)given[which].len);
}

static size_t encode(int which, const uint8_t **ret)
{
    *ret = out;
    return kept[which]->SerializeToArray(out, sizeof(out)) ? kept[which]->GetCachedSize() : 0;
}

static int from_json(int which)
{
    arena->Reset();
    return pb::util::JsonStringToMessage(
               pb::StringPiece(given[which].json, (ptrdiff_t)given[which].json_len),
               fresh(which, arena))
        .ok();
}

static size_t to_json(int which, const char **ret)
{
    text.clear();
    if (!pb::util::MessageToJsonString(*kept[which], &text).ok()) {
        return 0;
    }
    *ret = text.data();
    return text.size();
}

extern const peer peer_cpp = {"C++ arena", setup, decode, encode, from_json, to_json};
extern const peer peer_cpp_reused = {"C++ reused", setup, decode_reused, encode, nullptr, nullptr};

static void fill_flat(bench::Flat *m)
{
    m->set_id(7200451903);
    m->set_at_ms(1768471200123);
    m->set_value(21.4375);
    m->set_valid(true);
    m->set_sensor("berlin-07/roof-02/t1");
    m->set_drift(-12);
    m->set_checksum(0x9E3779B9U);
    m->set_sequence(48211);
    m->set_quality(bench::QUALITY_GOOD);
    m->set_weight(0.75F);
}

static void fill_cart(bench::Cart *m)
{
    static const char *const names[] = {
        "Espresso cup, white", "Filter paper No. 4", "Hand grinder, steel", "Kettle 0.9 l",
        "Scale 0.1 g, USB",    "Oat drink, barista", "Dark roast 250 g",    "Light roast 1 kg",
        "Milk jug, 0.35 l",    "Café brush, beech"};

    m->set_user_id("u-83f1c0e2");
    m->set_currency("EUR");
    m->set_updated_ms(1768471200123);
    m->set_gift(true);
    for (int i = 0; i < 10; i++) {
        bench::CartItem *item = m->add_items();

        item->set_item_id("sku-" + std::to_string(10400 + 37 * i));
        item->set_name(names[i]);
        item->set_quantity(1 + i % 3);
        item->set_price_cents(395 + 640 * i);
    }
}

static void fill_order(bench::Order *m)
{
    bench::Address *to = m->mutable_ship_to();

    m->set_order_id("order-2026-000417");
    m->set_placed_ms(1768471200123);
    to->set_name("Ada Example");
    to->set_street("Lindenstrasse 12");
    to->set_city("Köln");
    to->set_country("DE");
    for (int i = 0; i < 1000; i++) {
        bench::OrderLine *line = m->add_lines();

        line->set_sku("sku-" + std::to_string(100000 + 37 * i));
        line->set_title(i % 10 == 0 ? "Kännchen, 0.5 l, rostfrei" : "Coffee filter, size 4, brown");
        line->set_quantity(1 + i % 7);
        line->mutable_price()->set_currency("EUR");
        line->mutable_price()->set_units(3 + i % 150);
        line->mutable_price()->set_nanos(950000000);
        if (i % 2 == 0) {
            line->set_weight_kg(0.125 * i);
        }
        line->set_fragile(i % 5 == 0);
    }
}

void make_samples(sample *samples)
{
    bench::Flat flat;
    bench::Cart cart;
    bench::Order order;
    pb::Message *all[SAMPLES] = {&flat, &cart, &order};

    fill_flat(&flat);
    fill_cart(&cart);
    fill_order(&order);
    for (int i = 0; i < SAMPLES; i++) {
        std::string json;
        size_t len = all[i]->ByteSizeLong();

        if (len > SAMPLE_BYTES_MAX || !all[i]->SerializeToArray(samples[i].bytes, (int)len) ||
            !pb::util::MessageToJsonString(*all[i], &json).ok() || json.size() > SAMPLE_BYTES_MAX) {
            (void)fprintf(stderr, "sample %d cannot be made\n", i);
            exit(1);
        }
        samples[i].len = len;
        samples[i].json_len = json.size();
        json.copy(samples[i].json, json.size());
    }
}
