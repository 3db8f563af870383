/* Promises of the uid allotment. */
#include "roles/supervisor/uids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "roles/supervisor/limits.h"

enum { PATIENCE_MS = 5000 };

struct place {
    char dir[64];
    char path[96];
};

static struct place make_place(void)
{
    struct place p = {.dir = "/tmp/at-uids-XXXXXX"};

    CHECK(mkdtemp(p.dir) != NULL);
    (void)snprintf(p.path, sizeof(p.path), "%s/sub/uids", p.dir);
    return p;
}

static void end_place(const struct place *p)
{
    char sub[96];
    char lock[128];

    (void)snprintf(sub, sizeof(sub), "%s/sub", p->dir);
    (void)unlink(p->path);
    (void)snprintf(lock, sizeof(lock), "%s.lock", p->path);
    (void)unlink(lock);
    (void)rmdir(sub);
    (void)rmdir(p->dir);
}

static uid_t allot(const struct place *p, const char *project, const char *service)
{
    uid_t uid = 0;

    CHECK_INT(at_uids_allot(p->path, PATIENCE_MS, project, service, &uid, NULL), 0);
    return uid;
}

TEST(every_service_has_its_own_and_keeps_it)
{
    struct place p = make_place();

    CHECK_INT((long)allot(&p, "/srv/shop", "cart"), AT_SUPER_UID_FIRST);
    CHECK_INT((long)allot(&p, "/srv/shop", "stock"), AT_SUPER_UID_FIRST + 1);
    CHECK_INT((long)allot(&p, "/srv/other", "cart"), AT_SUPER_UID_FIRST + 2);
    CHECK_INT((long)allot(&p, "/srv/shop", "cart"), AT_SUPER_UID_FIRST);
    CHECK_INT((long)allot(&p, "/srv/shop", "stock"), AT_SUPER_UID_FIRST + 1);
    end_place(&p);
}

TEST(who_can_read_the_file_cannot_hold_anybody_up)
{
    struct place p = make_place();
    char lock[128];
    struct stat st;
    int fd;
    uid_t uid = 0;
    struct at_diag diag = {0};

    CHECK_INT((long)allot(&p, "/srv/shop", "cart"), AT_SUPER_UID_FIRST);
    fd = open(p.path, O_RDONLY | O_CLOEXEC); /* as any user may */
    CHECK_INT(flock(fd, LOCK_EX), 0);
    CHECK_INT((long)allot(&p, "/srv/shop", "cart"), AT_SUPER_UID_FIRST);
    at_close(&fd);
    (void)snprintf(lock, sizeof(lock), "%s.lock", p.path);
    CHECK_INT(stat(lock, &st), 0);
    CHECK_INT((long)(st.st_mode & 0777), 0600);
    fd = open(lock, O_RDONLY | O_CLOEXEC);
    CHECK_INT(flock(fd, LOCK_EX), 0);
    CHECK_INT(at_uids_allot(p.path, 30, "/srv/shop", "cart", &uid, &diag), -ETIMEDOUT);
    CHECK(strstr(diag.what, "another process holds its lock") != NULL);
    at_close(&fd);
    end_place(&p);
}

TEST(a_project_name_with_a_newline_cannot_forge_a_line)
{
    struct place p = make_place();
    uid_t first = allot(&p, "/srv/a\n300005 cart /srv/b", "cart");

    CHECK_INT((long)first, AT_SUPER_UID_FIRST);
    CHECK_INT((long)allot(&p, "/srv/b", "cart"), AT_SUPER_UID_FIRST + 1);
    end_place(&p);
}

TEST(lines_that_make_no_sense_are_left_alone)
{
    struct place p = make_place();

    CHECK_INT((long)allot(&p, "/srv/shop", "cart"), AT_SUPER_UID_FIRST);
    CHECK_INT(at_fd_write_file(AT_FDCWD, p.path,
                               AT_LIT("0 root /\nx y\n\n300007 cart /srv/shop\n300002 a /b"), 0644),
              0);
    CHECK_INT((long)allot(&p, "/srv/shop", "cart"), 300007);
    CHECK_INT((long)allot(&p, "/srv/shop", "new"), 300008);
    CHECK_INT((long)allot(&p, "/b", "a"), 300002);
    end_place(&p);
}

TEST(when_all_are_taken_it_says_so)
{
    struct place p = make_place();
    struct at_diag diag = {0};
    uid_t uid = 0;

    CHECK_INT((long)allot(&p, "/srv/shop", "cart"), AT_SUPER_UID_FIRST);
    CHECK_INT(at_fd_write_file(AT_FDCWD, p.path, AT_LIT("365535 x /y\n"), 0644), 0);
    CHECK_INT(at_uids_allot(p.path, PATIENCE_MS, "/srv/shop", "cart", &uid, &diag), -ENOSPC);
    CHECK(strstr(diag.what, "every uid is taken") != NULL);
    end_place(&p);
}

TEST(many_at_once_never_share_one)
{
    struct place p = make_place();
    bool seen[8] = {false};
    pid_t pids[8];

    for (int i = 0; i < 8; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char name[8];
            uid_t uid = 0;

            (void)snprintf(name, sizeof(name), "s%d", i);
            _exit(at_uids_allot(p.path, PATIENCE_MS, "/srv/shop", name, &uid, NULL) == 0
                      ? (int)(uid - AT_SUPER_UID_FIRST)
                      : 99);
        }
    }
    for (int i = 0; i < 8; i++) {
        int status = 0;

        CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 8);
        CHECK(!seen[WEXITSTATUS(status)]);
        seen[WEXITSTATUS(status)] = true;
    }
    end_place(&p);
}

TEST_MAIN("supervisor/uids")
