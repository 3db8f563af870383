/* Each line that says so, and no other, must make every compiler warn: see languages_test.sh. */
#include "deprecated.atoll.h"
#include "deprecated_file.atoll.h"

int use(struct atoll_call *call, struct test_deprecated_v1_Fields *m);

int use(struct atoll_call *call, struct test_deprecated_v1_Fields *m)
{
    struct test_deprecated_v1_Old old;      /* warned */
    struct test_deprecated_file_v1_Box box; /* warned */
    struct atoll_stream *stream;
    int r = (int)sizeof(box);

    m->kept = 1;
    m->plain = 2;                              /* warned */
    m->list.count = 0;                         /* warned */
    m->child = m;                              /* warned */
    m->choice.left = 1;                        /* warned */
    test_deprecated_v1_Fields_set_plain(m, 2); /* warned */
    m->choice.right = 1;
    test_deprecated_v1_Old_init(&old); /* warned */
    r += TEST_DEPRECATED_V1_PUCE;      /* warned */
    r += TEST_DEPRECATED_V1_RED;
    r += (int)sizeof(enum test_deprecated_v1_OldColour); /* warned */
    r += test_deprecated_v1_old__extra_has(m);           /* warned */
    r += test_deprecated_v1_Clerk_get(call, m, m);
    r += test_deprecated_v1_Clerk_old_get(call, m, m);              /* warned */
    r += test_deprecated_v1_Clerk_old_watch_open(call, m, &stream); /* warned */
    r += test_deprecated_v1_OldClerk_get(call, m, &old);            /* warned */
    return r;
}
