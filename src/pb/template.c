#include "pb/template.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "pb/limits.h"

struct parser {
    struct at_bytes text;
    size_t at;
    struct at_template *out;
    struct at_diag *diag;
};

static int fail(const struct parser *p, const char *why)
{
    at_diag_set(p->diag, "path template \"%.*s\", column %zu: %s", (int)p->text.len,
                (const char *)p->text.at, p->at + 1, why);
    return -EINVAL;
}

static uint8_t peek(const struct parser *p)
{
    return p->at < p->text.len ? p->text.at[p->at] : 0;
}

static bool take(struct parser *p, uint8_t c)
{
    if (peek(p) != c || p->at >= p->text.len) {
        return false;
    }
    p->at++;
    return true;
}

static bool is_field_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static bool is_literal_char(uint8_t c)
{
    return c > ' ' && c != 0x7f && strchr("/{}=*:?#", c) == NULL;
}

static int add_segment(struct parser *p, enum at_template_kind kind, struct at_bytes literal)
{
    struct at_template *t = p->out;

    if (t->segment_count == AT_TEMPLATE_SEGMENTS_MAX) {
        return fail(p, "too many segments");
    }
    if (t->segment_count > 0 && t->segments[t->segment_count - 1].kind == AT_TEMPLATE_REST) {
        return fail(p, "nothing may stand behind \"**\"");
    }
    t->segments[t->segment_count++] = (struct at_template_segment){kind, literal};
    t->literal = t->literal && kind == AT_TEMPLATE_LITERAL;
    return 0;
}

/* "*", "**" or a literal. */
static int parse_plain(struct parser *p)
{
    size_t from = p->at;

    if (take(p, '*')) {
        bool rest = take(p, '*');

        return add_segment(p, rest ? AT_TEMPLATE_REST : AT_TEMPLATE_ONE, (struct at_bytes){0});
    }
    while (is_literal_char(peek(p))) {
        p->at++;
    }
    if (p->at == from) {
        return fail(p, "a segment is expected");
    }
    return add_segment(p, AT_TEMPLATE_LITERAL, at_bytes_over(p->text.at + from, p->at - from));
}

static int parse_variable(struct parser *p)
{
    struct at_template *t = p->out;
    struct at_template_variable v = {.first = t->segment_count};
    size_t from = p->at;
    int r;

    while (is_field_char(peek(p))) {
        p->at++;
    }
    v.field = at_bytes_over(p->text.at + from, p->at - from);
    if (v.field.len == 0) {
        return fail(p, "the name of a field is expected");
    }
    if (t->variable_count == AT_TEMPLATE_VARIABLES_MAX) {
        return fail(p, "too many variables");
    }
    t->literal = false;
    if (take(p, '=')) {
        do {
            r = parse_plain(p);
        } while (r == 0 && take(p, '/'));
    } else {
        r = add_segment(p, AT_TEMPLATE_ONE, (struct at_bytes){0});
    }
    if (r < 0) {
        return r;
    }
    if (!take(p, '}')) {
        return fail(p, "'}' is expected");
    }
    v.end = t->segment_count;
    t->variables[t->variable_count++] = v;
    return 0;
}

int at_template_compile(struct at_bytes text, struct at_template *ret, struct at_diag *diag)
{
    struct parser p = {.text = text, .out = ret, .diag = diag};
    int r = 0;

    *ret = (struct at_template){.literal = true};
    if (!take(&p, '/')) {
        return fail(&p, "it must begin with '/'");
    }
    if (p.at == text.len) {
        return 0; /* "/" alone: no segments */
    }
    do {
        r = take(&p, '{') ? parse_variable(&p) : parse_plain(&p);
    } while (r == 0 && take(&p, '/'));
    if (r == 0 && take(&p, ':')) {
        size_t from = p.at;

        while (is_literal_char(peek(&p))) {
            p.at++;
        }
        ret->verb = at_bytes_over(text.at + from, p.at - from);
        if (ret->verb.len == 0) {
            return fail(&p, "a verb is expected behind ':'");
        }
    }
    if (r == 0 && p.at != text.len) {
        return fail(&p, "this character is not expected here");
    }
    return r;
}

bool at_template_split(struct at_bytes path, struct at_template_path *ret)
{
    struct at_bytes rest = at_bytes_after(path, 1);
    size_t slash;

    ret->count = 0;
    if (rest.len == 0) {
        return true;
    }
    for (;;) {
        if (ret->count == AT_TEMPLATE_SEGMENTS_MAX) {
            return false;
        }
        slash = at_bytes_index(rest, '/');
        ret->segments[ret->count++] = at_bytes_over(rest.at, slash);
        if (slash == rest.len) {
            return true;
        }
        rest = at_bytes_over(rest.at + slash + 1, rest.len - slash - 1);
    }
}

/* The last segment without ":verb"; false when it does not end so. */
static bool cut_verb(struct at_bytes *last, struct at_bytes verb)
{
    size_t keep;

    if (last->len <= verb.len) {
        return false;
    }
    keep = last->len - verb.len - 1;
    if (last->at[keep] != ':' || memcmp(last->at + keep + 1, verb.at, verb.len) != 0) {
        return false;
    }
    last->len = keep;
    return true;
}

static bool match_segment(const struct at_template_segment *s, struct at_bytes b)
{
    return s->kind == AT_TEMPLATE_LITERAL ? at_bytes_equal(s->literal, b) : b.len > 0;
}

static struct at_bytes join(const struct at_bytes *segments, size_t first, size_t end)
{
    if (first >= end) {
        return (struct at_bytes){0};
    }
    return at_bytes_over(segments[first].at, (size_t)(segments[end - 1].at + segments[end - 1].len -
                                                      segments[first].at));
}

bool at_template_match(const struct at_template *t, const struct at_template_path *path,
                       struct at_bytes values[AT_TEMPLATE_VARIABLES_MAX])
{
    struct at_template_path p;
    bool rest = t->segment_count > 0 && t->segments[t->segment_count - 1].kind == AT_TEMPLATE_REST;
    size_t fixed = t->segment_count - (rest ? 1 : 0);

    if (rest ? path->count < fixed : path->count != fixed) {
        return false;
    }
    p.count = path->count;
    memcpy(p.segments, path->segments, path->count * sizeof(p.segments[0]));
    if (t->verb.len > 0 && (p.count == 0 || !cut_verb(&p.segments[p.count - 1], t->verb))) {
        return false;
    }
    for (size_t i = 0; i < fixed; i++) {
        if (!match_segment(&t->segments[i], p.segments[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < t->variable_count; i++) {
        const struct at_template_variable *v = &t->variables[i];
        bool takes_rest = rest && v->end == t->segment_count;

        values[i] = join(p.segments, v->first, takes_rest ? p.count : v->end);
    }
    return true;
}

int at_template_compare(const struct at_template *a, const struct at_template *b)
{
    size_t common = a->segment_count < b->segment_count ? a->segment_count : b->segment_count;

    if ((a->verb.len > 0) != (b->verb.len > 0)) {
        return a->verb.len > 0 ? -1 : 1;
    }
    for (size_t i = 0; i < common; i++) {
        if (a->segments[i].kind != b->segments[i].kind) {
            return a->segments[i].kind < b->segments[i].kind ? -1 : 1;
        }
    }
    return (a->segment_count < b->segment_count) - (a->segment_count > b->segment_count);
}
