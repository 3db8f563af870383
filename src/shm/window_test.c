#include "shm/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "at_test.h"
#include "shm/channel.h"

enum { LAYOUT = 2, REGION = sizeof(struct at_region) + AT_RING_BYTES };

/* Both ends of a channel in one process. */
struct pair {
    struct at_channel a;
    struct at_channel b;
};

static void pair_init(struct pair *p)
{
    struct at_region *ra;
    struct at_region *rb;
    const struct at_region *seen_a;
    const struct at_region *seen_b;
    enum at_channel_rule rule;
    int fa;
    int fb;

    CHECK_INT(at_region_create(AT_RING_BYTES, 9, LAYOUT, &ra, &fa), 0);
    CHECK_INT(at_region_create(AT_RING_BYTES, 9, LAYOUT, &rb, &fb), 0);
    CHECK_INT(at_region_accept(fa, REGION, 9, LAYOUT, &seen_a, &rule), 0);
    CHECK_INT(at_region_accept(fb, REGION, 9, LAYOUT, &seen_b, &rule), 0);
    (void)close(fa);
    (void)close(fb);
    at_channel_init(&p->a, ra, REGION, seen_b, REGION);
    at_channel_init(&p->b, rb, REGION, seen_a, REGION);
}

static void pair_deinit(struct pair *p)
{
    at_channel_deinit(&p->a);
    at_channel_deinit(&p->b);
}

static void hand_over(struct pair *p)
{
    int fd = -1;

    CHECK_INT(at_window_offer(&p->a, &fd), 0);
    CHECK(!at_window_is_open(&p->a));
    CHECK_INT(at_window_accept(&p->b, fd, p->a.window.number), 0);
    CHECK(at_window_is_open(&p->a));
    (void)close(fd);
}

/* Writes `len` bytes of value i by way of the window. 0 or AT_CHANNEL_FULL. */
static int put(struct at_channel *ch, uint32_t i, uint32_t len)
{
    struct at_record r = {.kind = AT_RECORD_DATA, .call_id = i};
    uint8_t *to;
    int x = at_window_next(ch, &to);

    if (x == 0) {
        memset(to, (int)(i % 251), len);
        at_window_put(ch, &r, len);
    }
    return x;
}

static void take(struct at_channel *ch, uint32_t i, uint32_t len)
{
    static uint8_t got[AT_WINDOW_CHUNK];
    static uint8_t expected[AT_WINDOW_CHUNK];
    struct at_record r;

    CHECK_INT(at_channel_next(ch, &r), 0);
    CHECK_INT(r.call_id, i);
    CHECK_INT(r.len, len);
    at_channel_copy(ch, 0, got, len / 2);
    at_channel_copy(ch, len / 2, got + len / 2, len - len / 2);
    memset(expected, (int)(i % 251), len);
    CHECK(memcmp(got, expected, len) == 0);
    at_channel_consume(ch, &r);
}

TEST(chunks_of_every_length_come_out_as_they_went_in_among_records_of_the_ring)
{
    struct pair p;
    struct at_record r = {.kind = AT_RECORD_PING};

    pair_init(&p);
    hand_over(&p);
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t len = 1 + i * 331 % AT_WINDOW_CHUNK;

        CHECK_INT(put(&p.a, i, len), 0);
        if (i % 3 == 0) {
            r.len = 5;
            CHECK_INT(at_channel_put(&p.a, &r, AT_LIT("hello"), (struct at_bytes){0}), 0);
        }
        at_channel_publish(&p.a);
        take(&p.b, i, len);
        if (i % 3 == 0) {
            char text[5];

            CHECK_INT(at_channel_next(&p.b, &r), 0);
            at_channel_copy(&p.b, 0, text, 5);
            CHECK(memcmp(text, "hello", 5) == 0);
            at_channel_consume(&p.b, &r);
        }
        at_channel_tell(&p.b);
    }
    pair_deinit(&p);
}

TEST(a_full_window_says_so_and_takes_again_what_was_consumed)
{
    struct pair p;

    pair_init(&p);
    hand_over(&p);
    for (uint32_t i = 0; i < AT_WINDOW_CHUNKS; i++) {
        CHECK_INT(put(&p.a, i, AT_WINDOW_CHUNK), 0);
    }
    CHECK_INT(put(&p.a, AT_WINDOW_CHUNKS, 1), AT_CHANNEL_FULL);
    at_channel_publish(&p.a);
    CHECK(at_channel_arm(&p.a, AT_WAIT_ROOM)); /* full, and the peer has not moved: it may sleep */
    take(&p.b, 0, AT_WINDOW_CHUNK);
    at_channel_tell(&p.b);
    CHECK_INT(put(&p.a, AT_WINDOW_CHUNKS, 1), 0);
    CHECK_INT(at_window_is_consumed(&p.a), AT_CHANNEL_FULL);
    pair_deinit(&p);
}

TEST(who_waits_for_a_chunk_does_not_sleep_when_one_became_free_meanwhile)
{
    struct pair p;

    pair_init(&p);
    hand_over(&p);
    for (uint32_t i = 0; i < AT_WINDOW_CHUNKS; i++) {
        CHECK_INT(put(&p.a, i, 1), 0);
    }
    at_channel_publish(&p.a);
    take(&p.b, 0, 1);
    at_channel_tell(&p.b);
    CHECK_INT(put(&p.a, AT_WINDOW_CHUNKS, 1), 0);
    CHECK_INT(put(&p.a, AT_WINDOW_CHUNKS + 1, 1), AT_CHANNEL_FULL);
    CHECK(at_channel_arm(&p.a, AT_WAIT_ROOM)); /* not kept awake by what it has used up */
    at_channel_disarm(&p.a);
    take(&p.b, 1, 1);
    at_channel_tell(&p.b);
    CHECK(!at_channel_arm(&p.a, AT_WAIT_ROOM));
    pair_deinit(&p);
}

TEST(a_window_given_back_is_unmapped_at_both_ends_and_another_may_follow)
{
    struct pair p;
    struct at_record r;
    int fd;

    pair_init(&p);
    for (uint32_t n = 1; n <= 3; n++) {
        hand_over(&p);
        CHECK_INT(put(&p.a, n, 100), 0);
        at_channel_publish(&p.a);
        CHECK_INT(at_window_is_consumed(&p.a), AT_CHANNEL_FULL);
        take(&p.b, n, 100);
        at_channel_tell(&p.b);
        CHECK_INT(at_window_is_consumed(&p.a), 0);
        CHECK_INT(at_window_offer(&p.a, &fd), -EBUSY);
        CHECK_INT(at_window_give_back(&p.a), 0);
        CHECK(p.a.window.at == NULL);
        CHECK_INT(at_window_offer(&p.a, &fd), -EBUSY); /* the peer holds the last one */
        at_channel_publish(&p.a);
        CHECK_INT(at_channel_next(&p.b, &r), 0);
        CHECK_INT(r.kind, AT_RECORD_EXT_RETURN);
        CHECK_INT(r.call_id, n);
        at_channel_consume(&p.b, &r);
        CHECK_INT(at_window_returned(&p.b, r.call_id), 0);
        CHECK(p.b.peer_window.at == NULL);
        at_channel_tell(&p.b);
    }
    pair_deinit(&p);
}

TEST(an_offer_that_comes_later_than_its_return_is_left)
{
    struct pair p;
    int first;
    int second;

    pair_init(&p);
    CHECK_INT(at_window_offer(&p.a, &first), 0);
    CHECK_INT(at_window_give_back(&p.a), 0);
    CHECK_INT(at_window_offer(&p.a, &second), 0);
    CHECK_INT(at_window_give_back(&p.a), 0);
    CHECK_INT(at_window_returned(&p.b, 1), 0);
    CHECK_INT(at_window_returned(&p.b, 2), 0);
    CHECK_INT(at_window_accept(&p.b, first, 1), 0);
    CHECK_INT(at_window_accept(&p.b, second, 2), 0);
    CHECK(p.b.peer_window.at == NULL);
    (void)close(first);
    (void)close(second);
    hand_over(&p);
    pair_deinit(&p);
}

TEST(an_unused_window_makes_way_for_the_next_a_used_one_does_not)
{
    struct pair p;
    int fd;

    pair_init(&p);
    CHECK_INT(at_window_offer(&p.a, &fd), 0);
    CHECK_INT(at_window_accept(&p.b, fd, 1), 0);
    CHECK_INT(at_window_accept(&p.b, fd, 2), 0);
    CHECK_INT(at_window_accept(&p.b, fd, 2), AT_CHANNEL_BROKEN);
    p.a.window.number = 2;
    CHECK_INT(put(&p.a, 1, 1), 0);
    at_channel_publish(&p.a);
    take(&p.b, 1, 1);
    CHECK_INT(at_window_accept(&p.b, fd, 3), AT_CHANNEL_BROKEN);
    CHECK_INT(p.b.rule, AT_RULE_CHUNK);
    (void)close(fd);
    pair_deinit(&p);
}

/* A record as it stands, which b must refuse. */
static void refused(bool with_window, struct at_record r)
{
    static const uint8_t zeros[64];
    struct pair p;
    struct at_record got;

    pair_init(&p);
    if (with_window) {
        hand_over(&p);
    }
    CHECK_INT(at_channel_put(&p.a, &r, at_bytes_over(zeros, r.len), (struct at_bytes){0}), 0);
    at_channel_publish(&p.a);
    CHECK_INT(at_channel_next(&p.b, &got), AT_CHANNEL_BROKEN);
    CHECK_INT(p.b.rule, AT_RULE_CHUNK);
    pair_deinit(&p);
}

TEST(a_record_that_names_anything_but_the_next_chunk_breaks_the_channel)
{
    refused(false, (struct at_record){.ext_len = 1});
    refused(true, (struct at_record){.ext_len = AT_WINDOW_CHUNK + 1});
    refused(true, (struct at_record){.ext_len = UINT32_MAX});
    refused(true, (struct at_record){.ext_len = 1, .len = 1});
    refused(true, (struct at_record){.ext_len = 1, .ext_off = 1});
    refused(true, (struct at_record){.ext_len = 1, .ext_off = AT_WINDOW_CHUNK});
    refused(true, (struct at_record){.ext_len = 1, .ext_off = AT_WINDOW_BYTES});
    refused(true, (struct at_record){.ext_len = 1, .ext_off = UINT32_MAX - AT_WINDOW_CHUNK + 1});
}

TEST(random_extents_never_lead_out_of_the_window)
{
    static uint8_t got[AT_WINDOW_CHUNK];
    uint32_t seed = 1;
    int accepted = 0;

    for (int round = 0; round < 25; round++) {
        struct pair p;
        int x = 0;

        pair_init(&p);
        hand_over(&p);
        for (int i = 0; i < 40 && x == 0; i++) {
            struct at_record r = {.kind = AT_RECORD_DATA};

            seed = seed * 1664525 + 1013904223;
            r.ext_len = seed >> (15 + seed % 17);
            r.ext_off = seed % 4 == 0 ? seed : (uint32_t)i % AT_WINDOW_CHUNKS * AT_WINDOW_CHUNK;
            CHECK_INT(at_channel_put(&p.a, &r, (struct at_bytes){0}, (struct at_bytes){0}), 0);
            at_channel_publish(&p.a);
            x = at_channel_next(&p.b, &r);
            if (x == 0) {
                CHECK(r.len <= AT_WINDOW_CHUNK);
                at_channel_copy(&p.b, 0, got, r.len);
                at_channel_consume(&p.b, &r);
                accepted++;
            }
        }
        pair_deinit(&p);
    }
    CHECK(accepted > 30);
}

TEST(a_reader_that_says_it_consumed_what_was_never_written_breaks_the_channel)
{
    struct pair p;

    pair_init(&p);
    hand_over(&p);
    for (uint32_t i = 0; i < AT_WINDOW_CHUNKS; i++) {
        CHECK_INT(put(&p.a, i, 1), 0);
    }
    at_channel_publish(&p.a);
    atomic_store(&p.b.mine->window_taken, AT_WINDOW_CHUNKS + 1);
    CHECK_INT(put(&p.a, 9, 1), AT_CHANNEL_BROKEN);
    CHECK_INT(p.a.rule, AT_RULE_TAKEN_RANGE);
    CHECK_INT(at_window_is_consumed(&p.a), AT_CHANNEL_BROKEN);
    pair_deinit(&p);
}

TEST(a_reader_that_claims_another_window_gets_none)
{
    struct pair p;
    int fd;

    pair_init(&p);
    atomic_store(&p.b.mine->window_seen, 7);
    CHECK_INT(at_window_offer(&p.a, &fd), -EBUSY);
    atomic_store(&p.b.mine->window_seen, 0);
    CHECK_INT(at_window_offer(&p.a, &fd), 0);
    atomic_store(&p.b.mine->window_seen, 7);
    CHECK(!at_window_is_open(&p.a));
    (void)close(fd);
    pair_deinit(&p);
}

static int forged(size_t size, bool filled, int seals)
{
    int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(fd >= 0);
    CHECK_INT(ftruncate(fd, (off_t)size), 0);
    if (filled) {
        CHECK_INT(fallocate(fd, 0, 0, (off_t)size), 0);
    }
    CHECK_INT(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

TEST(a_window_that_could_shrink_grow_or_have_holes_is_refused)
{
    enum { ALL = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | 0x0010 };

    static const struct {
        size_t size;
        bool filled;
        int seals;
        enum at_channel_rule rule;
    } files[] = {
        {AT_WINDOW_BYTES, true, ALL & ~F_SEAL_SHRINK, AT_RULE_SEALS},
        {AT_WINDOW_BYTES, true, ALL & ~F_SEAL_GROW, AT_RULE_SEALS},
        {AT_WINDOW_BYTES, true, ALL & ~F_SEAL_SEAL, AT_RULE_SEALS},
        {AT_WINDOW_BYTES, true, ALL & ~0x0010, AT_RULE_SEALS},
        {AT_WINDOW_BYTES, false, ALL, AT_RULE_SIZE},
        {AT_WINDOW_BYTES - 4096, true, ALL, AT_RULE_SIZE},
        {AT_WINDOW_BYTES * 2, true, ALL, AT_RULE_SIZE},
        {4096, true, ALL, AT_RULE_SIZE},
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        int fd = forged(files[i].size, files[i].filled, files[i].seals);
        struct pair p;

        pair_init(&p);
        CHECK_INT(at_window_accept(&p.b, fd, 1), AT_CHANNEL_BROKEN);
        CHECK_INT(p.b.rule, files[i].rule);
        CHECK_INT(atomic_load(&p.b.mine->window_seen), 0);
        (void)close(fd);
        pair_deinit(&p);
    }
}

TEST(number_0_names_no_window)
{
    struct pair p;
    int fd;

    pair_init(&p);
    CHECK_INT(at_window_offer(&p.a, &fd), 0);
    CHECK_INT(at_window_accept(&p.b, fd, 0), AT_CHANNEL_BROKEN);
    CHECK_INT(at_window_returned(&p.b, 0), AT_CHANNEL_BROKEN);
    (void)close(fd);
    pair_deinit(&p);
}

static int mapped_windows(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    int n = 0;

    CHECK(maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        n += strstr(line, "atoll-window") != NULL;
    }
    (void)fclose(maps);
    return n;
}

TEST(what_ends_with_its_channel_leaves_no_mapping)
{
    for (int i = 0; i < 3; i++) {
        struct pair p;

        pair_init(&p);
        hand_over(&p);
        CHECK_INT(mapped_windows(), 2);
        CHECK_INT(put(&p.a, 1, 7), 0);
        pair_deinit(&p);
        CHECK_INT(mapped_windows(), 0);
    }
}

TEST_MAIN("shm/window")
