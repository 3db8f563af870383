#include "plan/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"

TEST(a_sealed_file_can_be_read_and_not_changed)
{
    at_auto_close
    int fd = -1;
    struct at_bytes map = {0};

    CHECK_INT(at_sealed_make("test", AT_LIT("content"), &fd), 0);
    CHECK_INT(at_sealed_map(fd, 7, &map), 0);
    CHECK_BYTES(map, "content");
    CHECK(pwrite(fd, "x", 1, 0) < 0);
    CHECK(ftruncate(fd, 0) < 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    at_sealed_unmap(&map);
    CHECK(map.at == NULL);
}

TEST(an_empty_one_maps_to_no_bytes)
{
    at_auto_close
    int fd = -1;
    struct at_bytes map = AT_LIT("x");

    CHECK_INT(at_sealed_make("test", (struct at_bytes){0}, &fd), 0);
    CHECK_INT(at_sealed_map(fd, 7, &map), 0);
    CHECK_INT(map.len, 0);
    at_sealed_unmap(&map);
}

TEST(one_that_is_too_big_is_refused)
{
    at_auto_close
    int fd = -1;
    struct at_bytes map;

    CHECK_INT(at_sealed_make("test", AT_LIT("content"), &fd), 0);
    CHECK_INT(at_sealed_map(fd, 6, &map), -EFBIG);
}

TEST(one_without_all_seals_or_that_is_no_memfd_is_refused)
{
    at_auto_close
    int half = memfd_create("half", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    at_auto_close
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    size_t len;

    CHECK_INT(at_sealed_check(half, 100, &len), -EPERM);
    CHECK_INT(fcntl(half, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    CHECK_INT(at_sealed_check(half, 100, &len), -EPERM);
    CHECK_INT(at_sealed_check(file, 100, &len), -EPERM);
}

TEST_MAIN("plan/sealed")
