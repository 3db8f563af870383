#include "roles/telemetry/cutter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/text.h"
#include "roles/telemetry/limits.h"

/* Pieces as "text|" for a finished line and "text+" for one that goes on. */
static void note_piece(void *user, struct at_bytes text, bool goes_on)
{
    struct at_text *out = user;

    at_text_add(out, text);
    at_text_add_char(out, goes_on ? '+' : '|');
}

struct fixture {
    struct at_cutter cutter;
    struct at_text out;
};

static void begin(struct fixture *f)
{
    at_text_init(&f->out);
    at_cutter_init(&f->cutter, note_piece, &f->out);
}

static void end(struct fixture *f)
{
    at_cutter_deinit(&f->cutter);
    at_text_deinit(&f->out);
}

static void add(struct fixture *f, const char *s)
{
    at_cutter_add(&f->cutter, at_bytes_of(s));
}

TEST(lines_come_whole_however_the_bytes_are_split)
{
    static const char all[] = "one\ntwo\r\n\nthr\xc3\xa9\x65\n";

    for (size_t split = 0; split < sizeof(all); split++) {
        struct fixture f;

        begin(&f);
        at_cutter_add(&f.cutter, at_bytes_over(all, split));
        at_cutter_add(&f.cutter, at_bytes_over(all + split, sizeof(all) - 1 - split));
        if (split == 8) { /* between CR and LF: the CR stays, as at_cutter_add() says */
            CHECK_STR(at_text_str(&f.out), "one|two\r||thr\xc3\xa9\x65|");
        } else {
            CHECK_STR(at_text_str(&f.out), "one|two||thr\xc3\xa9\x65|");
        }
        CHECK(!at_cutter_holds(&f.cutter));
        end(&f);
    }
}

TEST(an_unfinished_line_is_held_until_it_is_flushed)
{
    struct fixture f;

    begin(&f);
    add(&f, "password: ");
    CHECK(at_cutter_holds(&f.cutter));
    CHECK_STR(at_text_str(&f.out), "");
    at_cutter_flush(&f.cutter, true);
    CHECK_STR(at_text_str(&f.out), "password: +");
    add(&f, "secret\nlast");
    at_cutter_flush(&f.cutter, false);
    CHECK_STR(at_text_str(&f.out), "password: +secret|last|");
    CHECK(!at_cutter_holds(&f.cutter));
    end(&f);
}

TEST(a_line_without_end_is_cut_and_memory_stays_bounded)
{
    struct fixture f;
    size_t plus = 0;

    begin(&f);
    for (int i = 0; i < 1000; i++) {
        add(&f, "0123456789012345678901234567890123456789012345678901234567890123");
        CHECK(f.cutter.held_len <= AT_LOG_PIECE_MAX);
    }
    add(&f, "\n");
    for (size_t i = 0; i < f.out.len; i++) {
        plus += f.out.at[i] == '+';
    }
    CHECK(plus == 64000 / AT_LOG_PIECE_MAX);
    CHECK(f.out.len == 64000 + plus + 1);
    end(&f);
}

TEST(a_cut_never_splits_a_character)
{
    for (size_t shift = 0; shift < 4; shift++) {
        struct fixture f;
        struct at_bytes rest;
        struct at_bytes piece;

        begin(&f);
        for (size_t i = 0; i < shift; i++) {
            add(&f, "a");
        }
        for (size_t i = 0; i < AT_LOG_PIECE_MAX; i++) {
            add(&f, "\xe2\x82\xac");
        }
        add(&f, "\n");
        rest = at_text_bytes(&f.out);
        while (at_bytes_cut(&rest, '+', &piece)) {
            CHECK(piece.len <= AT_LOG_PIECE_MAX + 1);
            CHECK(at_bytes_is_utf8(piece));
        }
        end(&f);
    }
}

TEST(without_memory_bytes_pass_through_as_pieces)
{
    struct fixture f;

    begin(&f);
    at_text_add_str(&f.out, "room is taken before the allocation fails, so that only one does");
    at_text_clear(&f.out);
    fail_allocation(1);
    add(&f, "half");
    CHECK(allocation_failed());
    fail_allocation(0);
    add(&f, " and half\n");
    CHECK_STR(at_text_str(&f.out), "half+ and half|");
    end(&f);
}

TEST_MAIN("roles/telemetry/cutter")
