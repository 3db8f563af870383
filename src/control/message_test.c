/* Promises of control/message.h, over every table of the room. */
#include "control/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "at_test.h"
#include "base/bytes.h"
#include "base/fd.h"
#include "base/socket.h"
#include "control/anchor.h"
#include "control/limits.h"
#include "control/operator.h"
#include "control/service.h"

enum { ROOM = AT_MESSAGE_MAX, STRUCT_MAX = 512 };

static const struct at_message_kind *const kinds[] = {
    &at_service_hello_kind,   &at_service_welcome_kind,  &at_service_refused_kind,
    &at_service_ready_kind,   &at_service_want_kind,     &at_service_open_kind,
    &at_service_edge_kind,    &at_service_gone_kind,     &at_service_broken_kind,
    &at_service_stop_kind,    &at_service_stopping_kind, &at_service_resume_kind,
    &at_service_pipes_kind,   &at_anchor_store_kind,     &at_anchor_drop_kind,
    &at_anchor_restore_kind,  &at_anchor_finished_kind,  &at_anchor_entry_kind,
    &at_anchor_exited_kind,   &at_anchor_restored_kind,  &at_anchor_system_kind,
    &at_anchor_instance_kind, &at_operator_hello_kind,   &at_operator_welcome_kind,
    &at_operator_start_kind,  &at_operator_ps_kind,      &at_operator_status_kind,
    &at_operator_watch_kind,  &at_operator_down_kind,    &at_operator_call_kind,
    &at_operator_result_kind, &at_operator_problem_kind, &at_operator_event_kind,
    &at_operator_row_kind,    &at_operator_peer_kind,    &at_operator_loss_kind,
    &at_operator_caller_kind,
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* A value with every field set to something of its own. */
static void fill(const struct at_message_kind *kind, uint8_t *message)
{
    static const char text[] = "a sentence of some length";

    memset(message, 0, kind->struct_size);
    for (size_t i = 0; i < kind->field_count; i++) {
        const struct at_field *f = &kind->fields[i];
        uint64_t number = (i + 1) * 0x0101010101U;
        struct at_bytes b = at_bytes_over(text, 1 + i % (sizeof(text) - 1));

        if (f->type == AT_FIELD_BYTES) {
            memcpy(message + f->offset, &b, sizeof(b));
        } else {
            memcpy(message + f->offset, &number, f->type == AT_FIELD_U64 ? 8 : 4);
        }
    }
}

static bool field_equal(const struct at_field *f, const uint8_t *a, const uint8_t *b)
{
    struct at_bytes x;
    struct at_bytes y;

    if (f->type != AT_FIELD_BYTES) {
        return memcmp(a + f->offset, b + f->offset, f->type == AT_FIELD_U64 ? 8 : 4) == 0;
    }
    memcpy(&x, a + f->offset, sizeof(x));
    memcpy(&y, b + f->offset, sizeof(y));
    return at_bytes_equal(x, y);
}

static bool field_is_zero(const struct at_field *f, const uint8_t *a)
{
    static const uint8_t zero[STRUCT_MAX];

    return field_equal(f, a, zero);
}

static struct at_bytes packed(const struct at_message_kind *kind, const void *message,
                              uint8_t *room)
{
    struct at_writer w = at_writer_over(room, ROOM);

    CHECK_INT(at_message_pack(kind, message, &w), 0);
    CHECK_INT((long)w.len, (long)at_message_size(kind, message));
    return at_writer_bytes(&w);
}

TEST(every_kind_reads_back_what_was_packed)
{
    static uint8_t room[ROOM];
    _Alignas(8) uint8_t in[STRUCT_MAX];
    _Alignas(8) uint8_t out[STRUCT_MAX];

    for (size_t k = 0; k < KINDS; k++) {
        uint16_t type = 0;
        struct at_bytes body = {0};

        CHECK(kinds[k]->struct_size <= STRUCT_MAX);
        fill(kinds[k], in);
        CHECK_INT(at_message_open(packed(kinds[k], in, room), &type, &body), 0);
        CHECK_INT(type, kinds[k]->type);
        CHECK_INT(at_message_unpack(kinds[k], body, out), 0);
        for (size_t i = 0; i < kinds[k]->field_count; i++) {
            CHECK(field_equal(&kinds[k]->fields[i], in, out));
        }
    }
}

/* A shorter body is an older writer's when it ends between two fields, and malformed otherwise. */
TEST(every_shorter_prefix_is_an_older_message_or_malformed)
{
    static uint8_t room[ROOM];
    _Alignas(8) uint8_t in[STRUCT_MAX];
    _Alignas(8) uint8_t out[STRUCT_MAX];

    for (size_t k = 0; k < KINDS; k++) {
        const struct at_message_kind *kind = kinds[k];
        struct at_bytes all;
        size_t whole = 0; /* fields that are wholly in the prefix */
        size_t border = 4;

        fill(kind, in);
        all = packed(kind, in, room);
        for (size_t len = 0; len < all.len; len++) {
            uint16_t type = 0;
            struct at_bytes body = {0};
            int r = at_message_open(at_bytes_before(all, len), &type, &body);
            size_t size;

            CHECK_INT(r, len < 4 ? AT_MESSAGE_MALFORMED : 0);
            if (r != 0) {
                continue;
            }
            r = at_message_unpack(kind, body, out);
            CHECK_INT(r, len == border ? 0 : AT_MESSAGE_MALFORMED);
            for (size_t i = 0; i < kind->field_count; i++) {
                CHECK(r == 0 && i < whole ? field_equal(&kind->fields[i], in, out)
                                          : field_is_zero(&kind->fields[i], out));
            }
            if (len == border) {
                struct at_bytes b;

                memcpy(&b, in + kind->fields[whole].offset, sizeof(b.at));
                memcpy(&b, in + kind->fields[whole].offset,
                       kind->fields[whole].type == AT_FIELD_BYTES ? sizeof(b) : 4);
                size = kind->fields[whole].type == AT_FIELD_BYTES ? 4 + b.len
                       : kind->fields[whole].type == AT_FIELD_U64 ? 8
                                                                  : 4;
                border += size;
                whole++;
            }
        }
    }
}

TEST(what_a_newer_version_adds_behind_is_ignored)
{
    static uint8_t room[ROOM];
    struct at_service_stop in = {.grace_ns = 7};
    struct at_service_stop out;
    struct at_bytes all = packed(&at_service_stop_kind, &in, room);
    uint16_t type;
    struct at_bytes body;

    memset(room + all.len, 0xff, 9);
    all.len += 9;
    CHECK_INT(at_message_open(all, &type, &body), 0);
    CHECK_INT(at_message_unpack(&at_service_stop_kind, body, &out), 0);
    CHECK_INT((long)out.grace_ns, 7);
}

TEST(a_field_over_its_limit_is_refused_when_packing_and_when_reading)
{
    static uint8_t room[ROOM];
    static const char long_name[AT_CONTROL_NAME_MAX + 1];
    struct at_service_want want = {.service = at_bytes_over(long_name, AT_CONTROL_NAME_MAX)};
    struct at_service_want out;
    struct at_bytes all = packed(&at_service_want_kind, &want, room);
    struct at_writer w = at_writer_over(room, ROOM);
    struct at_bytes body = at_bytes_after(all, 4);

    CHECK_INT(at_message_unpack(&at_service_want_kind, body, &out), 0);
    room[4 + 8] = AT_CONTROL_NAME_MAX + 1; /* the length of `service` */
    CHECK_INT(at_message_unpack(&at_service_want_kind, body, &out), AT_MESSAGE_MALFORMED);
    want.service.len++;
    CHECK_INT(at_message_pack(&at_service_want_kind, &want, &w), -EMSGSIZE);
}

TEST(a_message_that_does_not_fit_its_buffer_is_refused)
{
    uint8_t small[11];
    struct at_service_stop stop = {.grace_ns = 1};
    struct at_writer w = at_writer_over(small, sizeof(small));

    CHECK_INT(at_message_pack(&at_service_stop_kind, &stop, &w), -EMSGSIZE);
}

TEST(type_zero_and_a_used_reserve_are_malformed)
{
    uint16_t type;
    struct at_bytes body;

    CHECK_INT(at_message_open(at_bytes_over("\0\0\0\0", 4), &type, &body), AT_MESSAGE_MALFORMED);
    CHECK_INT(at_message_open(at_bytes_over("\1\0\1\0", 4), &type, &body), AT_MESSAGE_MALFORMED);
    CHECK_INT(at_message_open(at_bytes_over("\1\0\0\0", 4), &type, &body), 0);
}

struct pair {
    int fds[2];
    struct at_message *message;
};

static struct pair make_pair(void)
{
    struct pair p = {.message = calloc(1, sizeof(*p.message))};

    CHECK(p.message != NULL);
    CHECK_INT(at_socket_pair(p.fds), 0);
    CHECK_INT(at_fd_set_nonblocking(p.fds[0], 1), 0);
    CHECK_INT(at_fd_set_nonblocking(p.fds[1], 1), 0);
    return p;
}

static void end_pair(struct pair *p)
{
    at_close(&p->fds[0]);
    at_close(&p->fds[1]);
    free(p->message);
}

TEST(a_message_travels_with_its_descriptors)
{
    struct pair p = make_pair();
    struct at_service_open open = {.channel = 9, .peer_instance = AT_LIT("stock.1")};
    struct at_service_open got;
    int three[3] = {p.fds[0], p.fds[1], p.fds[0]};
    int taken;

    CHECK_INT(at_message_send(p.fds[0], &at_service_open_kind, &open, three, 3), 0);
    CHECK_INT(at_message_receive(p.fds[1], p.message), 0);
    CHECK_INT(at_message_read(&at_service_open_kind, p.message, &got), 0);
    CHECK_INT((long)got.channel, 9);
    CHECK_BYTES(got.peer_instance, "stock.1");
    taken = at_message_take_fd(p.message, 1);
    CHECK(taken >= 0);
    CHECK((fcntl(taken, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_INT(at_message_take_fd(p.message, 1), -1);
    CHECK_INT(at_message_take_fd(p.message, 3), -1);
    at_message_clear(p.message);
    at_close(&taken);
    end_pair(&p);
}

TEST(more_descriptors_than_a_kind_may_carry_are_refused_and_closed)
{
    struct pair p = make_pair();
    struct at_service_want want = {.request = 1};
    uint8_t room[128];
    struct at_writer w = at_writer_over(room, sizeof(room));
    struct at_service_want got;

    CHECK_INT(at_message_send(p.fds[0], &at_service_want_kind, &want, p.fds, 1), -EMSGSIZE);
    CHECK_INT(at_message_pack(&at_service_want_kind, &want, &w), 0);
    CHECK_INT(at_fd_send(p.fds[0], at_writer_bytes(&w), p.fds, 2), 0);
    CHECK_INT(at_message_receive(p.fds[1], p.message), 0);
    CHECK_INT(at_message_read(&at_service_want_kind, p.message, &got), AT_MESSAGE_MALFORMED);
    at_message_clear(p.message);
    end_pair(&p);
}

TEST(another_type_than_asked_for_is_malformed)
{
    struct pair p = make_pair();
    struct at_service_stop stop = {0};
    struct at_service_ready got;

    CHECK_INT(at_message_send(p.fds[0], &at_service_stop_kind, &stop, NULL, 0), 0);
    CHECK_INT(at_message_receive(p.fds[1], p.message), 0);
    CHECK_INT(at_message_read(&at_service_ready_kind, p.message, &got), AT_MESSAGE_MALFORMED);
    end_pair(&p);
}

TEST(receiving_tells_nothing_yet_from_closed_from_garbage)
{
    struct pair p = make_pair();

    CHECK_INT(at_message_receive(p.fds[1], p.message), -EAGAIN);
    CHECK_INT((long)send(p.fds[0], "xyz", 3, 0), 3);
    CHECK_INT(at_message_receive(p.fds[1], p.message), AT_MESSAGE_MALFORMED);
    at_close(&p.fds[0]);
    CHECK_INT(at_message_receive(p.fds[1], p.message), AT_MESSAGE_CLOSED);
    end_pair(&p);
}

TEST(a_datagram_over_the_limit_is_malformed_and_its_descriptors_are_closed)
{
    struct pair p = make_pair();
    static uint8_t big[AT_MESSAGE_MAX + 1] = {1};

    CHECK_INT(at_fd_send(p.fds[0], at_bytes_over(big, sizeof(big)), p.fds, 2), 0);
    CHECK_INT(at_message_receive(p.fds[1], p.message), AT_MESSAGE_MALFORMED);
    CHECK_INT((long)p.message->fd_count, 0);
    end_pair(&p);
}

TEST(a_full_socket_says_again)
{
    struct pair p = make_pair();
    struct at_service_stop stop = {0};
    int r = 0;

    for (int i = 0; i < 100000 && r == 0; i++) {
        r = at_message_send(p.fds[0], &at_service_stop_kind, &stop, NULL, 0);
    }
    CHECK_INT(r, -EAGAIN);
    end_pair(&p);
}

static void send_big(int sock)
{
    static const char text[8000];
    struct at_service_hello hello = {.contracts = at_bytes_over(text, sizeof(text))};
    int r = at_message_send(sock, &at_service_hello_kind, &hello, NULL, 0);

    CHECK(r == 0 || r == -ENOMEM);
}

TEST(sending_survives_every_failed_allocation)
{
    struct pair p = make_pair();

    WITH_EACH_ALLOCATION_FAILING(send_big(p.fds[0]));
    end_pair(&p);
}

TEST(the_socket_of_a_system_has_one_place_and_bad_names_have_none)
{
    char path[256];

    CHECK_INT(at_operator_socket_path("shop", path, sizeof(path)), 0);
    CHECK(strstr(path, "/atoll/shop/control.sock") != NULL);
    CHECK_INT(at_operator_socket_path("../x", path, sizeof(path)), -EINVAL);
    CHECK_INT(at_operator_socket_path("", path, sizeof(path)), -EINVAL);
    CHECK_INT(at_operator_socket_path("a/b", path, sizeof(path)), -EINVAL);
    CHECK_INT(at_operator_socket_path("shop", path, 20), -ENAMETOOLONG);
}

TEST(every_state_has_a_name)
{
    for (uint32_t s = AT_LIFE_DOWN; s < AT_LIFE_STATES; s++) {
        CHECK(strcmp(at_life_state_name(s), "?") != 0);
    }
    CHECK_STR(at_life_state_name(0), "?");
    CHECK_STR(at_life_state_name(99), "?");
}

TEST_MAIN("control/message")
