/*
 * atoll bench: load on one method of the running system, in closed or open loop, over each
 * transport there is, for each combination of the lists given.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <atoll/atoll.h>
#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/bench_load.h"
#include "cli/bench_report.h"
#include "cli/bench_way.h"
#include "cli/callee.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/oplink.h"
#include "cli/out.h"
#include "cli/rows.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/pool.h"

enum { LIST_MAX = 16, PAYLOAD_MAX = 64 << 20, OPEN_SLOTS = 1024 };

#define DURATION_NS (3 * AT_SECOND_NS)
#define WARMUP_NS (300 * AT_MILLISECOND_NS)
#define DEADLINE_NS (10 * AT_SECOND_NS)

struct list {
    uint64_t at[LIST_MAX];
    size_t count;
};

struct bench {
    struct at_cli *cli;
    struct at_callee callee;
    struct at_bench_target target;
    struct at_bytes base; /* the request as given, protobuf */
    const struct atoll_field_desc *field;
    struct list payloads; /* bytes for the field; empty: as given */
    struct list levels;   /* concurrency, or rates */
    bool open;
    uint32_t open_slots;
    const char *transports;
    uint64_t duration_ns;
    uint64_t warmup_ns;
    uint64_t seed;
    const char *service; /* name in the plan */
    struct at_bench_table table;
    struct at_json_writer json;
    struct at_text json_text;
    size_t done;
    size_t wanted;
    bool failed; /* a call did */
};

/* ---- the command line ---- */

typedef bool parse_fn(struct at_bytes word, uint64_t *ret);

static bool parse_number(struct at_bytes word, uint64_t *ret)
{
    return at_bytes_to_u64(word, ret) && *ret > 0;
}

/* "1,8,64": 0, or a code. */
static int parse_list(struct at_cli *cli, const char *name, parse_fn *parse, uint64_t max,
                      struct list *ret)
{
    const char *text = at_cli_value(cli, name);
    struct at_bytes rest = at_bytes_of(text);
    struct at_bytes word;

    while (text != NULL && at_bytes_cut(&rest, ',', &word)) {
        word = at_bytes_trim(word);
        if (ret->count == LIST_MAX) {
            return at_cli_fail(cli, AT_EXIT_USAGE, "--%s takes at most %d values", name, LIST_MAX);
        }
        if (!parse(word, &ret->at[ret->count]) || ret->at[ret->count] > max) {
            return at_cli_fail(cli, AT_EXIT_USAGE, "--%s: \"%.*s\" is no value from 1 to %llu",
                               name, (int)word.len, (const char *)word.at, (unsigned long long)max);
        }
        ret->count++;
    }
    return 0;
}

static int parse_time(struct at_cli *cli, const char *name, uint64_t *ret)
{
    const char *text = at_cli_value(cli, name);

    if (text != NULL && !at_text_parse_duration(at_bytes_of(text), ret)) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "--%s: \"%s\" is no duration such as 3s or 500ms",
                           name, text);
    }
    return 0;
}

static int parse_loop(struct bench *b)
{
    struct list slots = {.count = 0};
    struct list rates = {.count = 0};
    int code = parse_list(b->cli, "concurrency", parse_number, AT_BENCH_SLOTS_MAX, &slots);

    if (code == 0) {
        code = parse_list(b->cli, "rate", parse_number, 100000000, &rates);
    }
    if (code != 0) {
        return code;
    }
    b->open = rates.count > 0;
    if (b->open && slots.count > 1) {
        return at_cli_fail(b->cli, AT_EXIT_USAGE,
                           "with --rate, --concurrency is one number: how many calls may be under "
                           "way at most");
    }
    b->open_slots = slots.count == 1 ? (uint32_t)slots.at[0] : OPEN_SLOTS;
    b->levels = b->open ? rates : slots;
    if (b->levels.count == 0) {
        b->levels = (struct list){.at = {1, 64}, .count = 2};
    }
    return 0;
}

static int parse_options(struct bench *b)
{
    const char *seed = at_cli_value(b->cli, "seed");
    int code = parse_loop(b);

    b->duration_ns = DURATION_NS;
    b->warmup_ns = WARMUP_NS;
    b->seed = 1;
    if (code == 0) {
        code = parse_time(b->cli, "duration", &b->duration_ns);
    }
    if (code == 0) {
        code = parse_time(b->cli, "warmup", &b->warmup_ns);
    }
    if (code == 0) {
        code = parse_list(b->cli, "payload", at_text_parse_size, PAYLOAD_MAX, &b->payloads);
    }
    if (code == 0 && seed != NULL && !at_bytes_to_u64(at_bytes_of(seed), &b->seed)) {
        code = at_cli_fail(b->cli, AT_EXIT_USAGE, "--seed: \"%s\" is no number", seed);
    }
    b->transports = at_cli_value(b->cli, "transport");
    if (b->transports == NULL) {
        b->transports = "channel";
    }
    return code;
}

/* ---- the request ---- */

/* The field that --payload fills: the one named, else the first of bytes, else the first string. */
static int find_field(struct bench *b)
{
    const struct atoll_message_desc *desc = b->target.method->input;
    const char *name = at_cli_value(b->cli, "field");
    const struct atoll_field_desc *text = NULL;

    for (size_t i = 0; b->payloads.count > 0 && i < desc->field_count; i++) {
        const struct atoll_field_desc *f = &desc->fields[i];
        uint32_t type = at_pb_type(f);

        if (at_pb_is_repeated(f) || at_pb_is_map(f) ||
            (type != ATOLL_TYPE_BYTES && type != ATOLL_TYPE_STRING)) {
            continue;
        }
        if (name != NULL ? at_bytes_equal(at_bytes_of(name), at_pb_name(desc, f))
                         : type == ATOLL_TYPE_BYTES) {
            b->field = f;
            return 0;
        }
        text = text == NULL ? f : text;
    }
    b->field = name == NULL ? text : NULL;
    if (b->payloads.count > 0 && b->field == NULL) {
        return at_cli_fail(b->cli, AT_EXIT_UNKNOWN,
                           "%s has no %s%sfield of type bytes or string that --payload could fill",
                           desc->full_name, name == NULL ? "" : name, name == NULL ? "" : " as a ");
    }
    return 0;
}

/* The request with the field filled to so many bytes; appended, so that it counts last. */
static int fill(struct bench *b, uint64_t payload)
{
    struct at_arena *arena = &b->callee.arena;
    const struct atoll_message_desc *desc = b->target.method->input;
    struct at_bytes pb = b->base;
    struct at_pb_fault fault = {.line = 0};
    void *message = at_arena_zalloc(arena, 1, desc->struct_size);
    int r = message == NULL ? -ENOMEM : 0;

    if (r == 0 && b->field != NULL && b->payloads.count > 0) {
        uint8_t *room = at_arena_alloc(arena, b->base.len + payload + 16, 1);
        uint64_t parts[] = {(uint64_t)at_pb_number(b->field) << 3 | 2, payload};
        struct at_writer w = at_writer_over(room, b->base.len + payload + 16);

        r = room == NULL ? -ENOMEM : 0;
        at_write_bytes(&w, b->base);
        for (size_t i = 0; r == 0 && i < 2; i++) {
            for (; parts[i] > 127; parts[i] >>= 7) {
                at_write_le(&w, (parts[i] & 127) | 128, 1);
            }
            at_write_le(&w, parts[i], 1);
        }
        if (r == 0) {
            memset(room + w.len, 'x', payload);
            pb = at_bytes_over(room, w.len + payload);
        }
    }
    if (r == 0) {
        r = at_pb_decode(desc, pb, arena, message, &fault);
    }
    if (r != 0) {
        return at_cli_fail(b->cli, AT_EXIT_FAILURE, "the request cannot be made: %s",
                           r < 0 ? strerror(-r) : fault.what);
    }
    b->target.pb = pb;
    b->target.message = message;
    return 0;
}

/* ---- a trial ---- */

static uint64_t own_cpu_ns(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * AT_SECOND_NS +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * AT_MICROSECOND_NS;
}

static int read_cpu(struct bench *b, struct at_bench_cpu *ret)
{
    struct at_rows rows;
    int code;

    at_rows_init(&rows);
    code = at_oplink_connect(b->cli, &b->callee.load.place, &b->callee.link);
    if (code == 0) {
        code = at_rows_ask(b->cli, &b->callee.link, &rows);
        at_oplink_close(&b->callee.link);
    }
    if (code == 0) {
        at_bench_cpu_of_rows(&rows, ret);
    }
    at_rows_deinit(&rows);
    ret->client_ns = own_cpu_ns();
    return code;
}

static void say_failures(struct bench *b, const struct at_bench_result *r)
{
    if (r->reason[0] != '\0') {
        at_cli_say(b->cli, "  %llu of %llu calls failed, the first: %s",
                   (unsigned long long)(r->calls - r->statuses[0]), (unsigned long long)r->calls,
                   r->reason);
    }
    if (r->unsent > 0) {
        at_cli_say(b->cli,
                   "  %llu calls were due and never sent: this is more than the service takes (or "
                   "raise --concurrency)",
                   (unsigned long long)r->unsent);
    }
    if (r->lost > 0) {
        at_cli_say(b->cli, "  %llu calls had no end within their deadline",
                   (unsigned long long)r->lost);
    }
}

static int report(struct bench *b, const struct at_bench_trial *t)
{
    const struct at_bench_result *r = &t->result;

    b->failed = b->failed || r->statuses[0] < r->calls || r->unsent > 0 || r->lost > 0;
    say_failures(b, r);
    if (b->cli->output == AT_OUTPUT_TABLE) {
        at_bench_table_add(&b->table, t);
        return 0;
    }
    at_bench_json(&b->json, t);
    if (b->cli->output == AT_OUTPUT_JSONL) {
        int code = at_out_line(b->cli, &b->json_text);

        at_text_clear(&b->json_text);
        at_json_writer_init(&b->json, &b->json_text, 0);
        return code;
    }
    return 0;
}

static int run_trial(struct bench *b, const struct at_bench_way *way, struct at_bench_load load)
{
    struct at_bench_trial *t = calloc(1, sizeof(*t));
    struct at_bench_load warmup = load;
    uint64_t patience = b->target.timeout_ns + AT_SECOND_NS;
    int code = 0;
    int r;

    if (t == NULL) {
        return at_cli_fail(b->cli, AT_EXIT_FAILURE, "out of memory");
    }
    warmup.duration_ns = b->warmup_ns;
    t->transport = way->name;
    t->service = b->service;
    t->load = load;
    t->payload_bytes = b->target.pb.len;
    r = at_bench_run_load(way, &warmup, patience, &t->result);
    if (r == 0) {
        code = read_cpu(b, &t->before);
    }
    if (r == 0 && code == 0) {
        r = at_bench_run_load(way, &load, patience, &t->result);
    }
    if (r < 0) {
        code = at_cli_fail(b->cli, AT_EXIT_FAILURE, "the load cannot be made: %s", strerror(-r));
    }
    if (code == 0) {
        code = read_cpu(b, &t->after);
    }
    if (code == 0) {
        code = report(b, t);
    }
    free(t);
    return code;
}

struct way_kind {
    const char *name;
    int (*open)(const struct at_bench_target *t, uint32_t slots, struct at_bench_way *ret);
    void (*close)(struct at_bench_way *way);
};

static const struct way_kind way_kinds[] = {
    {"channel", at_bench_channel_open, at_bench_channel_close},
    {"http", at_bench_http_open, at_bench_http_close},
};

static const struct way_kind *find_way(struct at_bytes name)
{
    for (size_t i = 0; i < sizeof(way_kinds) / sizeof(way_kinds[0]); i++) {
        if (at_bytes_equal(name, at_bytes_of(way_kinds[i].name))) {
            return &way_kinds[i];
        }
    }
    return NULL;
}

/* Every level of load on one transport with one request. */
static int run_levels(struct bench *b, const struct way_kind *kind)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < b->levels.count; i++) {
        struct at_bench_load load = {.rate = b->open ? (double)b->levels.at[i] : 0,
                                     .concurrency =
                                         b->open ? b->open_slots : (uint32_t)b->levels.at[i],
                                     .duration_ns = b->duration_ns,
                                     .seed = b->seed};
        struct at_bench_way way;

        at_cli_say(b->cli, "%zu of %zu: %s, %llu %s, %zu bytes", ++b->done, b->wanted, kind->name,
                   (unsigned long long)b->levels.at[i], b->open ? "a second" : "at once",
                   b->target.pb.len);
        code = kind->open(&b->target, load.concurrency, &way);
        if (code == 0) {
            code = run_trial(b, &way, load);
            kind->close(&way);
        }
    }
    return code;
}

static int check_transports(struct bench *b, size_t *ret_count)
{
    struct at_bytes rest = at_bytes_of(b->transports);
    struct at_bytes name;

    *ret_count = 0;
    while (at_bytes_cut(&rest, ',', &name)) {
        if (find_way(at_bytes_trim(name)) == NULL) {
            return at_cli_fail(b->cli, AT_EXIT_USAGE,
                               "--transport: \"%.*s\" is none; there are channel and http",
                               (int)name.len, (const char *)name.at);
        }
        ++*ret_count;
    }
    return 0;
}

static int run_all(struct bench *b)
{
    size_t fills = b->payloads.count == 0 ? 1 : b->payloads.count;
    size_t transports;
    int code = check_transports(b, &transports);

    b->wanted = transports * fills * b->levels.count;
    for (size_t i = 0; code == 0 && i < fills; i++) {
        struct at_bytes rest = at_bytes_of(b->transports);
        struct at_bytes name;

        code = fill(b, b->payloads.at[i]);
        while (code == 0 && at_bytes_cut(&rest, ',', &name)) {
            code = run_levels(b, find_way(at_bytes_trim(name)));
        }
    }
    return code;
}

/* ---- the verb ---- */

static int print(struct bench *b)
{
    if (b->cli->output == AT_OUTPUT_TABLE) {
        return at_bench_table_print(&b->table, b->cli);
    }
    if (b->cli->output == AT_OUTPUT_JSON) {
        at_json_end_array(&b->json);
        return at_out_line(b->cli, &b->json_text);
    }
    return 0;
}

static int measure(struct bench *b)
{
    int code = at_callee_connect(&b->callee);

    if (code != 0) {
        return code;
    }
    code = at_callee_become(&b->callee);
    if (code == 0) {
        /* Calls of an open loop are due to the microsecond; the default slack is 50. */
        (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
        if (b->cli->output == AT_OUTPUT_JSON) {
            at_json_begin_array(&b->json);
        }
        code = run_all(b);
    }
    if (code == 0) {
        code = print(b);
    }
    return code == 0 && b->failed ? AT_EXIT_FAILURE : code;
}

static int prepare(struct bench *b)
{
    const struct at_pool_method *m;
    int code = at_callee_read_contracts(&b->callee);

    if (code != 0) {
        return code;
    }
    m = at_callee_find(&b->callee, b->cli->words[0], &b->target.service);
    if (m == NULL) {
        return AT_EXIT_UNKNOWN;
    }
    if (m->client_streams || m->server_streams) {
        return at_cli_fail(
            b->cli, (int)AT_EXIT_CALL + (int)ATOLL_UNIMPLEMENTED,
            "%s streams; atoll bench measures unary methods.\n  To see what it streams: "
            "atoll call %s",
            m->full_name, b->cli->words[0]);
    }
    b->target.callee = &b->callee;
    b->target.method = m;
    b->target.timeout_ns = b->cli->timeout_ns != 0 ? b->cli->timeout_ns
                           : m->timeout_ns != 0    ? m->timeout_ns
                                                   : DEADLINE_NS;
    b->service = at_config_plan_view(b->callee.load.config)->services[b->target.service].name;
    code = find_field(b);
    if (code == 0) {
        code = at_callee_read_request(&b->callee, b->cli->word_count > 1 ? b->cli->words[1] : "{}");
    }
    if (code == 0) {
        code = at_callee_encode(&b->callee, m, &b->base);
    }
    if (code == 0 && m->idempotency == ATOLL_IDEMPOTENCY_UNKNOWN) {
        at_cli_say(b->cli, "%s is not marked as free of side effects: each call takes effect",
                   m->full_name);
    }
    return code;
}

int at_verb_bench(struct at_cli *cli)
{
    struct bench b = {.cli = cli};
    int code = parse_options(&b);

    if (code != 0) {
        return code;
    }
    at_callee_init(&b.callee, cli);
    at_bench_table_init(&b.table);
    at_text_init(&b.json_text);
    at_json_writer_init(&b.json, &b.json_text, 0);
    code = prepare(&b);
    if (code == 0) {
        code = measure(&b);
    }
    at_bench_table_deinit(&b.table);
    at_text_deinit(&b.json_text);
    at_callee_close(&b.callee);
    return code;
}
