/* See bench_report.h. */
#include "cli/bench_report.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/atoll.h>

#include "base/bytes.h"
#include "base/histogram.h"
#include "cli/bench_load.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/rows.h"
#include "control/operator.h"
#include "pb/json.h"

static const struct at_column columns[] = {
    {.title = "TRANSPORT"},
    {.title = "LOAD"},
    {.title = "BYTES", .right = true},
    {.title = "CALLS/S", .right = true},
    {.title = "FAILED", .right = true},
    {.title = "P50", .right = true},
    {.title = "P90", .right = true},
    {.title = "P99", .right = true},
    {.title = "P99.9", .right = true},
    {.title = "MAX", .right = true},
    {.title = "CPU/CALL HERE", .right = true},
    {.title = "SERVICE", .right = true},
};

static const struct {
    const char *name;
    uint32_t per_100k;
} percentiles[] = {{"p50", 50000}, {"p90", 90000}, {"p99", 99000}, {"p99_9", 99900}};

enum { PERCENTILES = sizeof(percentiles) / sizeof(percentiles[0]) };

void at_bench_cpu_of_rows(const struct at_rows *rows, struct at_bench_cpu *ret)
{
    ret->count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct at_operator_row *row = &rows->at[i];
        size_t at = 0;

        while (at < ret->count && !at_bytes_equal(at_bytes_of(ret->at[at].service), row->service)) {
            at++;
        }
        if (at == AT_BENCH_SERVICES_MAX || row->service.len >= sizeof(ret->at[0].service)) {
            continue;
        }
        if (at == ret->count) {
            ret->count++;
            memset(&ret->at[at], 0, sizeof(ret->at[at]));
            memcpy(ret->at[at].service, row->service.at, row->service.len);
        }
        ret->at[at].cpu_ns += row->cpu_ns;
        ret->at[at].restarts += row->restarts;
    }
}

/* What the service used during the trial; false: that cannot be told, an instance was restarted. */
static bool cpu_of(const struct at_bench_trial *t, const char *service, uint64_t *ret)
{
    for (size_t i = 0; i < t->after.count; i++) {
        if (strcmp(t->after.at[i].service, service) != 0) {
            continue;
        }
        for (size_t k = 0; k < t->before.count; k++) {
            if (strcmp(t->before.at[k].service, service) == 0 &&
                t->before.at[k].restarts == t->after.at[i].restarts &&
                t->before.at[k].cpu_ns <= t->after.at[i].cpu_ns) {
                *ret = t->after.at[i].cpu_ns - t->before.at[k].cpu_ns;
                return true;
            }
        }
    }
    return false;
}

static uint64_t failed_of(const struct at_bench_result *r)
{
    return r->calls - r->statuses[0];
}

static double per_second(const struct at_bench_trial *t)
{
    return t->result.took_ns == 0 ? 0
                                  : (double)t->result.statuses[0] * 1e9 / (double)t->result.took_ns;
}

/* "812 ns", "7.4 us", "12.1 ms": two to four digits. */
static void show_ns(double ns, char *out, size_t cap)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        double v = ns / units[i].unit;

        if (v >= 1) {
            (void)snprintf(out, cap, "%.*f %s", v < 10 ? 2 : v < 100 ? 1 : 0, v, units[i].name);
            return;
        }
    }
    (void)snprintf(out, cap, "%.0f ns", ns);
}

static void add_ns(struct at_table *t, double ns)
{
    char text[32];

    show_ns(ns, text, sizeof(text));
    at_table_text(t, text);
}

static void add_load(struct at_table *t, const struct at_bench_load *load)
{
    char text[64];

    if (load->rate > 0) {
        (void)snprintf(text, sizeof(text), "%.0f/s", load->rate);
    } else {
        (void)snprintf(text, sizeof(text), "%u at once", load->concurrency);
    }
    at_table_text(t, text);
}

void at_bench_table_init(struct at_bench_table *t)
{
    at_table_init(&t->table, columns, sizeof(columns) / sizeof(columns[0]));
}

void at_bench_table_deinit(struct at_bench_table *t)
{
    at_table_deinit(&t->table);
}

void at_bench_table_add(struct at_bench_table *t, const struct at_bench_trial *trial)
{
    const struct at_bench_result *r = &trial->result;
    uint64_t calls = r->calls == 0 ? 1 : r->calls;
    uint64_t service_ns;
    char text[32];

    at_table_text(&t->table, trial->transport);
    add_load(&t->table, &trial->load);
    at_table_u64(&t->table, trial->payload_bytes, NULL);
    (void)snprintf(text, sizeof(text), "%.0f", per_second(trial));
    at_table_text(&t->table, text);
    at_table_u64(&t->table, failed_of(r) + r->unsent + r->lost, NULL);
    for (size_t i = 0; i < PERCENTILES; i++) {
        add_ns(&t->table, (double)at_histogram_at(&r->latency, percentiles[i].per_100k));
    }
    add_ns(&t->table, (double)r->latency.max);
    add_ns(&t->table, (double)(trial->after.client_ns - trial->before.client_ns) / (double)calls);
    if (cpu_of(trial, trial->service, &service_ns)) {
        add_ns(&t->table, (double)service_ns / (double)calls);
    } else {
        at_table_null(&t->table);
    }
}

int at_bench_table_print(struct at_bench_table *t, struct at_cli *cli)
{
    return at_table_print(&t->table, cli);
}

static void json_latency(struct at_json_writer *j, const struct at_histogram *h)
{
    at_json_key(j, "latency_ns");
    at_json_begin_object(j);
    at_json_key(j, "min");
    at_json_u64(j, h->min);
    at_json_key(j, "mean");
    at_json_double(j, h->count == 0 ? 0 : h->sum / (double)h->count);
    for (size_t i = 0; i < PERCENTILES; i++) {
        at_json_key(j, percentiles[i].name);
        at_json_u64(j, at_histogram_at(h, percentiles[i].per_100k));
    }
    at_json_key(j, "max");
    at_json_u64(j, h->max);
    at_json_end_object(j);
    at_json_key(j, "histogram");
    at_json_begin_array(j);
    for (size_t i = 0; i < AT_HISTOGRAM_BUCKETS; i++) {
        if (h->buckets[i] > 0) {
            at_json_begin_object(j);
            at_json_key(j, "up_to_ns");
            at_json_u64(j, at_histogram_edge(i));
            at_json_key(j, "count");
            at_json_u64(j, h->buckets[i]);
            at_json_end_object(j);
        }
    }
    at_json_end_array(j);
}

static void json_statuses(struct at_json_writer *j, const struct at_bench_result *r)
{
    at_json_key(j, "statuses");
    at_json_begin_object(j);
    for (uint32_t i = 0; i < AT_BENCH_STATUSES; i++) {
        if (r->statuses[i] > 0) {
            at_json_key(j, atoll_status_name((int)i));
            at_json_u64(j, r->statuses[i]);
        }
    }
    at_json_end_object(j);
}

static void json_cpu(struct at_json_writer *j, const struct at_bench_trial *t)
{
    at_json_key(j, "cpu_ns");
    at_json_begin_object(j);
    at_json_key(j, "client");
    at_json_u64(j, t->after.client_ns - t->before.client_ns);
    at_json_key(j, "services");
    at_json_begin_object(j);
    for (size_t i = 0; i < t->after.count; i++) {
        uint64_t ns;

        if (cpu_of(t, t->after.at[i].service, &ns) && ns > 0) {
            at_json_key(j, t->after.at[i].service);
            at_json_u64(j, ns);
        }
    }
    at_json_end_object(j);
    at_json_end_object(j);
}

void at_bench_json(struct at_json_writer *j, const struct at_bench_trial *t)
{
    const struct at_bench_result *r = &t->result;

    at_json_begin_object(j);
    at_json_key(j, "transport");
    at_json_str(j, t->transport);
    at_json_key(j, "service");
    at_json_str(j, t->service);
    at_json_key(j, "loop");
    at_json_str(j, t->load.rate > 0 ? "open" : "closed");
    at_json_key(j, "concurrency");
    at_json_u64(j, t->load.concurrency);
    at_json_key(j, "rate");
    at_json_double(j, t->load.rate);
    at_json_key(j, "seed");
    at_json_u64(j, t->load.seed);
    at_json_key(j, "request_bytes");
    at_json_u64(j, t->payload_bytes);
    at_json_key(j, "took_ns");
    at_json_u64(j, r->took_ns);
    at_json_key(j, "calls");
    at_json_u64(j, r->calls);
    at_json_key(j, "failed");
    at_json_u64(j, failed_of(r));
    at_json_key(j, "unsent");
    at_json_u64(j, r->unsent);
    at_json_key(j, "lost");
    at_json_u64(j, r->lost);
    at_json_key(j, "calls_per_second");
    at_json_double(j, per_second(t));
    json_statuses(j, r);
    json_latency(j, &r->latency);
    json_cpu(j, t);
    at_json_end_object(j);
}
