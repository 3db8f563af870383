#include "shm/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"

enum { LAYOUT = 1, REGION = sizeof(struct at_region) + AT_RING_BYTES };

/* Both ends of a channel in one process; forge: b's region, writable, to lie with. */
struct pair {
    struct at_channel a;
    struct at_channel b;
    struct at_region *forge;
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
    p->forge = rb;
}

static void pair_deinit(struct pair *p)
{
    at_channel_deinit(&p->a);
    at_channel_deinit(&p->b);
}

static int put(struct at_channel *ch, uint32_t call_id, struct at_bytes payload)
{
    struct at_record r = {
        .len = (uint32_t)payload.len, .call_id = call_id, .kind = AT_RECORD_REQUEST};

    return at_channel_put(ch, &r, payload, (struct at_bytes){0});
}

TEST(what_is_written_is_seen_only_after_it_was_published)
{
    struct pair p;
    struct at_record r;
    char got[8] = "";

    pair_init(&p);
    CHECK_INT(put(&p.a, 5, AT_LIT("hello")), 0);
    CHECK_INT(at_channel_next(&p.b, &r), AT_CHANNEL_EMPTY);
    CHECK(!at_channel_has_records(&p.b));
    at_channel_publish(&p.a);
    CHECK(at_channel_has_records(&p.b));
    CHECK_INT(at_channel_next(&p.b, &r), 0);
    CHECK_INT(r.call_id, 5);
    CHECK_INT(r.len, 5);
    at_channel_copy(&p.b, 0, got, r.len);
    CHECK_STR(got, "hello");
    at_channel_consume(&p.b, &r);
    CHECK_INT(at_channel_next(&p.b, &r), AT_CHANNEL_EMPTY);
    pair_deinit(&p);
}

TEST(records_of_every_length_survive_many_trips_round_the_ring)
{
    static uint8_t sent[AT_RECORD_PAYLOAD_MAX];
    static uint8_t got[AT_RECORD_PAYLOAD_MAX];
    struct pair p;
    struct at_record r;

    pair_init(&p);
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t len = (i * 37) % (AT_RECORD_PAYLOAD_MAX + 1);
        uint32_t cut = len / 3;

        for (uint32_t k = 0; k < len; k++) {
            sent[k] = (uint8_t)(k * 31 + i);
        }
        r = (struct at_record){.len = len, .call_id = i, .kind = AT_RECORD_DATA};
        CHECK_INT(at_channel_put(&p.a, &r, at_bytes_over(sent, cut),
                                 at_bytes_over(sent + cut, len - cut)),
                  0);
        at_channel_publish(&p.a);
        CHECK_INT(at_channel_next(&p.b, &r), 0);
        CHECK_INT(r.call_id, i);
        at_channel_copy(&p.b, 0, got, cut);
        at_channel_copy(&p.b, cut, got + cut, len - cut);
        CHECK(memcmp(sent, got, len) == 0);
        at_channel_consume(&p.b, &r);
        at_channel_tell(&p.b);
    }
    pair_deinit(&p);
}

TEST(a_full_ring_says_so_and_takes_again_what_was_consumed)
{
    static const uint8_t big[AT_RECORD_PAYLOAD_MAX];
    struct pair p;
    struct at_record r;

    pair_init(&p);
    CHECK_INT(put(&p.a, 1, at_bytes_over(big, sizeof(big))), 0);
    CHECK_INT(put(&p.a, 2, at_bytes_over(big, sizeof(big))), 0);
    CHECK_INT(put(&p.a, 3, AT_LIT("")), AT_CHANNEL_FULL);
    at_channel_publish(&p.a);
    CHECK_INT(at_channel_next(&p.b, &r), 0);
    at_channel_consume(&p.b, &r);
    CHECK_INT(put(&p.a, 3, AT_LIT("")), AT_CHANNEL_FULL); /* not told yet */
    at_channel_tell(&p.b);
    CHECK_INT(put(&p.a, 3, AT_LIT("")), 0);
    pair_deinit(&p);
}

TEST(a_record_longer_than_the_limit_is_not_written)
{
    static const uint8_t big[AT_RECORD_PAYLOAD_MAX + 1];
    struct pair p;

    pair_init(&p);
    CHECK_INT(put(&p.a, 1, at_bytes_over(big, sizeof(big))), -EINVAL);
    pair_deinit(&p);
}

TEST(a_doorbell_rings_once_per_sleep)
{
    struct pair p;
    struct at_record r;
    uint8_t rings[64];
    int bell[2];

    pair_init(&p);
    CHECK_INT(pipe2(bell, O_CLOEXEC | O_NONBLOCK), 0); /* it counts rings */
    p.a.ring_fd = bell[1];
    CHECK(at_channel_arm(&p.b, AT_WAIT_RECORDS));
    CHECK_INT(put(&p.a, 1, AT_LIT("")), 0);
    at_channel_publish(&p.a);
    CHECK_INT(put(&p.a, 2, AT_LIT("")), 0);
    at_channel_publish(&p.a);
    CHECK_INT(read(bell[0], rings, sizeof(rings)), 8);
    CHECK(!at_channel_arm(&p.b, AT_WAIT_RECORDS)); /* there are records */
    at_channel_disarm(&p.b);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(at_channel_next(&p.b, &r), 0);
        at_channel_consume(&p.b, &r);
    }
    CHECK_INT(put(&p.a, 3, AT_LIT("")), 0);
    at_channel_publish(&p.a); /* awake: nobody is rung */
    CHECK_INT(read(bell[0], rings, sizeof(rings)), -1);
    CHECK_INT(at_channel_next(&p.b, &r), 0);
    at_channel_consume(&p.b, &r);
    CHECK(at_channel_arm(&p.b, AT_WAIT_RECORDS));
    CHECK_INT(put(&p.a, 4, AT_LIT("")), 0);
    at_channel_publish(&p.a);
    CHECK_INT(read(bell[0], rings, sizeof(rings)), 8);
    (void)close(bell[0]);
    (void)close(bell[1]);
    pair_deinit(&p);
}

TEST(who_waits_for_room_is_rung_when_the_peer_has_consumed)
{
    static const uint8_t big[AT_RECORD_PAYLOAD_MAX];
    struct pair p;
    struct at_record r;
    uint8_t rings[64];
    int bell[2];

    pair_init(&p);
    CHECK_INT(pipe2(bell, O_CLOEXEC | O_NONBLOCK), 0);
    p.b.ring_fd = bell[1];
    while (put(&p.a, 1, at_bytes_over(big, sizeof(big))) == 0) {
    }
    at_channel_publish(&p.a);
    CHECK(at_channel_arm(&p.a, AT_WAIT_RECORDS | AT_WAIT_ROOM));
    CHECK_INT(at_channel_next(&p.b, &r), 0);
    at_channel_consume(&p.b, &r);
    at_channel_tell(&p.b);
    CHECK_INT(read(bell[0], rings, sizeof(rings)), 8);
    at_channel_disarm(&p.a);
    CHECK_INT(put(&p.a, 1, at_bytes_over(big, sizeof(big))), 0);
    (void)close(bell[0]);
    (void)close(bell[1]);
    pair_deinit(&p);
}

TEST(what_the_peer_has_not_taken_is_known_and_what_it_took_too)
{
    struct pair p;
    struct at_record r;
    uint64_t first;
    uint64_t second;

    pair_init(&p);
    first = p.a.written;
    CHECK_INT(put(&p.a, 1, AT_LIT("x")), 0);
    second = p.a.written;
    CHECK_INT(put(&p.a, 2, AT_LIT("y")), 0);
    at_channel_publish(&p.a);
    CHECK(at_channel_is_untaken(&p.a, first));
    CHECK_INT(at_channel_next(&p.b, &r), 0);
    at_channel_consume(&p.b, &r);
    at_channel_tell(&p.b);
    CHECK(!at_channel_is_untaken(&p.a, first));
    CHECK(at_channel_is_untaken(&p.a, second));
    pair_deinit(&p);
}

TEST(what_the_peer_took_stays_taken_however_much_passes_it)
{
    struct pair p;
    uint64_t first;

    pair_init(&p);
    first = p.a.written;
    CHECK_INT(put(&p.a, 1, AT_LIT("x")), 0);
    at_channel_publish(&p.a);
    for (int gib = 1; gib <= 9; gib++) { /* as if the ring had gone round so often */
        struct at_record r;

        while (at_channel_next(&p.b, &r) == 0) {
            at_channel_consume(&p.b, &r);
        }
        at_channel_tell(&p.b);
        CHECK_INT(at_channel_look_for_room(&p.a, AT_RECORD_PAYLOAD_MAX), 0);
        CHECK(!at_channel_is_untaken(&p.a, first));
        p.a.tail += 1U << 30;
        p.a.written += UINT64_C(1) << 30;
        p.a.published = p.a.tail;
        p.a.peer_taken = p.a.tail;
        atomic_store(&p.forge->taken, p.a.tail);
        CHECK(!at_channel_is_untaken(&p.a, first));
    }
    pair_deinit(&p);
}

/* Each lie: what the peer does to its own region, and the rule by which it is caught. */
static void lie_tail_far(struct pair *p)
{
    atomic_store(&p->forge->tail, AT_RING_BYTES + 64);
}

static void lie_tail_odd(struct pair *p)
{
    atomic_store(&p->forge->tail, 65);
}

static void lie_tail_back(struct pair *p)
{
    atomic_store(&p->forge->tail, (uint32_t)-64);
}

static void lie_record_long(struct pair *p)
{
    struct at_record r = {.len = AT_RECORD_PAYLOAD_MAX + 1, .kind = AT_RECORD_REQUEST};

    memcpy(p->forge->ring, &r, sizeof(r));
    atomic_store(&p->forge->tail, AT_RING_BYTES);
}

static void lie_record_huge(struct pair *p)
{
    struct at_record r = {.len = UINT32_MAX, .kind = AT_RECORD_REQUEST};

    memcpy(p->forge->ring, &r, sizeof(r));
    atomic_store(&p->forge->tail, AT_RING_BYTES);
}

static void lie_record_behind_tail(struct pair *p)
{
    struct at_record r = {.len = 65, .kind = AT_RECORD_REQUEST};

    memcpy(p->forge->ring, &r, sizeof(r));
    atomic_store(&p->forge->tail, 128);
}

static const struct {
    void (*tell)(struct pair *p);
    enum at_channel_rule rule;
} lies[] = {
    {lie_tail_far, AT_RULE_TAIL_RANGE},    {lie_tail_odd, AT_RULE_TAIL_ALIGN},
    {lie_tail_back, AT_RULE_TAIL_RANGE},   {lie_record_long, AT_RULE_RECORD_LEN},
    {lie_record_huge, AT_RULE_RECORD_LEN}, {lie_record_behind_tail, AT_RULE_RECORD_FITS},
};

TEST(every_lie_about_records_is_caught_by_its_rule)
{
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct pair p;
        struct at_record r;

        pair_init(&p);
        lies[i].tell(&p);
        CHECK_INT(at_channel_next(&p.a, &r), AT_CHANNEL_BROKEN);
        CHECK_INT(p.a.rule, lies[i].rule);
        pair_deinit(&p);
    }
}

TEST(a_peer_that_says_it_took_what_was_never_written_is_caught)
{
    static const uint8_t big[AT_RECORD_PAYLOAD_MAX];
    static const uint32_t takens[] = {64, AT_RING_BYTES + 64, (uint32_t)-64};

    for (size_t i = 0; i < 3; i++) {
        struct pair p;
        int r = 0;

        pair_init(&p);
        CHECK_INT(put(&p.a, 1, at_bytes_over(big, sizeof(big))), 0);
        CHECK_INT(put(&p.a, 2, at_bytes_over(big, sizeof(big))), 0);
        if (i > 0) {
            at_channel_publish(&p.a);
        }
        atomic_store(&p.forge->taken, takens[i]); /* [0]: of what was not even published */
        r = put(&p.a, 3, AT_LIT("x"));
        CHECK_INT(r, AT_CHANNEL_BROKEN);
        CHECK_INT(p.a.rule, AT_RULE_TAKEN_RANGE);
        CHECK(!at_channel_is_untaken(&p.a, 0) || takens[i] == 0);
        pair_deinit(&p);
    }
}

TEST(every_rule_has_its_sentence)
{
    for (int i = 0; i < AT_RULE_LAST; i++) {
        CHECK(at_channel_rule_text((enum at_channel_rule)i) != NULL);
    }
    CHECK(at_channel_rule_text((enum at_channel_rule)99) != NULL);
}

static int memfd_with(off_t size, int seals, const void *head, size_t len)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(fd >= 0 && ftruncate(fd, size) == 0 && fallocate(fd, 0, 0, size) == 0);
    CHECK(len == 0 || pwrite(fd, head, len, 0) == (ssize_t)len);
    CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

enum { ALL_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | 0x10 | F_SEAL_SEAL };

static int judge(int fd, uint32_t bytes, enum at_channel_rule *rule)
{
    const struct at_region *region;
    int r = at_region_accept(fd, bytes, 9, LAYOUT, &region, rule);

    if (r == 0) {
        at_region_release(region, bytes);
    }
    (void)close(fd);
    return r;
}

static const struct at_region_head good_head = {.magic = AT_REGION_MAGIC,
                                                .layout_version = LAYOUT,
                                                .header_bytes = sizeof(struct at_record),
                                                .region_bytes = REGION,
                                                .ring_offset = sizeof(struct at_region),
                                                .ring_bytes = AT_RING_BYTES,
                                                .epoch = 9};

TEST(a_region_that_lacks_any_seal_is_refused)
{
    static const int seals[] = {F_SEAL_SHRINK, F_SEAL_GROW, 0x10, F_SEAL_SEAL};
    enum at_channel_rule rule;

    CHECK_INT(judge(memfd_with(REGION, ALL_SEALS, &good_head, sizeof(good_head)), REGION, &rule),
              0);
    for (int i = 0; i < 4; i++) {
        int fd = memfd_with(REGION, ALL_SEALS & ~seals[i], &good_head, sizeof(good_head));

        rule = AT_RULE_NONE;
        CHECK_INT(judge(fd, REGION, &rule), AT_CHANNEL_BROKEN);
        CHECK_INT(rule, AT_RULE_SEALS);
    }
    CHECK_INT(judge(eventfd(0, EFD_CLOEXEC), REGION, &rule), AT_CHANNEL_BROKEN);
    CHECK_INT(rule, AT_RULE_SEALS);
}

TEST(a_region_of_another_size_or_without_memory_behind_it_is_refused)
{
    enum at_channel_rule rule;
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(ftruncate(fd, REGION) == 0); /* sparse: reading it could end in SIGBUS */
    CHECK(fcntl(fd, F_ADD_SEALS, ALL_SEALS) == 0);
    CHECK_INT(judge(fd, REGION, &rule), AT_CHANNEL_BROKEN);
    CHECK_INT(rule, AT_RULE_SIZE);
    fd = memfd_with(REGION - 4096, ALL_SEALS, &good_head, sizeof(good_head));
    CHECK_INT(judge(fd, REGION, &rule), AT_CHANNEL_BROKEN);
    CHECK_INT(rule, AT_RULE_SIZE);
    fd = memfd_with(REGION, ALL_SEALS, &good_head, sizeof(good_head));
    CHECK_INT(judge(fd, 0, &rule), AT_CHANNEL_BROKEN);
    CHECK_INT(rule, AT_RULE_SIZE);
    fd = memfd_with(REGION, ALL_SEALS, &good_head, sizeof(good_head));
    CHECK_INT(judge(fd, UINT32_MAX, &rule), AT_CHANNEL_BROKEN);
    CHECK_INT(rule, AT_RULE_SIZE);
}

TEST(every_field_of_a_regions_head_is_judged)
{
    struct at_region_head heads[7];

    for (int i = 0; i < 7; i++) {
        heads[i] = good_head;
    }
    heads[0].magic++;
    heads[1].layout_version = LAYOUT + 1;
    heads[2].header_bytes = 32;
    heads[3].region_bytes++;
    heads[4].ring_offset = 0;
    heads[5].ring_bytes *= 2;
    heads[6].epoch = 10;
    for (int i = 0; i < 7; i++) {
        enum at_channel_rule rule;

        CHECK_INT(judge(memfd_with(REGION, ALL_SEALS, &heads[i], sizeof(heads[i])), REGION, &rule),
                  AT_CHANNEL_BROKEN);
        CHECK_INT(rule, AT_RULE_HEAD);
    }
}

TEST(the_kernel_keeps_what_the_seals_promise)
{
    struct at_region *mine;
    int fd;
    char path[64];
    int again;

    CHECK_INT(at_region_create(AT_RING_BYTES, 9, LAYOUT, &mine, &fd), 0);
    CHECK(mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    CHECK_INT(errno, EPERM);
    CHECK(write(fd, "x", 1) < 0 && errno == EPERM);
    CHECK(ftruncate(fd, 4096) < 0 && errno == EPERM);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0 && errno == EPERM);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    again = open(path, O_RDWR | O_CLOEXEC);
    CHECK(again >= 0);
    CHECK(mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
    (void)close(again);
    (void)close(fd);
    at_region_release(mine, REGION);
}

TEST(a_ring_of_an_odd_size_is_not_made)
{
    struct at_region *mine;
    int fd;

    CHECK_INT(at_region_create(AT_RING_BYTES + 64, 9, LAYOUT, &mine, &fd), -EINVAL);
    CHECK_INT(at_region_create(AT_RING_BYTES / 2, 9, LAYOUT, &mine, &fd), -EINVAL);
    CHECK_INT(at_region_create(AT_RING_BYTES_MAX * 2U, 9, LAYOUT, &mine, &fd), -EINVAL);
}

enum { STRESS_RECORDS = 20000 };

/* A doorbell as at_service_make_bell() makes it, and the epoll of who waits on it. */
struct bell {
    int fd;
    int epoll;
};

static void bell_open(struct bell *b)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};

    b->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK_INT(epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->fd, &ev), 0);
    CHECK_INT(epoll_wait(b->epoll, &ev, 1, 0), 1); /* the 1 that it holds */
    CHECK_INT(epoll_wait(b->epoll, &ev, 1, 0), 0);
}

static void bell_close(const struct bell *b)
{
    (void)close(b->fd);
    (void)close(b->epoll);
}

/* Sleeps on the doorbell as an owner does. */
static void doze(struct at_channel *ch, const struct bell *bell, uint32_t wait_for)
{
    struct epoll_event ev;

    if (at_channel_arm(ch, wait_for)) {
        (void)epoll_wait(bell->epoll, &ev, 1, -1); /* a lost wake-up hangs the test */
        at_channel_disarm(ch);
    }
}

struct stress {
    struct pair p;
    struct bell bell_a;
    struct bell bell_b;
};

static void *answer(void *user)
{
    struct stress *s = user;
    static uint8_t room[AT_RECORD_PAYLOAD_MAX];
    struct at_record r;

    for (uint32_t n = 0; n < STRESS_RECORDS;) {
        int x = at_channel_next(&s->p.b, &r);

        if (x == AT_CHANNEL_EMPTY) {
            doze(&s->p.b, &s->bell_b, AT_WAIT_RECORDS);
            continue;
        }
        if (x != 0) {
            return user; /* broken */
        }
        at_channel_copy(&s->p.b, 0, room, r.len);
        at_channel_consume(&s->p.b, &r);
        at_channel_tell(&s->p.b);
        while (at_channel_put(&s->p.b, &r, at_bytes_over(room, r.len), (struct at_bytes){0}) ==
               AT_CHANNEL_FULL) {
            at_channel_publish(&s->p.b);
            doze(&s->p.b, &s->bell_b, AT_WAIT_ROOM);
        }
        at_channel_publish(&s->p.b);
        n++;
    }
    return NULL;
}

TEST(two_threads_exchange_records_and_no_wake_up_is_lost)
{
    struct stress s;
    static uint8_t sent[4096];
    static uint8_t got[AT_RECORD_PAYLOAD_MAX];
    pthread_t thread;
    void *result;
    uint32_t out = 0;
    uint32_t in = 0;

    pair_init(&s.p);
    bell_open(&s.bell_a);
    bell_open(&s.bell_b);
    s.p.a.ring_fd = s.bell_b.fd;
    s.p.b.ring_fd = s.bell_a.fd;
    CHECK_INT(pthread_create(&thread, NULL, answer, &s), 0);
    while (in < STRESS_RECORDS) {
        struct at_record r;
        uint32_t len = (out * 53) % sizeof(sent);
        int x;

        memset(sent, (int)out, len);
        if (out < STRESS_RECORDS && out - in < 20 &&
            put(&s.p.a, out, at_bytes_over(sent, len)) == 0) {
            out++;
            at_channel_publish(&s.p.a);
            continue;
        }
        x = at_channel_next(&s.p.a, &r);
        if (x == AT_CHANNEL_EMPTY) {
            doze(&s.p.a, &s.bell_a, AT_WAIT_RECORDS);
            continue;
        }
        CHECK_INT(x, 0);
        CHECK_INT(r.call_id, in);
        CHECK_INT(r.len, (in * 53) % sizeof(sent));
        at_channel_copy(&s.p.a, 0, got, r.len);
        CHECK(r.len == 0 || (got[0] == (uint8_t)in && got[r.len - 1] == (uint8_t)in));
        at_channel_consume(&s.p.a, &r);
        at_channel_tell(&s.p.a);
        in++;
    }
    CHECK_INT(pthread_join(thread, &result), 0);
    CHECK(result == NULL);
    bell_close(&s.bell_a);
    bell_close(&s.bell_b);
    pair_deinit(&s.p);
}

TEST_MAIN("shm/channel")
