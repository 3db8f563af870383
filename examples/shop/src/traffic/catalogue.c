/* The part of a run before and after the visitors: the catalogue, and what is left of it. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "traffic/http.h"
#include "traffic/json.h"
#include "traffic/tally.h"
#include "traffic/visitor.h"

enum { TRIES = 100, REST_NS = 100000000, TIMEOUT_MS = 15000 };

/* Before and after the run kills may still be at work: patiently. */
static bool get(struct http *h, const char *path, struct http_answer *ret)
{
    const struct timespec rest = {.tv_nsec = REST_NS};
    struct http_request request = {.method = "GET", .path = path};

    for (int i = 0; i < TRIES; i++) {
        if (http_ask(h, &request, ret) == 0 && ret->status == 200) {
            return true;
        }
        (void)nanosleep(&rest, NULL);
    }
    (void)fprintf(stderr, "shop-traffic: GET %s at %s:%u gives no 200\n", path, h->host,
                  (unsigned)h->port);
    return false;
}

static bool read_one(const char *element, struct traffic_goods *ret)
{
    const char *promotion = json_member(element, "promotion");
    int64_t id;
    int64_t price;
    int64_t percent = 0;
    int64_t buy = 0;
    int64_t free = 0;

    if (!json_int(element, "itemId", &id) || !json_int(element, "price", &price)) {
        return false;
    }
    (void)json_int(promotion, "percent", &percent);
    (void)json_int(promotion, "buy", &buy);
    (void)json_int(promotion, "free", &free);
    *ret = (struct traffic_goods){.item_id = (int32_t)id,
                                  .price = (int32_t)price,
                                  .percent = (int32_t)percent,
                                  .buy = (int32_t)buy,
                                  .free = (int32_t)free};
    return true;
}

static bool read_page(struct traffic *t, struct http *h, char token[64])
{
    struct http_answer a;
    char path[128];

    (void)snprintf(path, sizeof(path), "/products?pageSize=100&pageToken=%s", token);
    if (!get(h, path, &a)) {
        return false;
    }
    for (const char *e = json_first(json_member(a.body, "products"));
         e != NULL && t->goods_count < TRAFFIC_GOODS_MAX; e = json_next(e)) {
        if (!read_one(e, &t->goods[t->goods_count++])) {
            (void)fprintf(stderr, "shop-traffic: not a product: %.150s\n", e);
            return false;
        }
    }
    token[0] = '\0';
    (void)json_text(a.body, "nextPageToken", token, 64);
    return true;
}

static bool read_available(struct http *h, int32_t item_id, int64_t *ret)
{
    struct http_answer a;
    char path[64];

    (void)snprintf(path, sizeof(path), "/stock/%d", item_id);
    return get(h, path, &a) && json_int(a.body, "available", ret);
}

static bool read_all(struct traffic *t, struct http *shop, struct http *stock)
{
    char token[64] = "";

    do {
        if (!read_page(t, shop, token)) {
            return false;
        }
    } while (token[0] != '\0');
    for (size_t i = 0; i < t->goods_count; i++) {
        if (!read_available(stock, t->goods[i].item_id, &t->goods[i].before)) {
            return false;
        }
    }
    if (t->goods_count == 0) {
        (void)fprintf(stderr, "shop-traffic: the shop sells nothing\n");
    }
    return t->goods_count > 0;
}

static bool open_both(const struct traffic *t, struct http **ret_shop, struct http **ret_stock)
{
    struct http *shop = malloc(sizeof(*shop));
    struct http *stock = malloc(sizeof(*stock));
    bool ok = shop != NULL && stock != NULL;

    if (ok) {
        bool shop_ok = http_init(shop, t->shop, TIMEOUT_MS);

        ok = http_init(stock, t->stock, TIMEOUT_MS) && shop_ok;
    }
    if (!ok) {
        (void)fprintf(stderr, "shop-traffic: addresses are written like 127.0.0.1:8080\n");
        free(shop);
        free(stock);
        return false;
    }
    *ret_shop = shop;
    *ret_stock = stock;
    return true;
}

static void close_both(struct http *shop, struct http *stock)
{
    http_deinit(shop);
    http_deinit(stock);
    free(shop);
    free(stock);
}

bool traffic_read_catalogue(struct traffic *t)
{
    struct http *shop;
    struct http *stock;
    bool ok;

    if (!open_both(t, &shop, &stock)) {
        return false;
    }
    ok = read_all(t, shop, stock);
    close_both(shop, stock);
    return ok;
}

void traffic_check_stock(struct traffic *t, struct visitor *const *visitors, size_t count)
{
    struct http *shop;
    struct http *stock;

    if (!open_both(t, &shop, &stock)) {
        tally_wrong(t->tally, "stock could not be read");
        return;
    }
    for (size_t i = 0; i < t->goods_count; i++) {
        int64_t sold = 0;
        int64_t left;

        for (size_t j = 0; j < count; j++) {
            sold += visitors[j] == NULL ? 0 : visitors[j]->sold[i];
        }
        if (!read_available(stock, t->goods[i].item_id, &left)) {
            tally_wrong(t->tally, "item %d: its stock could not be read", t->goods[i].item_id);
        } else if (left < 0 || left != t->goods[i].before - sold) {
            tally_wrong(t->tally,
                        "item %d: there were %" PRId64 ", %" PRId64 " were sold, %" PRId64
                        " are left",
                        t->goods[i].item_id, t->goods[i].before, sold, left);
        }
    }
    close_both(shop, stock);
}
