/* What a bench found: rows for people and for programs. */
#ifndef AT_CLI_BENCH_REPORT_H
#define AT_CLI_BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bench_load.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/rows.h"

enum { AT_BENCH_SERVICES_MAX = 256 };

/* CPU that each service used since its instances started. */
struct at_bench_cpu {
    struct {
        char service[64];
        uint64_t cpu_ns;
        uint32_t restarts;
    } at[AT_BENCH_SERVICES_MAX];
    size_t count;
    uint64_t client_ns; /* of this process */
};

/* One trial: what was asked for and what came of it. */
struct at_bench_trial {
    const char *transport;
    const char *service; /* whose method it is */
    struct at_bench_load load;
    uint64_t payload_bytes; /* of the encoded request */
    struct at_bench_result result;
    struct at_bench_cpu before;
    struct at_bench_cpu after;
};

void at_bench_cpu_of_rows(const struct at_rows *rows, struct at_bench_cpu *ret);

/* The table for people, a row a trial, printed when all are done. */
struct at_bench_table {
    struct at_table table;
};
void at_bench_table_init(struct at_bench_table *t);
void at_bench_table_add(struct at_bench_table *t, const struct at_bench_trial *trial);
int at_bench_table_print(struct at_bench_table *t, struct at_cli *cli);
void at_bench_table_deinit(struct at_bench_table *t);

/* The trial as one JSON object. */
void at_bench_json(struct at_json_writer *j, const struct at_bench_trial *trial);

#endif
