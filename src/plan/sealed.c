#include "plan/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"

enum { ALL_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };

int at_sealed_make(const char *name, struct at_bytes content, int *ret_fd)
{
    at_auto_close
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r;

    if (fd < 0) {
        return at_up(-errno);
    }
    r = at_fd_write_all(fd, content.at, content.len);
    if (r < 0) {
        return at_up(r);
    }
    if (fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0) {
        return at_up(-errno);
    }
    *ret_fd = at_take_fd(&fd);
    return 0;
}

int at_sealed_check(int fd, size_t limit, size_t *ret_len)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0) {
        return errno == EINVAL ? -EPERM : at_up(-errno); /* EINVAL: no memfd */
    }
    if ((seals & ALL_SEALS) != ALL_SEALS) {
        return -EPERM;
    }
    if (fstat(fd, &st) < 0) {
        return at_up(-errno);
    }
    if ((uint64_t)st.st_size > limit) {
        return -EFBIG;
    }
    *ret_len = (size_t)st.st_size;
    return 0;
}

int at_sealed_map(int fd, size_t limit, struct at_bytes *ret)
{
    size_t len = 0;
    void *at;
    int r = at_sealed_check(fd, limit, &len);

    if (r < 0) {
        return r;
    }
    if (len == 0) {
        *ret = (struct at_bytes){0};
        return 0;
    }
    at = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) {
        return at_up(-errno);
    }
    *ret = at_bytes_over(at, len);
    return 0;
}

void at_sealed_unmap(struct at_bytes *map)
{
    if (map->at != NULL) {
        (void)munmap((void *)(uintptr_t)map->at, map->len);
    }
    *map = (struct at_bytes){0};
}
