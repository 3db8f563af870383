/* The product service: what the shop sells, at which price, with which promotions. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "common/ask.h"
#include "common/catalogue.h"
#include "common/db.h"
#include "product.atoll.h"
#include "product/store.h"

enum { QUOTE_LINES_MAX = 1000 }; /* bounds the work of one request */

static struct shop_db db;

static struct shop_product_v1_Promotion *promotion_of(struct atoll_call *call,
                                                      const struct shop_goods *g)
{
    struct shop_product_v1_Promotion *p;
    char name[SHOP_NAME_SIZE];

    if (g->percent == 0 && g->free == 0) {
        return NULL;
    }
    p = atoll_alloc(call, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    product_promotion_name(g, name);
    *p = (struct shop_product_v1_Promotion){
        .kind = g->percent > 0 ? SHOP_PRODUCT_V1_PROMOTION_KIND_PERCENT
                               : SHOP_PRODUCT_V1_PROMOTION_KIND_BUY_SOME_GET_FREE,
        .name = shop_str(call, name),
        .percent = g->percent,
        .buy = g->buy,
        .free = g->free,
    };
    return p;
}

static int read_token(struct atoll_call *call, struct atoll_str token, int32_t *ret_after)
{
    char text[16];
    char *end;
    long after;

    *ret_after = 0;
    if (token.len == 0) {
        return ATOLL_OK;
    }
    if (token.at[0] == 'i' && token.len < sizeof(text)) {
        memcpy(text, token.at + 1, token.len - 1);
        text[token.len - 1] = '\0';
        after = strtol(text, &end, 10);
        if (end != text && *end == '\0' && after > 0 && after <= INT32_MAX) {
            *ret_after = (int32_t)after;
            return ATOLL_OK;
        }
    }
    return atoll_fail(call, ATOLL_INVALID_ARGUMENT,
                      "pageToken is not one that a page before gave as nextPageToken");
}

static int list_products(struct atoll_call *call,
                         const struct shop_product_v1_ListProductsRequest *in,
                         struct shop_product_v1_ListProductsResponse *out)
{
    struct shop_goods goods[PRODUCT_PAGE_MAX + 1];
    char query[SHOP_NAME_SIZE];
    size_t page = in->page_size == 0 ? PRODUCT_PAGE_DEFAULT : (size_t)in->page_size;
    size_t count;
    int32_t after;
    int status = shop_ask_text(call, "query", in->query, query, sizeof(query));
    int r;

    if (status == ATOLL_OK && in->page_size < 0) {
        status = atoll_fail(call, ATOLL_INVALID_ARGUMENT, "pageSize must not be negative, not %d",
                            in->page_size);
    }
    if (status == ATOLL_OK) {
        status = read_token(call, in->page_token, &after);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    page = page > PRODUCT_PAGE_MAX ? PRODUCT_PAGE_MAX : page;
    r = product_list(&db, query, after, goods, page + 1, &count, &out->total_size);
    if (r != 0) {
        return shop_fail_store(call, r);
    }
    if (count > page) { /* one more is there: so there is a next page */
        count = page;
        out->next_page_token = atoll_printf(call, "i%d", goods[count - 1].item_id);
    }
    out->products.at = atoll_alloc(call, (count + 1) * sizeof(*out->products.at));
    if (out->products.at == NULL) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        out->products.at[i] = (struct shop_product_v1_Product){
            .item_id = goods[i].item_id,
            .name = shop_str(call, goods[i].name),
            .category = shop_str(call, goods[i].category),
            .price = goods[i].price,
            .promotion = promotion_of(call, &goods[i]),
        };
    }
    out->products.count = count;
    return ATOLL_OK;
}

static int get_product(struct atoll_call *call, const struct shop_product_v1_GetProductRequest *in,
                       struct shop_product_v1_GetProductResponse *out)
{
    struct shop_goods g;
    int r = product_get(&db, in->item_id, &g);

    if (r == PRODUCT_UNKNOWN_ITEM) {
        return atoll_fail(call, ATOLL_NOT_FOUND, "the shop has no item %d", in->item_id);
    }
    if (r != 0) {
        return shop_fail_store(call, r);
    }
    *out = (struct shop_product_v1_GetProductResponse){
        .item_id = g.item_id,
        .name = shop_str(call, g.name),
        .category = shop_str(call, g.category),
        .price = g.price,
        .promotion = promotion_of(call, &g),
    };
    return ATOLL_OK;
}

static int answer_quote(struct atoll_call *call, const struct product_line *lines, size_t count,
                        struct shop_product_v1_QuoteResponse *out)
{
    out->lines.at = atoll_alloc(call, (count + 1) * sizeof(*out->lines.at));
    out->promotions.at = atoll_alloc(call, (count + 1) * sizeof(*out->promotions.at));
    if (out->lines.at == NULL || out->promotions.at == NULL) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        out->lines.at[out->lines.count++] = (struct shop_product_v1_QuoteResponse_Line){
            .item_id = lines[i].item_id,
            .quantity = lines[i].quantity,
            .price = lines[i].price,
        };
        if (lines[i].discount > 0) {
            out->promotions.at[out->promotions.count++] =
                (struct shop_product_v1_QuoteResponse_Discount){
                    .item_id = lines[i].item_id,
                    .name = shop_str(call, lines[i].promotion),
                    .discount = lines[i].discount,
                };
        }
    }
    return ATOLL_OK;
}

static int quote(struct atoll_call *call, const struct shop_product_v1_QuoteRequest *in,
                 struct shop_product_v1_QuoteResponse *out)
{
    size_t count = in->lines.count;
    struct product_line *lines;
    const struct product_line *wrong;
    int status;
    int r;

    if (count > QUOTE_LINES_MAX) {
        return atoll_fail(call, ATOLL_INVALID_ARGUMENT, "lines: %zu of them, %d at most", count,
                          QUOTE_LINES_MAX);
    }
    lines = atoll_alloc(call, (count + 1) * sizeof(*lines));
    if (lines == NULL) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        status = shop_ask_positive(call, "quantity", in->lines.at[i].quantity);
        if (status != ATOLL_OK) {
            return status;
        }
        lines[i] = (struct product_line){.item_id = in->lines.at[i].item_id,
                                         .quantity = in->lines.at[i].quantity};
    }
    r = product_quote(&db, lines, count, &out->total_price, &wrong);
    if (r == PRODUCT_UNKNOWN_ITEM) {
        return atoll_fail(call, ATOLL_NOT_FOUND, "the shop has no item %d", wrong->item_id);
    }
    if (r == PRODUCT_TOO_DEAR) {
        return atoll_fail(call, ATOLL_OUT_OF_RANGE,
                          "totalPrice would pass 2147483647 cents with %d of item %d",
                          wrong->quantity, wrong->item_id);
    }
    return r != 0 ? shop_fail_store(call, r) : answer_quote(call, lines, count, out);
}

int main(int argc, char **argv)
{
    struct shop_catalogue catalogue;
    const char *path = shop_catalogue_option(argc, argv);
    int r;

    if (path == NULL || shop_catalogue_read(path, &catalogue) != 0) {
        return EXIT_FAILURE;
    }
    r = product_open(&db, NULL, &catalogue);
    shop_catalogue_free(&catalogue);
    if (r != 0) {
        return EXIT_FAILURE;
    }
    r = shop_product_v1_ProductService_serve(&(struct shop_product_v1_ProductService){
        .list_products = list_products,
        .get_product = get_product,
        .quote = quote,
    });
    shop_db_close(&db);
    return r;
}
