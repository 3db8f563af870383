/*
 * Prices that change while people look: a service of streams.
 *
 * Upload is the simple way to serve a stream: its handler receives, and waits in its thread.
 * Watch is the other one: streams live for long and there may be thousands, so the handler keeps
 * the stream and returns, and one thread feeds all of them by events. A watcher who reads slowly
 * costs nobody anything: it misses the prices in between and gets the newest.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "prices.atoll.h"

enum { ITEMS_MAX = 1000, NAME_MAX_BYTES = 40 };

struct item {
    char name[NAME_MAX_BYTES + 1];
    int64_t cents;
    uint64_t version; /* of the last change; all changes are numbered together */
};

/* Somebody who watches. Once it is in the list it belongs to the thread that feeds. */
struct watcher {
    struct watcher *next;
    struct atoll_stream *stream; /* NULL: it has ended */
    char item[NAME_MAX_BYTES + 1];
    uint64_t seen; /* the newest change that was sent */
    bool sending;
    int under_way; /* what an event will still come for */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static struct item items[ITEMS_MAX];
static size_t item_count;
static uint64_t version;
static struct watcher *watchers;

static bool is(const char *name, struct atoll_str s)
{
    return strlen(name) == s.len && memcmp(name, s.at, s.len) == 0;
}

/* ---- Upload ---- */

/* Lock held. NULL: there are too many. */
static struct item *find(struct atoll_str name)
{
    for (size_t i = 0; i < item_count; i++) {
        if (is(items[i].name, name)) {
            return &items[i];
        }
    }
    if (item_count == ITEMS_MAX) {
        return NULL;
    }
    memcpy(items[item_count].name, name.at, name.len);
    items[item_count].cents = -1;
    return &items[item_count++];
}

static int set(struct atoll_call *call, const struct prices_v1_Price *price,
               struct prices_v1_UploadResponse *out)
{
    struct item *item;
    bool changed;

    if (price->item.len == 0 || price->item.len > NAME_MAX_BYTES || price->cents < 0) {
        return atoll_fail(call, ATOLL_INVALID_ARGUMENT,
                          "price %d: an item has 1 to %d bytes and a price is not negative",
                          out->accepted + 1, NAME_MAX_BYTES);
    }
    (void)pthread_mutex_lock(&lock);
    item = find(price->item);
    changed = item != NULL && item->cents != price->cents;
    if (changed) {
        item->cents = price->cents;
        item->version = ++version;
    }
    (void)pthread_mutex_unlock(&lock);
    if (item == NULL) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "there are %d items already", ITEMS_MAX);
    }
    out->accepted++;
    out->changed += changed;
    return changed && atoll_post(NULL, 0) < 0
               ? atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory to tell the watchers")
               : ATOLL_OK;
}

static int upload(struct atoll_call *call, struct atoll_stream *in,
                  struct prices_v1_UploadResponse *out)
{
    struct prices_v1_Price price;
    int status;

    while ((status = prices_v1_PriceService_upload_server_recv(in, &price)) == ATOLL_OK) {
        status = set(call, &price, out);
        if (status != ATOLL_OK) {
            return status;
        }
    }
    return status == ATOLL_STREAM_END ? ATOLL_OK : status;
}

/* ---- Watch ---- */

/* The oldest change that the watcher has not seen, if any. */
static bool next_price(const struct watcher *w, struct item *ret)
{
    const struct item *best = NULL;

    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < item_count; i++) {
        const struct item *it = &items[i];

        if (it->version > w->seen && (best == NULL || it->version < best->version) &&
            (w->item[0] == '\0' || strcmp(w->item, it->name) == 0)) {
            best = it;
        }
    }
    if (best != NULL) {
        *ret = *best;
    }
    (void)pthread_mutex_unlock(&lock);
    return best != NULL;
}

static void feed(struct watcher *w)
{
    struct item item;
    struct prices_v1_Price price = {0};

    if (w->stream == NULL || w->sending || !next_price(w, &item)) {
        return;
    }
    price.item = (struct atoll_str){item.name, strlen(item.name)};
    price.cents = item.cents;
    /* The message is taken at once; the event comes when the watcher has room for the next. */
    w->sending =
        prices_v1_PriceService_watch_server_send_async(w->stream, &price, NULL, w) == ATOLL_OK;
    if (w->sending) {
        w->seen = item.version;
        w->under_way++;
    }
}

static void feed_all(void)
{
    struct watcher *w;

    (void)pthread_mutex_lock(&lock);
    w = watchers;
    (void)pthread_mutex_unlock(&lock);
    for (; w != NULL; w = w->next) { /* others only put new ones in front */
        feed(w);
    }
}

static void forget(struct watcher *w)
{
    struct watcher **at = &watchers;

    (void)pthread_mutex_lock(&lock);
    while (*at != w) {
        at = &(*at)->next;
    }
    *at = w->next;
    (void)pthread_mutex_unlock(&lock);
    free(w);
}

static void *feed_for_ever(void *user)
{
    struct atoll_event event;

    (void)user;
    while (atoll_next(&event, -1) == 1) {
        struct watcher *w = event.tag;

        if (event.kind == ATOLL_EVENT_POSTED) {
            feed_all();
            continue;
        }
        w->under_way--;
        if (event.kind == ATOLL_EVENT_GONE && event.stream != NULL) {
            w->stream = NULL; /* the watcher has gone, or the service stops */
            atoll_stream_end(event.stream, event.status == ATOLL_UNAVAILABLE
                                               ? atoll_fail(event.call, ATOLL_UNAVAILABLE,
                                                            "the service is stopping; watch again")
                                               : event.status);
        } else if (event.kind == ATOLL_EVENT_SEND) {
            w->sending = false;
            feed(w);
        }
        if (w->under_way == 0) {
            forget(w);
        }
    }
    return NULL;
}

static int watch(struct atoll_call *call, const struct prices_v1_WatchRequest *in,
                 struct atoll_stream *out)
{
    struct watcher *w;
    int kept;

    if (in->item.len > NAME_MAX_BYTES) {
        return atoll_fail(call, ATOLL_INVALID_ARGUMENT, "an item has at most %d bytes",
                          NAME_MAX_BYTES);
    }
    w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory for another watcher");
    }
    if (in->item.len > 0) {
        memcpy(w->item, in->item.at, in->item.len);
    }
    w->stream = out;
    w->under_way = 1;
    kept = atoll_stream_keep(out);
    (void)pthread_mutex_lock(&lock);
    w->next = watchers;
    watchers = w;
    (void)pthread_mutex_unlock(&lock);
    if (atoll_stream_gone_async(out, NULL, w) != ATOLL_OK || atoll_post(NULL, 0) < 0) {
        abort(); /* no memory: the supervisor starts us again */
    }
    return kept; /* the thread is free, the stream stays */
}

int main(void)
{
    static const struct prices_v1_PriceService handlers = {.watch = watch, .upload = upload};
    pthread_t feeder;

    if (pthread_create(&feeder, NULL, feed_for_ever, NULL) != 0) {
        return 1;
    }
    return prices_v1_PriceService_serve(&handlers);
}
