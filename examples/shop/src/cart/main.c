/* The cart service: what each user is about to buy, priced by product and held against stock. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "cart.atoll.h"
#include "cart/store.h"
#include "common/ask.h"
#include "common/db.h"
#include "product.atoll.h"
#include "stock.atoll.h"

/* How often one addition may lose against other requests for the same cart. */
enum { ADD_ATTEMPTS_MAX = 32 };

static struct shop_db db;

static int fail_memory(struct atoll_call *call)
{
    return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "out of memory");
}

/* An empty cart needs no one else: it can be looked at while product is away. */
static int ask_quote(struct atoll_call *call, const struct cart *cart,
                     struct shop_product_v1_QuoteResponse *ret)
{
    struct shop_product_v1_QuoteRequest request = {0};
    int status;

    *ret = (struct shop_product_v1_QuoteResponse){0};
    if (cart->count == 0) {
        return ATOLL_OK;
    }
    request.lines.at = atoll_alloc(call, cart->count * sizeof(*request.lines.at));
    if (request.lines.at == NULL) {
        return fail_memory(call);
    }
    for (size_t i = 0; i < cart->count; i++) {
        request.lines.at[i] = (struct shop_product_v1_QuoteRequest_Line){
            .item_id = cart->lines[i].item_id, .quantity = cart->lines[i].quantity};
    }
    request.lines.count = cart->count;
    status = shop_product_v1_ProductService_quote(call, &request, ret);
    return status == ATOLL_OK ? ATOLL_OK : shop_pass_on(call, status);
}

/* NULL: out of memory. */
static struct shop_cart_v1_CartItem *items_of(struct atoll_call *call,
                                              const struct shop_product_v1_QuoteResponse *quote)
{
    struct shop_cart_v1_CartItem *items =
        atoll_alloc(call, (quote->lines.count + 1) * sizeof(*items));

    for (size_t i = 0; items != NULL && i < quote->lines.count; i++) {
        items[i] = (struct shop_cart_v1_CartItem){.item_id = quote->lines.at[i].item_id,
                                                  .quantity = quote->lines.at[i].quantity,
                                                  .price = quote->lines.at[i].price};
    }
    return items;
}

/* What the user has now, priced. */
static int read_priced(struct atoll_call *call, const char *user,
                       struct shop_product_v1_QuoteResponse *ret)
{
    struct cart cart;
    int r = cart_read(&db, user, &cart);

    return r != 0 ? shop_fail_store(call, r) : ask_quote(call, &cart, ret);
}

/* Stock has to have as many as the cart will hold; nothing is reserved. */
static int ask_stock(struct atoll_call *call, int32_t item_id, int64_t wanted)
{
    struct shop_stock_v1_GetItemRequest request = {.item_id = item_id};
    struct shop_stock_v1_GetItemResponse reply = {0};
    int status = shop_stock_v1_StockService_get_item(call, &request, &reply);

    if (status != ATOLL_OK) {
        return shop_pass_on(call, status);
    }
    if (reply.available < wanted) {
        return atoll_fail(call, ATOLL_ABORTED,
                          "stock has %d of item %d, and the cart would hold %lld", reply.available,
                          item_id, (long long)wanted);
    }
    return ATOLL_OK;
}

/* The cart as it would be. wanted fits: stock has as many. */
static int with_addition(struct atoll_call *call, struct cart *cart, const struct cart_line *more)
{
    int64_t wanted = more->quantity;
    size_t at = 0;
    int status;

    while (at < cart->count && cart->lines[at].item_id != more->item_id) {
        at++;
    }
    if (at == CART_LINES_MAX) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED,
                          "the cart holds %d different items, and no more fit", CART_LINES_MAX);
    }
    if (at < cart->count) {
        wanted += cart->lines[at].quantity;
    } else {
        cart->count++;
    }
    status = ask_stock(call, more->item_id, wanted);
    if (status == ATOLL_OK) {
        cart->lines[at] = (struct cart_line){.item_id = more->item_id, .quantity = (int32_t)wanted};
    }
    return status;
}

static int tell(struct atoll_call *call, int result)
{
    switch ((enum cart_result)result) {
    case CART_OK:
    case CART_REPEAT: return ATOLL_OK;
    case CART_KEY_TAKEN:
        return atoll_fail(call, ATOLL_ALREADY_EXISTS,
                          "that Idempotency-Key was used for another item or quantity");
    case CART_FULL:
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED,
                          "the cart holds %d different items, and no more fit", CART_LINES_MAX);
    case CART_CHANGED: return atoll_fail(call, ATOLL_ABORTED, "the cart keeps changing; try again");
    case CART_NONE:
    default: return shop_fail_store(call, result);
    }
}

static int add_line(struct atoll_call *call, struct cart_addition *a,
                    struct shop_product_v1_QuoteResponse *ret)
{
    int result = CART_CHANGED;

    for (int i = 0; i < ADD_ATTEMPTS_MAX && result == CART_CHANGED; i++) {
        struct cart cart;
        int status;

        result = cart_known(&db, a);
        if (result == CART_REPEAT) {
            return read_priced(call, a->user, ret);
        }
        if (result == CART_OK) {
            result = cart_read(&db, a->user, &cart);
        }
        if (result != CART_OK) {
            break;
        }
        status = with_addition(call, &cart, &a->line);
        if (status == ATOLL_OK) {
            status = ask_quote(call, &cart, ret);
        }
        if (status != ATOLL_OK) {
            return status;
        }
        a->revision = cart.revision;
        result = cart_add(&db, a);
        result = result == CART_REPEAT ? CART_CHANGED : result; /* our twin was faster: read it */
    }
    return tell(call, result);
}

static int add_item(struct atoll_call *call, const struct shop_cart_v1_AddItemRequest *in,
                    struct shop_cart_v1_AddItemResponse *out)
{
    static const struct shop_cart_v1_AddItemRequest_Item none;
    const struct shop_cart_v1_AddItemRequest_Item *item = in->item == NULL ? &none : in->item;
    struct shop_product_v1_QuoteResponse quote = {0};
    char user[SHOP_USER_SIZE];
    char key[SHOP_KEY_SIZE];
    struct cart_addition a = {.line = {.item_id = item->item_id, .quantity = item->quantity}};
    int status = shop_ask_user(call, in->user_id, item->user_id, user);

    if (status == ATOLL_OK) {
        status = shop_ask_key(call, (struct atoll_str){0}, key);
    }
    if (status == ATOLL_OK) {
        status = shop_ask_positive(call, "itemId", item->item_id);
    }
    if (status == ATOLL_OK) {
        status = shop_ask_positive(call, "quantity", item->quantity);
    }
    if (status == ATOLL_OK) {
        a.user = user;
        a.key = key[0] == '\0' ? NULL : key;
        status = add_line(call, &a, &quote);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    out->success = true;
    out->cart_items.count = quote.lines.count;
    out->cart_items.at = items_of(call, &quote);
    return out->cart_items.at != NULL ? ATOLL_OK : fail_memory(call);
}

static int ask_is_sold(struct atoll_call *call, int32_t item_id)
{
    struct shop_product_v1_GetProductRequest request = {.item_id = item_id};
    struct shop_product_v1_GetProductResponse reply;
    int status = shop_product_v1_ProductService_get_product(call, &request, &reply);

    return status == ATOLL_OK ? ATOLL_OK : shop_pass_on(call, status);
}

static int remove_item(struct atoll_call *call, const struct shop_cart_v1_RemoveItemRequest *in,
                       struct shop_cart_v1_RemoveItemResponse *out)
{
    struct shop_product_v1_QuoteResponse quote = {0};
    char user[SHOP_USER_SIZE];
    int status = shop_ask_user(call, in->user_id, (struct atoll_str){0}, user);
    int r;

    if (status != ATOLL_OK) {
        return status;
    }
    r = cart_remove(&db, user, in->item_id);
    if (r < 0) {
        return shop_fail_store(call, r);
    }
    if (r == CART_NONE) {
        status = ask_is_sold(call, in->item_id);
    }
    if (status == ATOLL_OK) {
        status = read_priced(call, user, &quote);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    out->success = true;
    out->cart_items.count = quote.lines.count;
    out->cart_items.at = items_of(call, &quote);
    return out->cart_items.at != NULL ? ATOLL_OK : fail_memory(call);
}

static int get_cart(struct atoll_call *call, const struct shop_cart_v1_GetCartRequest *in,
                    struct shop_cart_v1_GetCartResponse *out)
{
    struct shop_product_v1_QuoteResponse quote = {0};
    char user[SHOP_USER_SIZE];
    int status = shop_ask_user(call, in->user_id, (struct atoll_str){0}, user);

    if (status == ATOLL_OK) {
        status = read_priced(call, user, &quote);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    out->success = true;
    out->total_price = quote.total_price;
    out->items.count = quote.lines.count;
    out->items.at = items_of(call, &quote);
    out->promotions.at =
        atoll_alloc(call, (quote.promotions.count + 1) * sizeof(*out->promotions.at));
    if (out->items.at == NULL || out->promotions.at == NULL) {
        return fail_memory(call);
    }
    for (size_t i = 0; i < quote.promotions.count; i++) {
        out->promotions.at[i] =
            (struct shop_cart_v1_CartPromotion){.item_id = quote.promotions.at[i].item_id,
                                                .name = quote.promotions.at[i].name,
                                                .discount = quote.promotions.at[i].discount};
    }
    out->promotions.count = quote.promotions.count;
    return ATOLL_OK;
}

static int take_out(struct atoll_call *call, const struct shop_cart_v1_TakeOutRequest *in,
                    struct shop_cart_v1_TakeOutResponse *out)
{
    struct cart_line lines[CART_LINES_MAX];
    char user[SHOP_USER_SIZE];
    char id[SHOP_KEY_SIZE];
    int status = shop_insiders_only(call);
    int r;

    (void)out;
    if (status == ATOLL_OK) {
        status = shop_ask_text(call, "checkoutId", in->checkout_id, id, sizeof(id));
    }
    if (status == ATOLL_OK) {
        status = shop_ask_user(call, in->user_id, (struct atoll_str){0}, user);
    }
    if (status == ATOLL_OK && in->lines.count > CART_LINES_MAX) {
        status = atoll_fail(call, ATOLL_INVALID_ARGUMENT, "lines: %zu of them, %d at most",
                            in->lines.count, CART_LINES_MAX);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    for (size_t i = 0; i < in->lines.count; i++) {
        lines[i] = (struct cart_line){.item_id = in->lines.at[i].item_id,
                                      .quantity = in->lines.at[i].quantity};
    }
    r = cart_take_out(&db, id, user, lines, in->lines.count);
    return r == 0 ? ATOLL_OK : shop_fail_store(call, r);
}

int main(void)
{
    int r;

    if (cart_open(&db, NULL) != 0) {
        return EXIT_FAILURE;
    }
    r = shop_cart_v1_CartService_serve(&(struct shop_cart_v1_CartService){
        .add_item = add_item,
        .remove_item = remove_item,
        .get_cart = get_cart,
        .take_out = take_out,
    });
    shop_db_close(&db);
    return r;
}
