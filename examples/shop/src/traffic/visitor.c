#include "traffic/visitor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "traffic/http.h"
#include "traffic/json.h"
#include "traffic/tally.h"

enum {
    POPULAR = 12, /* so many goods get most of the attention, and run out */
    RETRY_REST_NS = 20000000,
    SESSION_ACTIONS_MAX = 40,
    ANSWER_TIMEOUT_MS = 15000,
};

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
    struct timespec until = {.tv_sec = (time_t)(ns / UINT64_C(1000000000)),
                             .tv_nsec = (long)(ns % UINT64_C(1000000000))};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

/* splitmix64: the same seed gives the same visit. */
static uint64_t roll(struct visitor *v)
{
    uint64_t z = (v->dice += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t pick(struct visitor *v)
{
    size_t range = v->traffic->goods_count;

    if (roll(v) % 10 < 6 && range > POPULAR) {
        range = POPULAR;
    }
    return roll(v) % range;
}

/*
 * Asks once, or until there is an answer when it may be repeated: by contract, or because it
 * carries a key. false: no answer in time.
 */
static bool ask(struct visitor *v, enum traffic_op op, struct http *h,
                const struct http_request *request, struct http_answer *ret)
{
    bool again = op_kinds[op].may_repeat || request->key != NULL;
    uint64_t give_up = now_ns() + v->traffic->patience_ms * UINT64_C(1000000);

    do {
        uint64_t start = now_ns();
        int r = http_ask(h, request, ret);
        uint64_t us = (now_ns() - start) / 1000;

        if (r == 0 && ret->status < 500) {
            tally_add(v->traffic->tally, op, ret->status < 400 ? TALLY_DONE : TALLY_REFUSED, us);
            return true;
        }
        tally_add(v->traffic->tally, op, TALLY_FAILED, 0);
        if (op_kinds[op].may_repeat) {
            tally_failure(v->traffic->tally, "%s %s: %s after %" PRIu64 " us", request->method,
                          request->path, r != 0 ? strerror(-r) : ret->body, us);
        }
        sleep_until(now_ns() + RETRY_REST_NS);
    } while (again && now_ns() < give_up);
    tally_add(v->traffic->tally, op, TALLY_GIVEN_UP, 0);
    return false;
}

static int64_t discount_of(const struct traffic_goods *g, int32_t quantity)
{
    if (g->percent > 0) {
        return (int64_t)g->price * quantity * g->percent / 100;
    }
    return g->free > 0 ? (int64_t)g->price * (quantity / g->buy) * g->free : 0;
}

static int64_t total_of(const struct visitor *v)
{
    int64_t total = 0;

    for (size_t i = 0; i < v->count; i++) {
        const struct traffic_goods *g = &v->traffic->goods[v->lines[i].goods];

        total += (int64_t)g->price * v->lines[i].quantity - discount_of(g, v->lines[i].quantity);
    }
    return total;
}

static struct visitor_line *line_of(struct visitor *v, size_t goods)
{
    for (size_t i = 0; i < v->count; i++) {
        if (v->lines[i].goods == goods) {
            return &v->lines[i];
        }
    }
    return NULL;
}

static bool is_expected(struct visitor *v, const char *element)
{
    int64_t id;
    int64_t quantity;
    int64_t price;

    if (!json_int(element, "itemId", &id) || !json_int(element, "quantity", &quantity) ||
        !json_int(element, "price", &price)) {
        return false;
    }
    for (size_t i = 0; i < v->count; i++) {
        const struct traffic_goods *g = &v->traffic->goods[v->lines[i].goods];

        if (g->item_id == id) {
            return v->lines[i].quantity == quantity && g->price == price;
        }
    }
    return false;
}

/* The items of an answer are exactly those of our own account. */
static void check_items(struct visitor *v, const char *what, const struct http_answer *a,
                        const char *member)
{
    const char *items = json_member(a->body, member);
    bool success = false;
    size_t count = 0;

    for (const char *e = json_first(items); e != NULL; e = json_next(e), count++) {
        if (!is_expected(v, e)) {
            tally_wrong(v->traffic->tally, "%s of %s: unexpected line in %.150s", what, v->user,
                        a->body);
            return;
        }
    }
    if (items == NULL || count != v->count || !json_bool(a->body, "success", &success) ||
        !success) {
        tally_wrong(v->traffic->tally, "%s of %s: %zu lines expected, got %.150s", what, v->user,
                    v->count, a->body);
    }
}

/* total = price x quantity less the promotions listed, and these are the right ones. */
static void check_total(struct visitor *v, const char *what, const struct http_answer *a)
{
    int64_t listed = 0;
    int64_t expected = 0;
    int64_t total = -1;
    int64_t discount;

    for (const char *e = json_first(json_member(a->body, "promotions")); e != NULL;
         e = json_next(e)) {
        listed += json_int(e, "discount", &discount) ? discount : 0;
    }
    for (size_t i = 0; i < v->count; i++) {
        expected += discount_of(&v->traffic->goods[v->lines[i].goods], v->lines[i].quantity);
    }
    if (!json_int(a->body, "totalPrice", &total) || total != total_of(v) || listed != expected) {
        tally_wrong(v->traffic->tally,
                    "%s of %s: total %" PRId64 " less promotions %" PRId64 " expected, got %.120s",
                    what, v->user, total_of(v), expected, a->body);
    }
}

/* A refusal says why. */
static void check_refusal(struct visitor *v, const char *what, const struct http_answer *a)
{
    char detail[160];

    if (!json_text(a->body, "detail", detail, sizeof(detail)) || detail[0] == '\0') {
        tally_wrong(v->traffic->tally, "%s: %d without a detail: %.150s", what, a->status, a->body);
    }
}

static void begin_session(struct visitor *v)
{
    v->session++;
    v->declined = v->session % 7 == 3;
    v->count = 0;
    (void)snprintf(v->user, sizeof(v->user), "%svisitor-%s-%u-%u", v->declined ? "declined-" : "",
                   v->traffic->run, v->number, v->session);
}

static void next_key(struct visitor *v, char key[64])
{
    (void)snprintf(key, 64, "%s-%u-%u", v->traffic->run, v->number, ++v->keys);
}

static void browse(struct visitor *v)
{
    static const char *const words[] = {"", "kitchen", "lamp", "blue", "nothing has this name"};
    struct http_answer a;
    char path[96];

    (void)snprintf(path, sizeof(path), "/products?pageSize=%u&query=%s", (unsigned)(roll(v) % 30),
                   words[roll(v) % 4]);
    if (ask(v, OP_LIST, &v->shop, &(struct http_request){.method = "GET", .path = path}, &a) &&
        (a.status != 200 || json_member(a.body, "products") == NULL)) {
        tally_wrong(v->traffic->tally, "GET %s: %d %.120s", path, a.status, a.body);
    }
}

static void look(struct visitor *v)
{
    const struct traffic_goods *g = &v->traffic->goods[pick(v)];
    struct http_answer a;
    char path[64];
    int64_t price = -1;
    bool product = roll(v) % 2 == 0;

    (void)snprintf(path, sizeof(path), "/%s/%d", product ? "products" : "stock", g->item_id);
    if (!ask(v, product ? OP_PRODUCT : OP_STOCK, product ? &v->shop : &v->stock,
             &(struct http_request){.method = "GET", .path = path}, &a)) {
        return;
    }
    if (a.status != 200 || !json_int(a.body, "price", &price) || price != g->price) {
        tally_wrong(v->traffic->tally, "GET %s: price %d expected, got %d %.120s", path, g->price,
                    a.status, a.body);
    }
}

static void add_to_account(struct visitor *v, size_t goods, int32_t quantity)
{
    struct visitor_line *line = line_of(v, goods);

    if (line == NULL) {
        line = &v->lines[v->count++];
        *line = (struct visitor_line){.goods = goods};
    }
    line->quantity += quantity;
}

static void add(struct visitor *v)
{
    struct visitor_line before[VISITOR_LINES_MAX];
    size_t count = v->count;
    size_t goods = pick(v);
    int32_t quantity = 1 + (int32_t)(roll(v) % 4);
    struct http_answer a;
    char key[64];
    char body[96];

    if (v->count == VISITOR_LINES_MAX) {
        return;
    }
    memcpy(before, v->lines, sizeof(before));
    next_key(v, key);
    (void)snprintf(body, sizeof(body), "{\"itemId\":%d,\"quantity\":%d}",
                   v->traffic->goods[goods].item_id, quantity);
    if (!ask(v, OP_ADD, &v->shop,
             &(struct http_request){
                 .method = "POST", .path = "/cart", .user = v->user, .key = key, .body = body},
             &a)) {
        begin_session(v); /* nobody knows what that cart holds now */
        return;
    }
    add_to_account(v, goods, quantity);
    if (a.status == 200) {
        check_items(v, "POST /cart", &a, "cartItems");
        return;
    }
    check_refusal(v, "POST /cart", &a);
    if (a.status != 409 && (a.status != 400 || total_of(v) <= INT32_MAX)) {
        tally_wrong(v->traffic->tally, "POST /cart %s: %d %.120s", body, a.status, a.body);
    }
    memcpy(v->lines, before, sizeof(before));
    v->count = count;
}

static void remove_line(struct visitor *v, size_t at)
{
    struct http_answer a;
    char path[64];

    (void)snprintf(path, sizeof(path), "/cart/%d", v->traffic->goods[v->lines[at].goods].item_id);
    if (!ask(v, OP_REMOVE, &v->shop,
             &(struct http_request){.method = "DELETE", .path = path, .user = v->user}, &a)) {
        begin_session(v);
        return;
    }
    v->lines[at] = v->lines[--v->count];
    if (a.status != 200) {
        tally_wrong(v->traffic->tally, "DELETE %s: %d %.120s", path, a.status, a.body);
        return;
    }
    check_items(v, "DELETE /cart", &a, "cartItems");
}

static void view(struct visitor *v)
{
    struct http_answer a;

    if (!ask(v, OP_CART, &v->shop,
             &(struct http_request){.method = "GET", .path = "/cart", .user = v->user}, &a)) {
        return;
    }
    if (a.status != 200) {
        tally_wrong(v->traffic->tally, "GET /cart: %d %.120s", a.status, a.body);
        return;
    }
    check_items(v, "GET /cart", &a, "items");
    check_total(v, "GET /cart", &a);
}

static void note_order(struct visitor *v, const struct http_answer *a)
{
    struct traffic_order *o;

    check_items(v, "POST /orders", a, "items");
    check_total(v, "POST /orders", a);
    if (v->declined) {
        tally_wrong(v->traffic->tally, "an order of %s, whose card is refused", v->user);
    }
    for (size_t i = 0; i < v->count; i++) {
        v->sold[v->lines[i].goods] += v->lines[i].quantity;
    }
    tally_order(v->traffic->tally);
    if (v->order_count == VISITOR_ORDERS_MAX) {
        return;
    }
    o = &v->orders[v->order_count++];
    o->total = total_of(v);
    (void)snprintf(o->user, sizeof(o->user), "%s", v->user);
    if (!json_text(a->body, "id", o->id, sizeof(o->id))) {
        tally_wrong(v->traffic->tally, "POST /orders: no id in %.150s", a->body);
        v->order_count--;
    }
}

static void check_out(struct visitor *v)
{
    struct http_answer a;
    char key[64];

    next_key(v, key);
    if (!ask(v, OP_CHECKOUT, &v->shop,
             &(struct http_request){
                 .method = "POST", .path = "/orders", .user = v->user, .key = key},
             &a)) {
        tally_wrong(v->traffic->tally, "POST /orders of %s: never answered", v->user);
        begin_session(v);
        return;
    }
    if (a.status == 200) {
        note_order(v, &a);
        v->count = 0;
        view(v); /* the cart is empty now */
        begin_session(v);
        return;
    }
    check_refusal(v, "POST /orders", &a);
    if (a.status != 409 && (a.status != 400 || (!v->declined && v->count > 0))) {
        tally_wrong(v->traffic->tally, "POST /orders of %s: %d %.120s", v->user, a.status, a.body);
    }
    view(v); /* the cart is as it was */
    if (v->count > 0) {
        remove_line(v, roll(v) % v->count);
    }
}

static void act(struct visitor *v)
{
    uint64_t what = roll(v) % 100;

    if (what < 15) {
        browse(v);
    } else if (what < 35) {
        look(v);
    } else if (what < 70) {
        add(v);
    } else if (what < 78) {
        if (v->count > 0) {
            remove_line(v, roll(v) % v->count);
        }
    } else if (what < 88) {
        view(v);
    } else {
        check_out(v);
    }
}

static void check_order(struct visitor *v, const struct traffic_order *o)
{
    struct http_answer a;
    char path[96];
    char user[64] = "";
    int64_t total = -1;

    (void)snprintf(path, sizeof(path), "/orders/%s", o->id);
    if (!ask(v, OP_ORDER, &v->shop, &(struct http_request){.method = "GET", .path = path}, &a)) {
        return;
    }
    if (a.status != 200 || !json_int(a.body, "totalPrice", &total) || total != o->total ||
        !json_text(a.body, "userId", user, sizeof(user)) || strcmp(user, o->user) != 0) {
        tally_wrong(v->traffic->tally, "GET %s: %d %.150s", path, a.status, a.body);
    }
}

void visitor_run(struct visitor *v)
{
    uint64_t next = now_ns() + v->traffic->interval_ns * (v->number % 8) / 8;
    unsigned actions = 0;

    v->dice = v->traffic->seed * UINT64_C(1000003) + v->number;
    if (!http_init(&v->shop, v->traffic->shop, ANSWER_TIMEOUT_MS) ||
        !http_init(&v->stock, v->traffic->stock, ANSWER_TIMEOUT_MS)) {
        return;
    }
    begin_session(v);
    while (now_ns() < v->traffic->end_ns) {
        sleep_until(next);
        next += v->traffic->interval_ns;
        if (++actions % SESSION_ACTIONS_MAX == 0) {
            begin_session(v);
        }
        act(v);
    }
    for (size_t i = 0; i < v->order_count; i++) {
        check_order(v, &v->orders[i]);
    }
    http_deinit(&v->shop);
    http_deinit(&v->stock);
}
