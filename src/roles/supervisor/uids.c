#include "roles/supervisor/uids.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "roles/supervisor/limits.h"

enum { LOCK_PAUSE_MS = 20 };

/* "service<space>project" as it stands in the file: no control characters. */
static void add_key(struct at_text *key, const char *project, const char *service)
{
    at_text_add_visible(key, at_bytes_of(service));
    at_text_add_char(key, ' ');
    at_text_add_visible(key, at_bytes_of(project));
}

/* The uid of the key, or 0; *ret_next is the first one that nobody has. */
static uint64_t search(struct at_bytes file, struct at_bytes key, uint64_t *ret_next)
{
    struct at_bytes line;

    *ret_next = AT_SUPER_UID_FIRST;
    while (at_bytes_cut(&file, '\n', &line)) {
        size_t space = at_bytes_index(line, ' ');
        uint64_t uid;

        if (!at_bytes_to_u64(at_bytes_before(line, space), &uid) || uid < AT_SUPER_UID_FIRST ||
            uid > AT_SUPER_UID_LAST) {
            continue;
        }
        if (at_bytes_equal(at_bytes_after(line, space + 1), key)) {
            return uid;
        }
        if (uid >= *ret_next) {
            *ret_next = uid + 1;
        }
    }
    return 0;
}

static int append(int fd, uint64_t uid, struct at_bytes key, bool needs_newline)
{
    struct at_text line;
    int r;

    at_text_init(&line);
    at_text_addf(&line, "%s%" PRIu64 " ", needs_newline ? "\n" : "", uid);
    at_text_add(&line, key);
    at_text_add_char(&line, '\n');
    r = line.failed ? -ENOMEM : at_fd_write_all(fd, line.at, line.len);
    if (r == 0 && fsync(fd) < 0) {
        r = -errno;
    }
    at_text_deinit(&line);
    return r;
}

static int make_parent(const char *path)
{
    char dir[256];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);

    if (len == 0 || len >= sizeof(dir)) {
        return 0;
    }
    memcpy(dir, path, len);
    dir[len] = '\0';
    return mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_lock(const char *path, int *ret_fd)
{
    char name[PATH_MAX];

    if ((size_t)snprintf(name, sizeof(name), "%s.lock", path) >= sizeof(name)) {
        return -ENAMETOOLONG;
    }
    *ret_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    return *ret_fd < 0 ? -errno : 0;
}

static int take_lock(int fd, uint32_t patience_ms)
{
    uint64_t deadline = at_now_ns() + patience_ms * AT_MILLISECOND_NS;

    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return -errno;
        }
        if (at_now_ns() >= deadline) {
            return -ETIMEDOUT;
        }
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    }
    return 0;
}

/* The lock is held. */
static int allot(int fd, const char *path, struct at_bytes key, uid_t *ret)
{
    at_auto_free
    char *text = NULL;
    size_t len = 0;
    uint64_t next;
    uint64_t uid;
    int r;

    r = at_fd_read_file(AT_FDCWD, path, AT_SUPER_UIDS_FILE_MAX, &text, &len);
    if (r < 0) {
        return at_up(r);
    }
    uid = search(at_bytes_over(text, len), key, &next);
    if (uid == 0) {
        if (next > AT_SUPER_UID_LAST) {
            return -ENOSPC;
        }
        r = append(fd, next, key, len > 0 && text[len - 1] != '\n');
        uid = next;
    }
    *ret = (uid_t)uid;
    return r;
}

static const char *why(int error)
{
    return error == -ENOSPC      ? "every uid is taken"
           : error == -ETIMEDOUT ? "another process holds its lock and does not let go"
                                 : strerrordesc_np(-error);
}

static const char *what_to_do(int error)
{
    return error == -ENOSPC      ? "remove lines of projects that are gone"
           : error == -ETIMEDOUT ? "see who has the file with .lock behind its name open (fuser)"
                                 : "the file must be writable for root";
}

int at_uids_allot(const char *path, uint32_t patience_ms, const char *project, const char *service,
                  uid_t *ret, struct at_diag *diag)
{
    at_auto_close
    int lock = -1;
    at_auto_close
    int fd = -1;
    struct at_text key;
    int r = make_parent(path);

    at_text_init(&key);
    add_key(&key, project, service);
    if (r == 0) {
        r = open_lock(path, &lock);
    }
    if (r == 0) {
        r = take_lock(lock, patience_ms);
    }
    if (r == 0) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        r = fd < 0 ? -errno : 0;
    }
    if (r == 0) {
        r = key.failed ? -ENOMEM : allot(fd, path, at_text_bytes(&key), ret);
    }
    at_text_deinit(&key);
    if (r < 0) {
        at_diag_set(diag, "cannot allot a uid to service \"%s\" in %s: %s", service, path, why(r));
        at_diag_hint(diag, "%s", what_to_do(r));
    }
    return r;
}
