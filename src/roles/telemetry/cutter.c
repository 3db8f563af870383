#include "roles/telemetry/cutter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "roles/telemetry/limits.h"

void at_cutter_init(struct at_cutter *c, at_cutter_piece *piece, void *user)
{
    *c = (struct at_cutter){.piece = piece, .user = user};
}

void at_cutter_deinit(struct at_cutter *c)
{
    free(c->held);
    c->held = NULL;
    c->held_len = 0;
}

/* At most `max` bytes of b, fewer (also none) when that would split a character. */
static size_t fit(struct at_bytes b, size_t max)
{
    size_t n = b.len < max ? b.len : max;

    if (n == b.len) {
        return n;
    }
    for (size_t back = 0; back < 4 && back <= n; back++) {
        if ((b.at[n - back] & 0xc0) != 0x80) {
            return n - back;
        }
    }
    return n; /* no character is that long: not UTF-8 */
}

static void give_held(struct at_cutter *c, bool goes_on)
{
    char *held = c->held;
    size_t len = c->held_len;

    c->held = NULL;
    c->held_len = 0;
    c->piece(c->user, at_bytes_over(held, len), goes_on);
    free(held);
}

/* Holds b, which has no line end. Out of memory: given at once as a piece, nothing is lost. */
static void hold(struct at_cutter *c, struct at_bytes b)
{
    if (b.len == 0) {
        return;
    }
    if (c->held == NULL) {
        c->held = malloc(AT_LOG_PIECE_MAX);
        c->held_len = 0;
    }
    if (c->held == NULL) {
        c->piece(c->user, b, true);
        return;
    }
    memcpy(c->held + c->held_len, b.at, b.len);
    c->held_len += b.len;
}

/* One stretch without line end; ends: the line is over behind it. */
static void add_stretch(struct at_cutter *c, struct at_bytes b, bool ends)
{
    while (c->held_len + b.len > AT_LOG_PIECE_MAX) {
        size_t n = fit(b, AT_LOG_PIECE_MAX - c->held_len);

        if (c->held != NULL) {
            hold(c, at_bytes_before(b, n));
            give_held(c, true);
        } else {
            c->piece(c->user, at_bytes_before(b, n), true);
        }
        b = at_bytes_after(b, n);
    }
    if (!ends) {
        hold(c, b);
        return;
    }
    if (c->held == NULL) {
        c->piece(c->user, b, false);
        return;
    }
    hold(c, b);
    give_held(c, false);
}

void at_cutter_add(struct at_cutter *c, struct at_bytes in)
{
    while (in.len > 0) {
        size_t n = at_bytes_index(in, '\n');
        bool ends = n < in.len;
        struct at_bytes stretch = at_bytes_before(in, n);

        if (ends && stretch.len > 0 && stretch.at[stretch.len - 1] == '\r') {
            stretch.len--; /* a line end of DOS; one split over two reads stays visible */
        }
        add_stretch(c, stretch, ends);
        in = at_bytes_after(in, n + 1);
    }
}

bool at_cutter_holds(const struct at_cutter *c)
{
    return c->held_len > 0;
}

void at_cutter_flush(struct at_cutter *c, bool goes_on)
{
    if (c->held_len > 0) {
        give_held(c, goes_on);
    }
}
