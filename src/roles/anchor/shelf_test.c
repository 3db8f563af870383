/* Promises of the anchor's shelf. */
#include "roles/anchor/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/list.h"
#include "roles/anchor/limits.h"

static int some_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

TEST(what_is_put_is_found_in_the_order_of_its_first_coming)
{
    struct at_shelf shelf;

    at_shelf_init(&shelf);
    CHECK_INT(at_shelf_put(&shelf, AT_LIT("a"), AT_LIT("1"), NULL, 0), 0);
    CHECK_INT(at_shelf_put(&shelf, AT_LIT("b"), AT_LIT("2"), NULL, 0), 0);
    CHECK_INT(at_shelf_put(&shelf, AT_LIT("a"), AT_LIT("3"), NULL, 0), 0);
    CHECK_BYTES(at_shelf_find(&shelf, AT_LIT("a"))->record, "3");
    CHECK_BYTES(at_container_of(shelf.entries.next, struct at_shelf_entry, link)->name, "a");
    CHECK_INT((long)shelf.count, 2);
    at_shelf_deinit(&shelf);
}

TEST(replacing_and_dropping_close_the_old_descriptors)
{
    struct at_shelf shelf;
    int first = some_fd();
    int second = some_fd();

    at_shelf_init(&shelf);
    CHECK_INT(at_shelf_put(&shelf, AT_LIT("a"), AT_LIT(""), &first, 1), 0);
    CHECK_INT(at_shelf_put(&shelf, AT_LIT("a"), AT_LIT(""), &second, 1), 0);
    CHECK(!is_open(first));
    CHECK(is_open(second));
    at_shelf_drop(&shelf, AT_LIT("a"));
    CHECK(!is_open(second));
    at_shelf_drop(&shelf, AT_LIT("a"));
    at_shelf_deinit(&shelf);
}

TEST(a_full_shelf_takes_no_new_names_but_replaces_old_ones)
{
    struct at_shelf shelf;
    uint16_t i;

    at_shelf_init(&shelf);
    for (i = 0; i < AT_ANCHOR_ENTRIES_MAX; i++) {
        CHECK_INT(at_shelf_put(&shelf, at_bytes_over(&i, sizeof(i)), AT_LIT("x"), NULL, 0), 0);
    }
    CHECK_INT(at_shelf_put(&shelf, AT_LIT("new"), AT_LIT("x"), NULL, 0), -ENOSPC);
    i = 0;
    CHECK_INT(at_shelf_put(&shelf, at_bytes_over(&i, sizeof(i)), AT_LIT("y"), NULL, 0), 0);
    at_shelf_deinit(&shelf);
}

static void put_one(void)
{
    struct at_shelf shelf;
    int fd = some_fd();
    int r;

    at_shelf_init(&shelf);
    r = at_shelf_put(&shelf, AT_LIT("a"), AT_LIT("1"), &fd, 1);
    if (r < 0) {
        CHECK_INT(r, -ENOMEM);
        (void)close(fd);
    }
    at_shelf_deinit(&shelf);
}

TEST(a_failed_put_leaves_the_descriptors_with_the_caller)
{
    WITH_EACH_ALLOCATION_FAILING(put_one());
}

TEST_MAIN("anchor/shelf")
