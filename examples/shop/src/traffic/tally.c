#include "traffic/tally.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

const struct op_kind op_kinds[OP_COUNT] = {
    // clang-format off
    [OP_LIST]     = { "list products",  "GET",    true },
    [OP_PRODUCT]  = { "look at a product", "GET", true },
    [OP_STOCK]    = { "look at stock",  "GET",    true },
    [OP_ADD]      = { "add to cart",    "POST",   false },
    [OP_REMOVE]   = { "remove from cart", "DELETE", true },
    [OP_CART]     = { "look at cart",   "GET",    true },
    [OP_CHECKOUT] = { "check out",      "POST",   true },
    [OP_ORDER]    = { "look at order",  "GET",    true },
    // clang-format on
};

void tally_add(struct tally *t, enum traffic_op op, enum tally_outcome outcome, uint64_t us)
{
    struct op_count *c = &t->ops[op];

    (void)pthread_mutex_lock(&t->lock);
    c->done += outcome == TALLY_DONE;
    c->refused += outcome == TALLY_REFUSED;
    c->failed += outcome == TALLY_FAILED;
    c->given_up += outcome == TALLY_GIVEN_UP;
    c->total_us += us;
    c->max_us = us > c->max_us ? us : c->max_us;
    t->failed_repeatable += outcome == TALLY_FAILED && op_kinds[op].may_repeat;
    (void)pthread_mutex_unlock(&t->lock);
}

void tally_order(struct tally *t)
{
    (void)pthread_mutex_lock(&t->lock);
    t->orders++;
    (void)pthread_mutex_unlock(&t->lock);
}

__attribute__((format(printf, 2, 0))) static void note(char texts[TALLY_WRONG_MAX][TALLY_TEXT_SIZE],
                                                       const char *format, va_list args)
{
    for (size_t i = 0; i < TALLY_WRONG_MAX; i++) {
        if (texts[i][0] == '\0') {
            (void)vsnprintf(texts[i], TALLY_TEXT_SIZE, format, args);
            return;
        }
    }
}

void tally_wrong(struct tally *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)pthread_mutex_lock(&t->lock);
    t->wrong++;
    note(t->wrong_text, format, args);
    (void)pthread_mutex_unlock(&t->lock);
    va_end(args);
}

void tally_failure(struct tally *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)pthread_mutex_lock(&t->lock);
    note(t->failed_text, format, args);
    (void)pthread_mutex_unlock(&t->lock);
    va_end(args);
}

static uint64_t mean_us(const struct op_count *c)
{
    uint64_t answered = c->done + c->refused;

    return answered == 0 ? 0 : c->total_us / answered;
}

void tally_print(const struct tally *t, FILE *out)
{
    (void)fprintf(out, "%-18s %-7s %8s %8s %8s %9s %9s %9s\n", "VISITORS", "METHOD", "DONE",
                  "REFUSED", "FAILED", "GIVEN UP", "MEAN", "MAX");
    for (size_t i = 0; i < OP_COUNT; i++) {
        const struct op_count *c = &t->ops[i];

        (void)fprintf(out,
                      "%-18s %-7s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %9" PRIu64 " %6" PRIu64
                      " us %6" PRIu64 " us\n",
                      op_kinds[i].name, op_kinds[i].method, c->done, c->refused, c->failed,
                      c->given_up, mean_us(c), c->max_us);
    }
    (void)fprintf(out,
                  "\n%" PRIu64 " orders, %" PRIu64 " failures of methods that may be repeated\n",
                  t->orders, t->failed_repeatable);
    for (size_t i = 0; i < TALLY_WRONG_MAX && t->failed_text[i][0] != '\0'; i++) {
        (void)fprintf(out, "  failed: %s\n", t->failed_text[i]);
    }
    if (t->wrong == 0) {
        (void)fprintf(out, "the books are right%s\n",
                      t->read_files ? "" : ", as far as answers tell: the files were not read");
        return;
    }
    (void)fprintf(out, "THE BOOKS ARE WRONG: %" PRIu64 " findings\n", t->wrong);
    for (size_t i = 0; i < TALLY_WRONG_MAX && t->wrong_text[i][0] != '\0'; i++) {
        (void)fprintf(out, "  %s\n", t->wrong_text[i]);
    }
}

static void print_texts(const char texts[TALLY_WRONG_MAX][TALLY_TEXT_SIZE], FILE *out)
{
    for (size_t i = 0; i < TALLY_WRONG_MAX && texts[i][0] != '\0'; i++) {
        (void)fputs(i == 0 ? "\"" : ",\"", out);
        for (const char *c = texts[i]; *c != '\0'; c++) {
            if (*c == '"' || *c == '\\') {
                (void)fputc('\\', out);
            }
            (void)fputc((unsigned char)*c < 0x20 ? ' ' : *c, out);
        }
        (void)fputc('"', out);
    }
}

void tally_print_json(const struct tally *t, FILE *out)
{
    (void)fputs("{\"operations\":[", out);
    for (size_t i = 0; i < OP_COUNT; i++) {
        const struct op_count *c = &t->ops[i];

        (void)fprintf(out,
                      "%s{\"name\":\"%s\",\"method\":\"%s\",\"mayRepeat\":%s,\"done\":%" PRIu64
                      ",\"refused\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"givenUp\":%" PRIu64
                      ",\"meanUs\":%" PRIu64 ",\"maxUs\":%" PRIu64 "}",
                      i == 0 ? "" : ",", op_kinds[i].name, op_kinds[i].method,
                      op_kinds[i].may_repeat ? "true" : "false", c->done, c->refused, c->failed,
                      c->given_up, mean_us(c), c->max_us);
    }
    (void)fprintf(out,
                  "],\"orders\":%" PRIu64 ",\"failedRepeatable\":%" PRIu64
                  ",\"booksRight\":%s,\"filesRead\":%s,\"failures\":[",
                  t->orders, t->failed_repeatable, t->wrong == 0 ? "true" : "false",
                  t->read_files ? "true" : "false");
    print_texts(t->failed_text, out);
    (void)fputs("],\"wrong\":[", out);
    print_texts(t->wrong_text, out);
    (void)fputs("]}\n", out);
}
