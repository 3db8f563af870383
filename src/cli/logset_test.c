#include "cli/logset.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/logline.h"
#include "cli/logprint.h"

#define T(s) "2026-01-31T12:00:0" s ".000Z "
/* 2026-01-31T12:00:00Z */
#define WALL (UINT64_C(1769860800) * AT_SECOND_NS)

struct dir {
    char path[64];
    char own[72]; /* of the daemon */
    int fd;
};

static void begin(struct dir *d)
{
    snprintf(d->path, sizeof(d->path), "/tmp/at_logset_XXXXXX");
    CHECK(mkdtemp(d->path) != NULL);
    snprintf(d->own, sizeof(d->own), "%s/own", d->path);
    CHECK_INT(mkdir(d->own, 0755), 0);
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void end(struct dir *d)
{
    DIR *dir = opendir(d->path);
    struct dirent *e;

    while ((e = readdir(dir)) != NULL) {
        unlinkat(d->fd, e->d_name, 0);
    }
    closedir(dir);
    unlinkat(d->fd, "own/atolld.log", 0);
    unlinkat(d->fd, "own/cart.9.log", 0);
    unlinkat(d->fd, "own", AT_REMOVEDIR);
    close(d->fd);
    rmdir(d->path);
}

static void append(struct dir *d, const char *name, const char *text)
{
    int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* What is there now as "instance:text " in order. */
static void read_all(struct at_logset *set, struct at_text *out)
{
    struct at_logset_line l;

    at_text_clear(out);
    while (at_logset_next(set, &l) > 0) {
        at_text_add(out, l.instance);
        at_text_add_char(out, ':');
        at_text_add(out, l.line.text);
        at_text_add_char(out, ' ');
    }
}

static void check_shows(struct dir *d, struct at_logset_conf conf, const char *expected)
{
    struct at_logset *set;
    struct at_text out;

    at_text_init(&out);
    conf.dir = d->path;
    conf.daemon_dir = d->own;
    CHECK_INT(at_logset_open(&conf, &set), 0);
    read_all(set, &out);
    CHECK_STR(at_text_str(&out), expected);
    at_logset_close(set);
    at_text_deinit(&out);
}

static void two_services(struct dir *d)
{
    append(d, "cart.1.log.2", T("0") "stdout a\n");
    append(d, "cart.1.log.1", T("1") "stdout b\n" T("4") "stderr e\n");
    append(d, "cart.1.log", T("7") "stdout h\n");
    append(d, "cart.2.log", T("2") "stdout c\n" T("6") "stdout g\n");
    append(d, "stock.1.log", T("3") "stdout d\n" T("5") "stdout f\n");
    append(d, "atolld.log", "time=2026-01-31T12:00:03Z forged by who owns the directory\n");
    append(d, "own/atolld.log", "time=2026-01-31T12:00:03Z not a service\n");
    append(d, "own/cart.9.log", T("8") "stdout not here\n");
    append(d, "other", "no log\n");
}

TEST(replicas_and_rotated_files_are_one_stream_in_the_order_of_time)
{
    struct dir d;

    begin(&d);
    two_services(&d);
    check_shows(&d, (struct at_logset_conf){.follow = false},
                "cart.1:a cart.1:b cart.2:c stock.1:d cart.1:e stock.1:f cart.2:g cart.1:h ");
    end(&d);
}

TEST(names_choose_services_and_instances)
{
    static const char *const cart[] = {"cart"};
    static const char *const both[] = {"cart.2", "stock"};
    static const char *const daemon[] = {"atolld"};
    struct dir d;

    begin(&d);
    two_services(&d);
    check_shows(&d, (struct at_logset_conf){.names = cart, .name_count = 1},
                "cart.1:a cart.1:b cart.2:c cart.1:e cart.2:g cart.1:h ");
    check_shows(&d, (struct at_logset_conf){.names = both, .name_count = 2},
                "cart.2:c stock.1:d stock.1:f cart.2:g ");
    check_shows(&d, (struct at_logset_conf){.names = daemon, .name_count = 1},
                "atolld:time=2026-01-31T12:00:03Z not a service ");
    end(&d);
}

TEST(tail_is_of_all_and_crosses_rotations)
{
    struct dir d;
    static const char *const all[] = {
        "",
        "cart.1:h ",
        "cart.2:g cart.1:h ",
        "stock.1:f cart.2:g cart.1:h ",
        "cart.1:e stock.1:f cart.2:g cart.1:h ",
        "stock.1:d cart.1:e stock.1:f cart.2:g cart.1:h ",
        "cart.2:c stock.1:d cart.1:e stock.1:f cart.2:g cart.1:h ",
        "cart.1:b cart.2:c stock.1:d cart.1:e stock.1:f cart.2:g cart.1:h ",
        "cart.1:a cart.1:b cart.2:c stock.1:d cart.1:e stock.1:f cart.2:g cart.1:h ",
        "cart.1:a cart.1:b cart.2:c stock.1:d cart.1:e stock.1:f cart.2:g cart.1:h ",
    };

    begin(&d);
    two_services(&d);
    for (size_t n = 0; n < sizeof(all) / sizeof(all[0]); n++) {
        check_shows(&d, (struct at_logset_conf){.has_tail = true, .tail = n}, all[n]);
    }
    end(&d);
}

TEST(since_and_until_are_a_window)
{
    struct dir d;

    begin(&d);
    two_services(&d);
    check_shows(&d,
                (struct at_logset_conf){.since_ns = WALL + 3 * AT_SECOND_NS,
                                        .until_ns = WALL + 6 * AT_SECOND_NS},
                "stock.1:d cart.1:e stock.1:f ");
    end(&d);
}

TEST(following_sees_new_lines_new_files_and_survives_rotation)
{
    struct dir d;
    struct at_logset *set;
    struct at_text out;

    begin(&d);
    at_text_init(&out);
    append(&d, "cart.1.log", T("0") "stdout a\n");
    struct at_logset_conf conf = {.dir = d.path, .follow = true};
    CHECK_INT(at_logset_open(&conf, &set), 0);
    read_all(set, &out);
    CHECK_STR(at_text_str(&out), "cart.1:a ");

    append(&d, "cart.1.log", T("1") "stdout b\n" T("2") "stdout hal");
    CHECK_INT(at_logset_again(set), 0);
    read_all(set, &out);
    CHECK_STR(at_text_str(&out), "cart.1:b "); /* half a line waits */

    append(&d, "cart.1.log", "f\n");
    renameat(d.fd, "cart.1.log", d.fd, "cart.1.log.1");
    append(&d, "cart.1.log", T("3") "stdout c\n");
    append(&d, "stock.1.log", T("4") "stdout s\n");
    CHECK_INT(at_logset_again(set), 0);
    read_all(set, &out);
    CHECK_STR(at_text_str(&out), "cart.1:half cart.1:c stock.1:s ");

    renameat(d.fd, "cart.1.log.1", d.fd, "cart.1.log.2");
    renameat(d.fd, "cart.1.log", d.fd, "cart.1.log.1");
    append(&d, "cart.1.log", T("5") "stdout d\n");
    CHECK_INT(at_logset_again(set), 0);
    read_all(set, &out);
    CHECK_STR(at_text_str(&out), "cart.1:d ");
    at_logset_close(set);
    at_text_deinit(&out);
    end(&d);
}

TEST(a_line_that_is_no_log_line_is_shown_as_it_stands_in_its_place)
{
    struct dir d;

    begin(&d);
    append(&d, "a.1.log", T("1") "stdout one\nfree text\n" T("3") "nonsense x\n");
    append(&d, "b.1.log", T("2") "stdout two\n");
    check_shows(&d, (struct at_logset_conf){.follow = false},
                "a.1:one a.1:free text b.1:two a.1:" T("3") "nonsense x ");
    end(&d);
}

TEST(a_line_without_end_is_given_in_pieces)
{
    struct dir d;
    struct at_logset *set;
    struct at_logset_line l;
    char block[4097];
    size_t total = 0;

    begin(&d);
    memset(block, 'x', sizeof(block) - 1);
    block[sizeof(block) - 1] = '\0';
    for (int i = 0; i < 64; i++) {
        append(&d, "a.1.log", block);
    }
    struct at_logset_conf conf = {.dir = d.path};
    CHECK_INT(at_logset_open(&conf, &set), 0);
    while (at_logset_next(set, &l) > 0) {
        CHECK(l.line.text.len <= 2 * AT_LOGSET_LINE_MAX);
        total += l.line.text.len;
    }
    CHECK(total == 64 * 4096);
    at_logset_close(set);
    end(&d);
}

TEST(times_are_read_in_every_common_form)
{
    uint64_t ns;

    CHECK(at_logline_parse_time(AT_LIT("2026-01-31T12:00:00Z"), &ns) && ns == WALL);
    CHECK(at_logline_parse_time(AT_LIT("2026-01-31 12:00:00.5"), &ns) &&
          ns == WALL + AT_SECOND_NS / 2);
    CHECK(at_logline_parse_time(AT_LIT("2026-01-31T13:30:00+01:30"), &ns) && ns == WALL);
    CHECK(at_logline_parse_time(AT_LIT("2026-01-31"), &ns) && ns == WALL - 43200 * AT_SECOND_NS);
    CHECK(at_logline_parse_when(AT_LIT("10m"), WALL, &ns) && ns == WALL - 600 * AT_SECOND_NS);
    CHECK(at_logline_parse_when(AT_LIT("999999h"), WALL, &ns) && ns == 0);
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-13-01",
                                      "2026-01-31T",
                                      "2026-01-31T25:00:00Z",
                                      "2026-01-31T12:00:00.Z",
                                      "2026-01-31T12:00:00Zx",
                                      "yesterday"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(!at_logline_parse_time(at_bytes_of(bad[i]), &ns));
    }
}

TEST(names_of_files_tell_the_instance)
{
    struct at_bytes instance;
    uint32_t number;

    CHECK(at_logline_parse_file(AT_LIT("cart.12.log.3"), &instance, &number) && number == 3);
    CHECK_BYTES(instance, "cart.12");
    CHECK_BYTES(at_logline_service(instance), "cart");
    CHECK(at_logline_parse_file(AT_LIT("my.log.1.log"), &instance, &number) && number == 0);
    CHECK_BYTES(instance, "my.log.1");
    CHECK(!at_logline_parse_file(AT_LIT(".log"), &instance, &number));
    CHECK(!at_logline_parse_file(AT_LIT("cart.1.log.x"), &instance, &number));
    CHECK(!at_logline_parse_file(AT_LIT("cart.1.log.0"), &instance, &number));
    CHECK(!at_logline_parse_file(AT_LIT("cart"), &instance, &number));
}

static char *print(struct at_cli *cli, const char *file)
{
    struct dir d;
    struct at_logset *set;
    char *out = NULL;
    size_t len;

    begin(&d);
    append(&d, "cart.1.log", file);
    struct at_logset_conf conf = {.dir = d.path};
    cli->out = open_memstream(&out, &len);
    CHECK_INT(at_logset_open(&conf, &set), 0);
    struct at_logprint p = {.cli = cli, .prefix = true, .width = 8};
    CHECK_INT(at_logprint_all(&p, set), 0);
    at_logset_close(set);
    fclose(cli->out);
    end(&d);
    return out;
}

TEST(a_pipe_gets_plain_lines_and_no_escape_reaches_anybody)
{
    struct at_cli cli = {.output = AT_OUTPUT_TABLE};
    char *out = print(&cli, T("1") "stdout hi\033[2J\n" T("2") "stdout+ half\n");

    CHECK_STR(out, "cart.1   | hi\\x1b[2J\ncart.1   | half\xe2\x80\xa6\n");
    free(out);
    cli.out_colour = true;
    out = print(&cli, T("1") "stdout hi\033[2J\n");
    CHECK(strstr(out, "hi\\x1b[2J") != NULL);
    CHECK(strstr(out, "\033[2J") == NULL);
    free(out);
}

TEST(programs_get_json_lines)
{
    struct at_cli cli = {.output = AT_OUTPUT_JSONL};
    char *out = print(&cli, T("1") "stderr say \"hi\"\n");

    CHECK_STR(out,
              "{\"time\":\"2026-01-31T12:00:01.000Z\",\"service\":\"cart\",\"instance\":\"cart."
              "1\",\"stream\":\"stderr\",\"text\":\"say \\\"hi\\\"\",\"goes_on\":false}\n");
    free(out);
}

TEST_MAIN("cli/logset")
