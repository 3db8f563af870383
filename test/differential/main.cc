/*
 * Our codec against libprotobuf: random schemas, random messages, hostile bytes and JSON.
 *
 *   differential [--seed N] [--messages N] [--per-schema N] [--jobs N] [--keep-going N]
 *   differential --seed N --schema N --message N        one message again
 *
 * Schema i of a run and message j of a schema come from the seed, i and j alone. The first failure
 * is printed with the command that repeats it, and ends the run. Exit status 1: something failed.
 */
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <google/protobuf/stubs/logging.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "schema.h"

using differential::Checker;
using differential::Random;
using differential::Schema;
using differential::Tally;

namespace
{

constexpr uint64_t kAll = UINT64_MAX;

struct Options {
    uint64_t seed = 1;
    uint64_t messages = 20000;
    uint64_t per_schema = 200;
    uint64_t jobs = 1;
    uint64_t keep_going = 1; /* failures until the run ends */
    uint64_t schema = kAll;  /* only this one */
    uint64_t message = kAll;
};

bool parse(int argc, char **argv, Options *o)
{
    const struct {
        const char *name;
        uint64_t *value;
    } known[] = {{"--seed", &o->seed},
                 {"--messages", &o->messages},
                 {"--per-schema", &o->per_schema},
                 {"--jobs", &o->jobs},
                 {"--keep-going", &o->keep_going},
                 {"--schema", &o->schema},
                 {"--message", &o->message}};

    for (int i = 1; i < argc; i += 2) {
        bool found = false;

        for (const auto &k : known) {
            if (i + 1 < argc && std::strcmp(argv[i], k.name) == 0) {
                char *end;

                *k.value = std::strtoull(argv[i + 1], &end, 10);
                found = end != argv[i + 1] && *end == '\0';
            }
        }
        if (!found) {
            std::fprintf(stderr, "usage: differential [--seed N] [--messages N] [--per-schema N]"
                                 " [--jobs N] [--keep-going N] [--schema N [--message N]]\n");
            return false;
        }
    }
    return o->jobs > 0 && o->per_schema > 0;
}

void report(const Options &o, const Schema &schema, uint64_t i, uint64_t j, const char *what)
{
    std::printf("---- again: differential --seed %" PRIu64 " --schema %" PRIu64
                " --message %" PRIu64 "\n%s",
                o.seed, i, j, what);
    if (o.schema != kAll) {
        std::printf("%s", schema.text().c_str());
    }
    std::fflush(stdout);
}

/* Every message of one schema; how many failed. */
uint64_t run_schema(const Options &o, uint64_t i, uint64_t count, Tally *tally)
{
    uint64_t seed = differential::mix(o.seed ^ differential::mix(i));
    Schema schema(seed);
    uint64_t failed = 0;

    if (!schema.refusal().empty()) {
        report(o, schema, i, 0, ("at_pool refuses the schema: " + schema.refusal() + "\n").c_str());
        return 1;
    }
    for (uint64_t j = 0; j < count; j++) {
        if (o.message != kAll && o.message != j) {
            continue;
        }
        Random rng(seed + j + 1);
        const differential::Target &target = schema.targets()[rng.below(schema.targets().size())];
        Checker checker(&schema, &target, tally);

        if (!checker.run(&rng)) {
            report(o, schema, i, j, checker.report().c_str());
            failed++;
        }
    }
    return failed;
}

/* The schemas job, job + jobs, job + 2 jobs …; exit status. */
int run_job(const Options &o, uint64_t job, Tally *tally)
{
    uint64_t schemas = (o.messages + o.per_schema - 1) / o.per_schema;
    uint64_t failed = 0;

    if (o.schema != kAll) {
        return run_schema(o, o.schema, o.message == kAll ? o.per_schema : o.message + 1, tally) > 0;
    }
    for (uint64_t i = job; i < schemas && failed < o.keep_going; i += o.jobs) {
        failed += run_schema(o, i, o.per_schema, tally);
    }
    return failed > 0;
}

void add(Tally *to, const Tally &from)
{
    static_assert(sizeof(Tally) % sizeof(uint64_t) == 0, "a tally is numbers");
    auto *a = reinterpret_cast<uint64_t *>(to);
    const auto *b = reinterpret_cast<const uint64_t *>(&from);

    for (size_t i = 0; i < sizeof(Tally) / sizeof(uint64_t); i++) {
        a[i] += b[i];
    }
}

void print(const Tally &t, double seconds)
{
    static const char *const reasons[] = {
#define X(name, reason) reason,
        DIFFERENTIAL_EXCLUSIONS(X)
#undef X
    };

    std::printf("%" PRIu64 " messages in %.1f s, %.0f a second: wire %" PRIu64 " accepted by both, "
                "%" PRIu64 " refused by both, %" PRIu64 " to the same bytes, %" PRIu64
                " merged from pieces; JSON %" PRIu64 " compared, %" PRIu64 " legal; text %" PRIu64
                " compared\n",
                t.messages, seconds, static_cast<double>(t.messages) / seconds, t.accepted,
                t.refused, t.same_bytes, t.merged, t.json, t.legal_json, t.text);
    for (int i = 0; i < differential::EX_COUNT; i++) {
        std::printf("  %8" PRIu64 " set aside: %s\n", t.excluded[i], reasons[i]);
    }
}

} // namespace

int main(int argc, char **argv)
{
    Options o;
    int failed = 0;

    if (!parse(argc, argv, &o)) {
        return 2;
    }
    google::protobuf::SetLogHandler(nullptr);
    auto start = std::chrono::steady_clock::now();
    auto *tallies =
        static_cast<Tally *>(mmap(nullptr, o.jobs * sizeof(Tally), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (tallies == MAP_FAILED) {
        std::perror("differential: mmap");
        return 1;
    }
    if (o.jobs == 1 || o.schema != kAll) {
        failed = run_job(o, 0, &tallies[0]);
    } else {
        for (uint64_t job = 0; job < o.jobs; job++) {
            pid_t pid = fork();

            if (pid == 0) {
                _exit(run_job(o, job, &tallies[job]));
            }
            failed |= pid < 0;
        }
        for (int status; wait(&status) > 0;) {
            failed |= status != 0;
        }
    }
    Tally total{};
    for (uint64_t job = 0; job < o.jobs; job++) {
        add(&total, tallies[job]);
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    print(total, took.count());
    std::printf(failed ? "FAILED\n" : "no disagreement\n");
    return failed;
}
