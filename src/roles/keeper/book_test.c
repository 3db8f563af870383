/* Promises of roles/keeper/book.h, one by one. */
#include "roles/keeper/book_fixture.h"

#define SHARED(n) ((struct at_locks_ask){.name = AT_LIT(n), .flags = AT_LOCKS_SHARED})
#define PERMITS(n, k) ((struct at_locks_ask){.name = AT_LIT(n), .permits = (k)})

static bool says(const struct told *t, const char *words)
{
    return strstr(t->reason, words) != NULL;
}

TEST(a_free_lock_is_granted_at_once_and_tokens_rise)
{
    struct fixture f;
    uint64_t first;

    begin(&f);
    CHECK_INT(lock(&f, f.order1, 1, "checkout")->status, AT_STATUS_OK);
    CHECK_INT(f.told[1].flags, 0);
    first = f.told[1].token;
    CHECK(first > WALL_NS / AT_MICROSECOND_NS);
    CHECK(first < UINT64_C(1) << 53); /* a JSON number holds it */
    CHECK_INT(unlock(&f, f.order1, 1), AT_STATUS_OK);
    CHECK_INT(lock(&f, f.cart1, 2, "checkout")->status, AT_STATUS_OK);
    CHECK(f.told[2].token > first);
    CHECK_INT(at_book_next(f.book), 0);
    end(&f);
}

TEST(who_asked_first_is_served_first)
{
    struct fixture f;

    begin(&f);
    lock(&f, f.order1, 1, "checkout");
    lock(&f, f.order2, 2, "checkout");
    lock(&f, f.cart1, 3, "checkout");
    lock(&f, f.order2, 4, "checkout");
    CHECK_INT(f.told[2].status, NOT_TOLD);
    CHECK_INT(unlock(&f, f.order1, 1), AT_STATUS_OK);
    CHECK_INT(f.told[2].status, AT_STATUS_OK);
    CHECK_INT(f.told[3].status, NOT_TOLD);
    CHECK_INT(unlock(&f, f.order2, 2), AT_STATUS_OK);
    CHECK_INT(f.told[3].status, AT_STATUS_OK);
    CHECK_INT(f.told[4].status, NOT_TOLD);
    end(&f);
}

TEST(readers_share_and_a_writer_between_them_is_not_overtaken)
{
    struct fixture f;

    begin(&f);
    CHECK_INT(ask(&f, f.order1, 1, SHARED("checkout"), 0)->status, AT_STATUS_OK);
    CHECK_INT(ask(&f, f.order2, 2, SHARED("checkout"), 0)->status, AT_STATUS_OK);
    CHECK_INT(lock(&f, f.cart1, 3, "checkout")->status, NOT_TOLD);
    CHECK_INT(ask(&f, f.order2, 4, SHARED("checkout"), 0)->status, NOT_TOLD);
    unlock(&f, f.order1, 1);
    CHECK_INT(f.told[3].status, NOT_TOLD);
    unlock(&f, f.order2, 2);
    CHECK_INT(f.told[3].status, AT_STATUS_OK);
    CHECK_INT(f.told[4].status, NOT_TOLD);
    unlock(&f, f.cart1, 3);
    CHECK_INT(f.told[4].status, AT_STATUS_OK);
    end(&f);
}

TEST(permits_of_a_semaphore_are_never_exceeded)
{
    struct fixture f;

    begin(&f);
    CHECK_INT(ask(&f, f.order1, 1, PERMITS("printer", 2), 0)->status, AT_STATUS_OK);
    CHECK_INT(ask(&f, f.order2, 2, PERMITS("printer", 2), 0)->status, NOT_TOLD);
    CHECK_INT(ask(&f, f.order2, 3, PERMITS("printer", 1), 0)->status, NOT_TOLD); /* in order */
    CHECK_INT(ask(&f, f.order2, 4, PERMITS("printer", 4), 0)->status, AT_STATUS_INVALID_ARGUMENT);
    CHECK_INT(ask(&f, f.order2, 5, SHARED("printer"), 0)->status, AT_STATUS_INVALID_ARGUMENT);
    CHECK_INT(ask(&f, f.order2, 6, PERMITS("checkout", 2), 0)->status, AT_STATUS_INVALID_ARGUMENT);
    unlock(&f, f.order1, 1);
    CHECK_INT(f.told[2].status, AT_STATUS_OK);
    CHECK_INT(f.told[3].status, AT_STATUS_OK);
    end(&f);
}

TEST(what_is_not_declared_or_not_used_is_refused_with_the_line_to_add)
{
    struct fixture f;

    begin(&f);
    CHECK_INT(lock(&f, f.order1, 1, "chekout")->status, AT_STATUS_PERMISSION_DENIED);
    CHECK(says(&f.told[1], "did you mean checkout?"));
    CHECK(says(&f.told[1], "`chekout: {}`"));
    CHECK(says(&f.told[1], "service order (atoll.yaml:12)"));
    CHECK_INT(lock(&f, f.cart1, 2, "printer")->status, AT_STATUS_PERMISSION_DENIED);
    CHECK(says(&f.told[2], "add \"lock:printer\" to `uses` of service cart (atoll.yaml:20)"));
    CHECK_INT(lock(&f, f.cart1, 3, "cart-9")->status, AT_STATUS_PERMISSION_DENIED);
    CHECK(says(&f.told[3], "\"lock:cart-*\""));
    CHECK_INT(lock(&f, f.order1, 4, "a b")->status, AT_STATUS_PERMISSION_DENIED);
    CHECK_INT(lock(&f, f.order1, 5, "cart-9")->status, AT_STATUS_OK);
    end(&f);
}

TEST(trying_waits_for_nobody)
{
    struct fixture f;

    begin(&f);
    lock(&f, f.order1, 1, "checkout");
    f.now += 3200 * AT_MILLISECOND_NS;
    ask(&f, f.cart1, 2, (struct at_locks_ask){.name = AT_LIT("checkout"), .flags = AT_LOCKS_TRY},
        0);
    CHECK_INT(f.told[2].status, AT_STATUS_ABORTED);
    CHECK_STR(f.told[2].reason, "checkout is held by order.1 for 3.2 s");
    unlock(&f, f.order1, 1);
    ask(&f, f.cart1, 3, (struct at_locks_ask){.name = AT_LIT("checkout"), .flags = AT_LOCKS_TRY},
        0);
    CHECK_INT(f.told[3].status, AT_STATUS_OK);
    /* There is room for it, but others asked before. */
    ask(&f, f.order1, 4, PERMITS("printer", 2), 0);
    ask(&f, f.order2, 5, PERMITS("printer", 2), 0);
    ask(&f, f.order2, 6, (struct at_locks_ask){.name = AT_LIT("printer"), .flags = AT_LOCKS_TRY},
        0);
    CHECK_INT(f.told[6].status, AT_STATUS_ABORTED);
    end(&f);
}

TEST(a_deadline_says_who_holds_it)
{
    struct fixture f;

    begin(&f);
    lock(&f, f.order1, 1, "checkout");
    ask(&f, f.cart1, 2, (struct at_locks_ask){.name = AT_LIT("checkout")}, f.now + 100);
    lock(&f, f.order2, 3, "checkout");
    CHECK_INT(at_book_next(f.book), f.now + 100);
    f.now += 99;
    at_book_tick(f.book, f.now);
    CHECK_INT(f.told[2].status, NOT_TOLD);
    f.now += 1;
    at_book_tick(f.book, f.now);
    CHECK_INT(f.told[2].status, AT_STATUS_DEADLINE_EXCEEDED);
    CHECK(says(&f.told[2], "held by order.1 for"));
    CHECK_INT(at_book_next(f.book), 0);
    unlock(&f, f.order1, 1);
    CHECK_INT(f.told[3].status, AT_STATUS_OK);
    end(&f);
}

TEST(the_lock_of_a_dead_owner_goes_on_with_a_mark_until_somebody_repairs)
{
    struct fixture f;
    struct at_text why;

    at_text_init(&why);
    begin(&f);
    lock(&f, f.order1, 1, "checkout");
    lock(&f, f.order2, 2, "checkout");
    lock(&f, f.order1, 3, "checkout"); /* dies with its owner, is not served */
    at_book_leave(f.book, f.order1, f.now);
    CHECK_INT(f.told[3].status, AT_STATUS_CANCELLED);
    CHECK_INT(f.told[2].status, AT_STATUS_OK);
    CHECK_INT(f.told[2].flags, AT_LOCKS_OWNER_DIED);
    unlock(&f, f.order2, 2); /* without a word: the next one is told too */
    CHECK_INT(lock(&f, f.cart1, 4, "checkout")->flags, AT_LOCKS_OWNER_DIED);
    CHECK_INT(at_book_repaired(f.book, f.cart1, 4, f.now, &why), AT_STATUS_OK);
    unlock(&f, f.cart1, 4);
    CHECK_INT(lock(&f, f.order2, 5, "checkout")->flags, 0);
    CHECK_INT(at_book_repaired(f.book, f.cart1, 4, f.now, &why), AT_STATUS_FAILED_PRECONDITION);
    at_text_deinit(&why);
    end(&f);
}

TEST(a_reader_that_dies_leaves_no_mark)
{
    struct fixture f;

    begin(&f);
    ask(&f, f.order1, 1, SHARED("checkout"), 0);
    at_book_leave(f.book, f.order1, f.now);
    CHECK_INT(lock(&f, f.order2, 2, "checkout")->status, AT_STATUS_OK);
    CHECK_INT(f.told[2].flags, 0);
    end(&f);
}

TEST(a_lease_takes_the_lock_away_only_for_somebody)
{
    struct fixture f;
    struct at_text why;

    at_text_init(&why);
    begin(&f);
    lock(&f, f.order1, 1, "leased");
    CHECK_INT(at_book_next(f.book), 0); /* nobody waits: no timer */
    f.now += 60 * AT_SECOND_NS;
    at_book_tick(f.book, f.now);
    CHECK_INT(at_book_renew(f.book, f.order1, 1, f.now, &why), AT_STATUS_OK);
    lock(&f, f.order2, 2, "leased");
    CHECK_INT(f.told[2].status, NOT_TOLD);
    CHECK_INT(at_book_next(f.book), f.now + 5 * AT_SECOND_NS);
    f.now += 4 * AT_SECOND_NS;
    CHECK_INT(at_book_renew(f.book, f.order1, 1, f.now, &why), AT_STATUS_OK);
    f.now += 4 * AT_SECOND_NS;
    at_book_tick(f.book, f.now);
    CHECK_INT(f.told[2].status, NOT_TOLD);
    f.now += AT_SECOND_NS;
    at_book_tick(f.book, f.now);
    CHECK_INT(f.told[2].status, AT_STATUS_OK);
    CHECK_INT(f.told[2].flags, AT_LOCKS_OWNER_DIED);
    CHECK(f.told[2].token > f.told[1].token);
    CHECK_INT(at_book_renew(f.book, f.order1, 1, f.now, &why), AT_STATUS_FAILED_PRECONDITION);
    at_text_clear(&why);
    CHECK_INT(at_book_unlock(f.book, f.order1, 1, f.now, &why), AT_STATUS_FAILED_PRECONDITION);
    CHECK(strstr(at_text_str(&why), "its lease ended") != NULL);
    CHECK_INT(unlock(&f, f.order1, 1), AT_STATUS_FAILED_PRECONDITION);
    CHECK_INT(unlock(&f, f.order2, 2), AT_STATUS_OK);
    at_text_deinit(&why);
    end(&f);
}

TEST(nobody_gives_back_what_is_not_his)
{
    struct fixture f;

    begin(&f);
    lock(&f, f.order1, 1, "checkout");
    CHECK_INT(unlock(&f, f.order2, 1), AT_STATUS_FAILED_PRECONDITION);
    CHECK_INT(unlock(&f, f.order1, 7), AT_STATUS_FAILED_PRECONDITION);
    CHECK_INT(unlock(&f, f.order1, 1), AT_STATUS_OK);
    CHECK_INT(unlock(&f, f.order1, 1), AT_STATUS_FAILED_PRECONDITION);
    end(&f);
}

TEST(one_that_gives_up_is_forgotten_wherever_it_is)
{
    struct fixture f;

    begin(&f);
    lock(&f, f.order1, 1, "checkout");
    lock(&f, f.order2, 2, "checkout");
    lock(&f, f.cart1, 3, "checkout");
    CHECK(at_book_cancel(f.book, &f.told[2], f.now));
    CHECK(!at_book_cancel(f.book, &f.told[2], f.now));
    CHECK_INT(f.told[2].status, AT_STATUS_CANCELLED);
    CHECK_INT(unlock(&f, f.cart1, 3), AT_STATUS_OK);
    CHECK_INT(f.told[3].status, AT_STATUS_CANCELLED);
    CHECK_INT(unlock(&f, f.order1, 1), AT_STATUS_OK);
    CHECK_INT(lock(&f, f.order2, 4, "checkout")->status, AT_STATUS_OK);
    end(&f);
}

TEST(a_circle_is_refused_and_named)
{
    struct fixture f;
    struct at_locks_ask a = {.name = AT_LIT("cart-a"), .context = 7, .flags = AT_LOCKS_BLOCKING};
    struct at_locks_ask b = {.name = AT_LIT("cart-b"), .context = 8, .flags = AT_LOCKS_BLOCKING};

    begin(&f);
    ask(&f, f.order1, 1, a, 0);
    ask(&f, f.order2, 2, b, 0);
    a.name = AT_LIT("cart-b");
    CHECK_INT(ask(&f, f.order1, 3, a, 0)->status, NOT_TOLD);
    a.context = 9; /* another thread of the same process may wait: somebody will unlock */
    CHECK_INT(ask(&f, f.order1, 4, a, 0)->status, NOT_TOLD);
    b.name = AT_LIT("cart-a");
    CHECK_INT(ask(&f, f.order2, 5, b, 0)->status, AT_STATUS_ABORTED);
    CHECK_STR(f.told[5].reason,
              "waiting for cart-a would never end: cart-a is held by order.1, which waits for "
              "cart-b, cart-b is held by order.2, which asks");
    b.name = AT_LIT("cart-b");
    CHECK_INT(ask(&f, f.order2, 6, b, 0)->status, AT_STATUS_ABORTED); /* it has it itself */
    CHECK_INT(unlock(&f, f.order2, 2), AT_STATUS_OK);
    CHECK_INT(f.told[3].status, AT_STATUS_OK);
    end(&f);
}

TEST(a_book_that_follows_a_dead_one_listens_first)
{
    struct fixture f;
    struct at_locks_held held = {.op = 1, .permits = 1, .name = AT_LIT("checkout")};

    begin(&f);
    held.token = lock(&f, f.order1, 1, "checkout")->token + 100000000;
    at_book_free(f.book);
    f.now += AT_SECOND_NS;
    begin_book(&f, 1);
    CHECK_INT(lock(&f, f.cart1, 2, "checkout")->status, NOT_TOLD);
    CHECK_INT(lock(&f, f.order2, 3, "cart-1")->status, NOT_TOLD);
    CHECK(at_book_assert(f.book, f.order1, &held, f.now));
    CHECK(!at_book_assert(f.book, f.order2, &held, f.now)); /* two say so: the first is believed */
    CHECK_INT(at_book_next(f.book), START_NS + AT_SECOND_NS + AT_KEEPER_GRACE_NS);
    f.now = at_book_next(f.book);
    at_book_tick(f.book, f.now);
    CHECK_INT(f.told[2].status, NOT_TOLD); /* asserted: held */
    CHECK_INT(f.told[3].status, AT_STATUS_OK);
    CHECK_INT(f.told[3].flags, AT_LOCKS_OWNER_DIED); /* perhaps */
    CHECK(f.told[3].token > held.token);
    CHECK_INT(unlock(&f, f.order1, 1), AT_STATUS_OK);
    CHECK_INT(f.told[2].status, AT_STATUS_OK);
    CHECK_INT(f.told[2].flags, 0); /* its owner lived */
    held.op = 9;
    CHECK(!at_book_assert(f.book, f.order2, &held, f.now)); /* too late */
    CHECK_INT(unlock(&f, f.order2, 9), AT_STATUS_FAILED_PRECONDITION);
    end(&f);
}

TEST(who_says_that_it_has_one_permit_says_nothing_of_those_who_had_the_others)
{
    struct fixture f;
    struct at_locks_held held = {.op = 1, .token = 5, .permits = 1, .name = AT_LIT("printer")};

    begin(&f);
    at_book_free(f.book);
    begin_book(&f, 1);
    CHECK(at_book_assert(f.book, f.order1, &held, f.now));
    f.now = at_book_next(f.book);
    at_book_tick(f.book, f.now);
    CHECK_INT(lock(&f, f.order2, 2, "printer")->status, AT_STATUS_OK);
    CHECK_INT(f.told[2].flags, AT_LOCKS_OWNER_DIED); /* perhaps */
    end(&f);
}

TEST(a_liar_cannot_carry_the_tokens_of_all_away)
{
    struct fixture f;
    struct at_locks_held held = {
        .op = 1, .permits = 1, .token = UINT64_MAX / 4, .name = AT_LIT("checkout")};

    begin(&f);
    at_book_free(f.book);
    begin_book(&f, 1);
    CHECK(!at_book_assert(f.book, f.order1, &held, f.now));
    held.op = 2;
    held.token = WALL_NS / AT_MICROSECOND_NS + 1000;
    CHECK(at_book_assert(f.book, f.order2, &held, f.now));
    f.now = at_book_next(f.book);
    at_book_tick(f.book, f.now);
    CHECK_INT(lock(&f, f.order1, 3, "cart-1")->status, AT_STATUS_OK);
    CHECK(f.told[3].token == held.token + 1);
    end(&f);
}

TEST(a_flood_of_names_claims_and_waiters_is_bounded)
{
    struct fixture f;
    struct at_owner *o = NULL;
    char name[32];
    int i = 0;

    begin(&f);
    for (i = 1; i <= AT_LOCKS_CLAIMS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "cart-%d", i);
        CHECK_INT(lock(&f, f.order1, i, name)->status, AT_STATUS_OK);
    }
    CHECK_INT(lock(&f, f.order1, i, "cart-x")->status, AT_STATUS_RESOURCE_EXHAUSTED);
    CHECK(says(&f.told[i], "order.1 holds or waits for 256 locks"));
    for (int k = 0; k < AT_KEEPER_WAITERS_MAX; k++) {
        if (k % AT_LOCKS_CLAIMS_MAX == 0) {
            o = at_book_join(f.book, AT_LIT("order.9"), 0);
        }
        f.told[300 + k].status = NOT_TOLD;
        CHECK_INT(lock(&f, o, 300 + k, "cart-1")->status, NOT_TOLD);
    }
    CHECK_INT(lock(&f, f.order2, 2000, "cart-1")->status, AT_STATUS_RESOURCE_EXHAUSTED);
    end(&f);
}

TEST(names_that_are_only_remembered_go_when_the_book_is_full)
{
    struct fixture f;
    char name[32];

    begin(&f);
    for (int i = 0; i < AT_KEEPER_NAMES_MAX + 10; i++) { /* each dies with one, all are marked */
        struct at_owner *o = at_book_join(f.book, AT_LIT("order.9"), 0);

        (void)snprintf(name, sizeof(name), "cart-%d", i);
        CHECK_INT(lock(&f, o, 1, name)->status, AT_STATUS_OK);
        at_book_leave(f.book, o, f.now);
    }
    /* Forgotten is not clean. */
    CHECK_INT(lock(&f, f.order1, 2, "cart-1")->flags, AT_LOCKS_OWNER_DIED);
    CHECK_INT(lock(&f, f.order1, 3, "checkout")->flags, 0);
    end(&f);
}

/* A life of two claims; whatever memory is out, both are answered. */
static void live_shortly(struct fixture *f)
{
    struct at_owner *o;

    prepare(f);
    f->book = at_book_new(&f->config, f->now, WALL_NS, remember, f);
    o = f->book == NULL ? NULL : at_book_join(f->book, AT_LIT("order.1"), 0);
    if (o != NULL) {
        CHECK(lock(f, o, 1, "leased")->status != NOT_TOLD);
        (void)ask(f, o, 2, (struct at_locks_ask){.name = AT_LIT("leased")}, f->now + 9);
        at_book_leave(f->book, o, f->now);
        CHECK(f->told[2].status != NOT_TOLD);
    }
    end(f);
}

TEST(without_memory_somebody_is_refused_and_nothing_is_lost)
{
    static struct fixture f;

    WITH_EACH_ALLOCATION_FAILING(live_shortly(&f));
}

TEST(the_operator_sees_who_holds_and_who_waits)
{
    struct fixture f;
    struct at_text out;
    char expected[256];

    at_text_init(&out);
    begin(&f);
    ask(&f, f.order1, 1, PERMITS("printer", 3), 0);
    f.now += 5;
    ask(&f, f.order2, 2, PERMITS("printer", 1), 0);
    at_book_show(f.book, f.now + 2, &out);
    (void)snprintf(
        expected, sizeof(expected),
        "printer\theld\torder.1\t7\t%llu\t3\t3\t\nprinter\twaits\torder.2\t2\t0\t1\t3\t\n",
        (unsigned long long)f.told[1].token);
    CHECK_STR(at_text_str(&out), expected);
    at_text_deinit(&out);
    end(&f);
}

TEST_MAIN("roles/keeper/book")
