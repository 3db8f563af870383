/*
 * What services write, through the drain and back: bytes are cut into lines, written as log lines,
 * and parsed again by the command line.
 *
 * Properties: where the reads split the bytes changes nothing but pieces; no piece is longer than
 * its limit; nothing is lost; every line that telemetry writes parses back to its stream and text,
 * and is safe for a terminal. Arbitrary bytes as a log line or a file's name are judged, not believed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/logline.h"
#include "roles/telemetry/cutter.h"
#include "roles/telemetry/limits.h"

#define WALL (UINT64_C(1769860800) * AT_SECOND_NS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The whole text again: pieces that go on are joined, lines end with a line end. */
static void join(void *user, struct at_bytes text, bool goes_on)
{
    struct at_text *out = user;

    must(text.len <= AT_LOG_PIECE_MAX);
    must(text.len == 0 || memchr(text.at, '\n', text.len) == NULL);
    at_text_add(out, text);
    if (!goes_on) {
        at_text_add_char(out, '\n');
    }
}

static void cut(struct at_bytes in, size_t step, struct at_text *out)
{
    struct at_cutter c;

    at_cutter_init(&c, join, out);
    while (in.len > 0) {
        at_cutter_add(&c, at_bytes_before(in, step));
        in = at_bytes_after(in, step);
    }
    at_cutter_flush(&c, false);
    at_cutter_deinit(&c);
}

/* As logfile.c writes it, and as the reader must understand it. */
static void round_trip(struct at_bytes text)
{
    struct at_text line;
    struct at_text visible;
    struct at_logline parsed;
    char when[40];

    at_text_init(&line);
    at_text_init(&visible);
    at_time_format(WALL, when, sizeof(when));
    at_text_add_visible(&visible, text);
    at_text_addf(&line, "%s stderr+ ", when);
    at_text_add(&line, at_text_bytes(&visible));
    must(at_logline_parse(at_text_bytes(&line), &parsed));
    must(parsed.wall_ns == WALL && parsed.goes_on);
    must(at_bytes_equal(parsed.stream, AT_LIT("stderr")));
    must(at_bytes_equal(parsed.text, at_text_bytes(&visible)));
    for (size_t i = 0; i < visible.len; i++) {
        must((uint8_t)visible.at[i] >= 0x20 || visible.at[i] == '\t');
        must(visible.at[i] != 0x7f);
    }
    at_text_deinit(&visible);
    at_text_deinit(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_bytes in = at_bytes_over(data, size);
    struct at_text whole;
    struct at_text split;
    struct at_logline line;
    struct at_bytes instance;
    struct at_bytes rest = in;
    struct at_bytes text;
    uint32_t number;
    uint64_t ns;

    /* CR before LF is taken off only when one read brings both: the property is about the rest. */
    if (size == 0 || memchr(data, '\r', size) != NULL) {
        return 0;
    }
    at_text_init(&whole);
    at_text_init(&split);
    cut(in, size, &whole);
    cut(in, 1 + data[0] % 16, &split);
    must(whole.failed || split.failed ||
         at_bytes_equal(at_text_bytes(&whole), at_text_bytes(&split)));
    must(whole.len == size + (data[size - 1] == '\n' ? 0 : 1));
    at_text_deinit(&split);
    at_text_deinit(&whole);
    while (at_bytes_cut(&rest, '\n', &text)) {
        round_trip(text);
        (void)at_logline_parse(text, &line);
        (void)at_logline_parse_when(text, WALL, &ns);
        if (at_logline_parse_file(text, &instance, &number)) {
            must(instance.len > 0 && instance.len < text.len && number <= 1000);
        }
    }
    return 0;
}
