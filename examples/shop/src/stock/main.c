/* The stock service: how many there are, and who holds some of them. */
#include <stdbool.h>
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
#include "stock.atoll.h"
#include "stock/store.h"

enum {
    RESERVE_LINES_MAX = 1000, /* bounds the work of one request */
    RESERVATION_ID_SIZE = 256,
};

static struct shop_db db;

static int unknown_item(struct atoll_call *call, int32_t item_id)
{
    return atoll_fail(call, ATOLL_NOT_FOUND, "the shop has no item %d", item_id);
}

static int get_item(struct atoll_call *call, const struct shop_stock_v1_GetItemRequest *in,
                    struct shop_stock_v1_GetItemResponse *out)
{
    int r = stock_get(&db, in->item_id, &out->available, &out->price);

    if (r == STOCK_UNKNOWN_ITEM) {
        return unknown_item(call, in->item_id);
    }
    return r == 0 ? ATOLL_OK : shop_fail_store(call, r);
}

static int reserve_lines(struct atoll_call *call, const struct stock_reservation *reservation)
{
    const struct stock_line *wrong;
    int r = stock_reserve(&db, reservation, &wrong);

    if (r < 0) {
        return shop_fail_store(call, r);
    }
    if (r == STOCK_UNKNOWN_ITEM && wrong != NULL) {
        return unknown_item(call, wrong->item_id);
    }
    if (r == STOCK_SHORT && wrong != NULL) {
        return atoll_fail(call, ATOLL_ABORTED, "stock has %d of item %d, and %d are asked for",
                          wrong->left, wrong->item_id, wrong->quantity);
    }
    if (r == STOCK_RELEASED) {
        return atoll_fail(call, ATOLL_ABORTED, "that reservation was put back already");
    }
    if (r == STOCK_KEY_TAKEN) {
        return atoll_fail(call, ATOLL_ALREADY_EXISTS,
                          "that Idempotency-Key was used for another item or quantity");
    }
    for (size_t i = 0; i < reservation->count; i++) {
        if (reservation->lines[i].now_low) {
            (void)fprintf(stderr, "level=warning event=stock-low item=%d left=%d\n",
                          reservation->lines[i].item_id, reservation->lines[i].left);
        }
    }
    return ATOLL_OK;
}

static int take_item(struct atoll_call *call, const struct shop_stock_v1_TakeItemRequest *in,
                     struct shop_stock_v1_TakeItemResponse *out)
{
    struct stock_line line = {.item_id = in->item_id, .quantity = in->quantity};
    char user[SHOP_USER_SIZE];
    char key[SHOP_KEY_SIZE];
    char random[SHOP_ID_SIZE];
    char id[RESERVATION_ID_SIZE];
    int status = shop_ask_user(call, in->user_id, (struct atoll_str){0}, user);

    if (status == ATOLL_OK) {
        status = shop_ask_key(call, (struct atoll_str){0}, key);
    }
    if (status == ATOLL_OK) {
        status = shop_ask_positive(call, "itemId", in->item_id);
    }
    if (status == ATOLL_OK) {
        status = shop_ask_positive(call, "quantity", in->quantity);
    }
    if (status != ATOLL_OK) {
        return status;
    }
    shop_random_id(random);
    /* The length says where the user ends: both may hold colons. */
    (void)snprintf(id, sizeof(id), "take:%zu:%s:%s", strlen(user), user,
                   key[0] != '\0' ? key : random);
    status = reserve_lines(
        call, &(struct stock_reservation){
                  .id = id, .user = user, .may_put_back = true, .lines = &line, .count = 1});
    if (status != ATOLL_OK) {
        return status;
    }
    *out = (struct shop_stock_v1_TakeItemResponse){
        .success = true, .item_id = in->item_id, .quantity = in->quantity, .available = line.left};
    return ATOLL_OK;
}

static int put_back_item(struct atoll_call *call, const struct shop_stock_v1_PutBackItemRequest *in,
                         struct shop_stock_v1_PutBackItemResponse *out)
{
    char user[SHOP_USER_SIZE];
    int status = shop_ask_user(call, in->user_id, (struct atoll_str){0}, user);
    int r;

    if (status != ATOLL_OK) {
        return status;
    }
    r = stock_put_back(&db, user, in->item_id, &out->quantity, &out->available);
    if (r == STOCK_UNKNOWN_ITEM) {
        return unknown_item(call, in->item_id);
    }
    if (r == STOCK_NONE) {
        return atoll_fail(call, ATOLL_NOT_FOUND,
                          "%s holds no reservation of item %d that could be put back", user,
                          in->item_id);
    }
    if (r != 0) {
        return shop_fail_store(call, r);
    }
    out->success = true;
    out->item_id = in->item_id;
    return ATOLL_OK;
}

static int read_lines(struct atoll_call *call, const struct shop_stock_v1_ReserveRequest *in,
                      struct stock_line **ret)
{
    struct stock_line *lines;
    int status;

    if (in->lines.count == 0 || in->lines.count > RESERVE_LINES_MAX) {
        return atoll_fail(call, ATOLL_INVALID_ARGUMENT, "lines: %zu of them, not 1 to %d",
                          in->lines.count, RESERVE_LINES_MAX);
    }
    lines = atoll_alloc(call, in->lines.count * sizeof(*lines));
    if (lines == NULL) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (size_t i = 0; i < in->lines.count; i++) {
        status = shop_ask_positive(call, "quantity", in->lines.at[i].quantity);
        if (status != ATOLL_OK) {
            return status;
        }
        lines[i] = (struct stock_line){.item_id = in->lines.at[i].item_id,
                                       .quantity = in->lines.at[i].quantity};
    }
    *ret = lines;
    return ATOLL_OK;
}

static int ask_reservation(struct atoll_call *call, struct atoll_str text, char ret[SHOP_KEY_SIZE])
{
    int status = shop_insiders_only(call);

    if (status == ATOLL_OK) {
        status = shop_ask_text(call, "reservationId", text, ret, SHOP_KEY_SIZE);
    }
    if (status == ATOLL_OK && ret[0] == '\0') {
        status = atoll_fail(call, ATOLL_INVALID_ARGUMENT, "reservationId is missing");
    }
    return status;
}

static int reserve(struct atoll_call *call, const struct shop_stock_v1_ReserveRequest *in,
                   struct shop_stock_v1_ReserveResponse *out)
{
    struct stock_line *lines = NULL;
    char user[SHOP_USER_SIZE];
    char id[SHOP_KEY_SIZE];
    int status = ask_reservation(call, in->reservation_id, id);

    (void)out;
    if (status == ATOLL_OK) {
        status = shop_ask_user(call, in->user_id, (struct atoll_str){0}, user);
    }
    if (status == ATOLL_OK) {
        status = read_lines(call, in, &lines);
    }
    if (status != ATOLL_OK || lines == NULL) {
        return status;
    }
    return reserve_lines(call,
                         &(struct stock_reservation){
                             .id = id, .user = user, .lines = lines, .count = in->lines.count});
}

static int release(struct atoll_call *call, const struct shop_stock_v1_ReleaseRequest *in,
                   struct shop_stock_v1_ReleaseResponse *out)
{
    char id[SHOP_KEY_SIZE];
    int status = ask_reservation(call, in->reservation_id, id);
    int r;

    (void)out;
    if (status != ATOLL_OK) {
        return status;
    }
    r = stock_release(&db, id);
    return r == 0 ? ATOLL_OK : shop_fail_store(call, r);
}

int main(int argc, char **argv)
{
    struct shop_catalogue catalogue;
    const char *path = shop_catalogue_option(argc, argv);
    int r;

    if (path == NULL || shop_catalogue_read(path, &catalogue) != 0) {
        return EXIT_FAILURE;
    }
    r = stock_open(&db, NULL, &catalogue);
    shop_catalogue_free(&catalogue);
    if (r != 0) {
        return EXIT_FAILURE;
    }
    r = shop_stock_v1_StockService_serve(&(struct shop_stock_v1_StockService){
        .get_item = get_item,
        .take_item = take_item,
        .put_back_item = put_back_item,
        .reserve = reserve,
        .release = release,
    });
    shop_db_close(&db);
    return r;
}
