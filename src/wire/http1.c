#include "wire/http1.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/limits.h"

enum { METHOD_MAX = 32, LENGTH_DIGITS_MAX = 18 };

enum char_class {
    TOKEN = 1,  /* tchar, RFC 9110 section 5.6.2 */
    VALUE = 2,  /* field-vchar, SP, HTAB, RFC 9110 section 5.5 */
    TARGET = 4, /* visible ASCII but '#': fragments are never sent */
    HOST = 8,   /* uri-host and port, RFC 3986 section 3.2 */
};

#define T(c) [c] = (TOKEN | VALUE | TARGET)
#define TH(c) [c] = (TOKEN | VALUE | TARGET | HOST)
#define VT(c) [c] = (VALUE | TARGET)
#define VTH(c) [c] = (VALUE | TARGET | HOST)
#define RUN2(c, class) [c] = (class), [(c) + 1] = (class)
#define RUN8(c, class)                                                                             \
    RUN2(c, class), RUN2((c) + 2, class), RUN2((c) + 4, class), RUN2((c) + 6, class)
#define RUN32(c, class)                                                                            \
    RUN8(c, class), RUN8((c) + 8, class), RUN8((c) + 16, class), RUN8((c) + 24, class)
#define ALNUM (TOKEN | VALUE | TARGET | HOST)

// clang-format off
static const uint8_t classes[256] = {
    ['\t'] = VALUE, [' '] = VALUE, ['#'] = TOKEN | VALUE, ['^'] = TOKEN | VALUE | TARGET,
    TH('!'), TH('$'), TH('%'), TH('&'), TH('\''), TH('*'), TH('+'), TH('-'), TH('.'), TH('_'),
    TH('~'), T('`'), T('|'), VT('"'), VT('/'), VT('<'), VT('>'), VT('?'), VT('@'), VT('\\'),
    VT('{'), VT('}'), VTH('('), VTH(')'), VTH(','), VTH(':'), VTH(';'), VTH('='), VTH('['),
    VTH(']'),
    RUN8('0', ALNUM), RUN2('8', ALNUM),
    RUN8('A', ALNUM), RUN8('I', ALNUM), RUN8('Q', ALNUM), RUN2('Y', ALNUM),
    RUN8('a', ALNUM), RUN8('i', ALNUM), RUN8('q', ALNUM), RUN2('y', ALNUM),
    /* obs-text: kept, never looked into */
    RUN32(0x80, VALUE), RUN32(0xa0, VALUE), RUN32(0xc0, VALUE), RUN32(0xe0, VALUE),
};

static const struct {
    uint16_t status;
    const char *reason;
} errors[AT_HTTP1_RESULTS] = {
    [AT_HTTP1_OK] = {200, "OK"},
    [AT_HTTP1_MORE] = {400, "the request is not complete"},
    [AT_HTTP1_BARE_LF] = {400, "a line ends in LF without CR"},
    [AT_HTTP1_BARE_CR] = {400, "a CR stands without LF"},
    [AT_HTTP1_BAD_START] = {400, "this is not HTTP/1.1: the first byte cannot begin a method"},
    [AT_HTTP1_BAD_METHOD] = {400, "the method is not a token of at most 32 characters"},
    [AT_HTTP1_BAD_TARGET] = {400, "the request target holds a character that must be percent-encoded"},
    [AT_HTTP1_BAD_VERSION] = {400, "the request line is not METHOD SP TARGET SP HTTP/1.1"},
    [AT_HTTP1_VERSION_UNKNOWN] = {505, "only HTTP/1.1 and HTTP/1.0 are spoken here"},
    [AT_HTTP1_FOLDED] = {400, "a header line begins with a blank (folded lines are refused)"},
    [AT_HTTP1_EMPTY_NAME] = {400, "a header has no name"},
    [AT_HTTP1_NO_COLON] = {400, "a header line has no colon"},
    [AT_HTTP1_BLANK_BEFORE_COLON] = {400, "a blank stands between a header's name and its colon"},
    [AT_HTTP1_BAD_NAME] = {400, "a header's name holds a character that is not allowed there"},
    [AT_HTTP1_BAD_VALUE] = {400, "a header's value holds NUL or another control character"},
    [AT_HTTP1_BOTH_LENGTHS] = {400, "both Content-Length and Transfer-Encoding are given"},
    [AT_HTTP1_BAD_LENGTH] = {400, "Content-Length is not a plain decimal number"},
    [AT_HTTP1_LENGTH_TWICE] = {400, "Content-Length is given more than once"},
    [AT_HTTP1_BAD_CODING] = {400, "Transfer-Encoding is not exactly \"chunked\" in one HTTP/1.1 header"},
    [AT_HTTP1_HOST_MISSING] = {400, "the Host header is missing"},
    [AT_HTTP1_HOST_TWICE] = {400, "the Host header is given more than once"},
    [AT_HTTP1_BAD_HOST] = {400, "the Host header is not HOST or HOST:PORT"},
    [AT_HTTP1_BAD_EXPECTATION] = {417, "the only expectation met here is 100-continue"},
    [AT_HTTP1_TARGET_TOO_LONG] = {414, "the request line is longer than 8192 bytes"},
    [AT_HTTP1_HEAD_TOO_LARGE] = {431, "the headers are larger than 32768 bytes"},
    [AT_HTTP1_TOO_MANY_FIELDS] = {431, "there are more than 100 headers"},
    [AT_HTTP1_BODY_TOO_LARGE] = {413, "the body is larger than what is accepted here"},
    [AT_HTTP1_BAD_CHUNK_SIZE] = {400, "a chunk size is not 1 to 16 hex digits"},
    [AT_HTTP1_BAD_CHUNK_EXTENSION] = {400, "a chunk extension holds a control character or an open quote, or is too long"},
    [AT_HTTP1_BAD_CHUNK_END] = {400, "a chunk is not followed by CR LF"},
    [AT_HTTP1_CHUNK_OVERHEAD_TOO_LARGE] = {400, "the chunk lines outweigh the data"},
    [AT_HTTP1_BAD_TRAILER] = {400, "a trailer line is malformed"},
    [AT_HTTP1_TRAILER_TOO_LARGE] = {431, "the trailers are larger than 8192 bytes"},
};
// clang-format on

unsigned at_http1_status(int result)
{
    return result >= 0 && result < AT_HTTP1_RESULTS ? errors[result].status : 500;
}

const char *at_http1_reason(int result)
{
    return result >= 0 && result < AT_HTTP1_RESULTS ? errors[result].reason : "";
}

static bool all_in(struct at_bytes b, uint8_t class)
{
    uint8_t common = class;

    for (size_t i = 0; i < b.len; i++) {
        common &= classes[b.at[i]];
    }
    return common != 0;
}

/* Limits come first and by position, so that the answer does not depend on how bytes arrive. */
static int check_line(const struct at_http1_scan *s, struct at_bytes in, size_t end)
{
    if (s->lines == 0 && end - s->line_at > AT_HTTP1_LINE_BYTES) {
        return AT_HTTP1_TARGET_TOO_LONG;
    }
    if (end >= AT_HTTP1_HEAD_BYTES) {
        return AT_HTTP1_HEAD_TOO_LARGE;
    }
    return end < in.len && (end == s->line_at || in.at[end - 1] != '\r') ? AT_HTTP1_BARE_LF
                                                                         : AT_HTTP1_OK;
}

int at_http1_scan(struct at_http1_scan *s, struct at_bytes in, size_t *ret_len)
{
    if (in.len > 0 && s->lines == 0 && in.at[0] != '\r' && in.at[0] != '\n' &&
        (classes[in.at[0]] & TOKEN) == 0) {
        return AT_HTTP1_BAD_START;
    }
    while (s->seen < in.len) {
        const uint8_t *lf = memchr(in.at + s->seen, '\n', in.len - s->seen);
        size_t end = lf == NULL ? in.len : (size_t)(lf - in.at);
        int r = check_line(s, in, end);

        if (r != AT_HTTP1_OK) {
            return r;
        }
        s->seen = (uint32_t)end;
        if (lf == NULL) {
            break;
        }
        s->seen++;
        /* RFC 9112 section 2.2: one empty line before the request line is forgiven. */
        if (end - s->line_at == 1 && s->line_at != 0) {
            *ret_len = s->seen;
            return AT_HTTP1_OK;
        }
        s->lines += s->line_at != 0 || end != 1;
        s->line_at = s->seen;
    }
    return AT_HTTP1_MORE;
}

static int parse_version(struct at_bytes b, uint8_t *ret_minor)
{
    if (b.len != 8 || memcmp(b.at, "HTTP/", 5) != 0 || b.at[6] != '.' || b.at[5] < '0' ||
        b.at[5] > '9' || b.at[7] < '0' || b.at[7] > '9') {
        return AT_HTTP1_BAD_VERSION;
    }
    if (b.at[5] != '1') {
        return AT_HTTP1_VERSION_UNKNOWN;
    }
    *ret_minor = b.at[7] == '0' ? 0 : 1;
    return AT_HTTP1_OK;
}

static int parse_request_line(struct at_bytes line, struct at_http1_request *ret)
{
    struct at_bytes rest = line;
    struct at_bytes version;

    if (line.len == 0) {
        return AT_HTTP1_BAD_METHOD;
    }
    if (memchr(line.at, '\r', line.len) != NULL) {
        return AT_HTTP1_BARE_CR;
    }
    (void)at_bytes_cut(&rest, ' ', &ret->method);
    if (ret->method.len == 0 || ret->method.len > METHOD_MAX || !all_in(ret->method, TOKEN)) {
        return AT_HTTP1_BAD_METHOD;
    }
    if (!at_bytes_cut(&rest, ' ', &ret->target)) {
        return AT_HTTP1_BAD_VERSION;
    }
    if (ret->target.len == 0 || !all_in(ret->target, TARGET)) {
        return AT_HTTP1_BAD_TARGET;
    }
    version = rest;
    return parse_version(version, &ret->minor);
}

static int name_error(struct at_bytes name)
{
    if (name.len == 0) {
        return AT_HTTP1_EMPTY_NAME;
    }
    if (name.at[name.len - 1] == ' ' || name.at[name.len - 1] == '\t') {
        return AT_HTTP1_BLANK_BEFORE_COLON;
    }
    return all_in(name, TOKEN) ? AT_HTTP1_OK : AT_HTTP1_BAD_NAME;
}

static int parse_field(struct at_bytes line, struct at_http1_field *ret)
{
    const uint8_t *colon;
    int r;

    if (line.at[0] == ' ' || line.at[0] == '\t') {
        return AT_HTTP1_FOLDED;
    }
    if (memchr(line.at, '\r', line.len) != NULL) {
        return AT_HTTP1_BARE_CR;
    }
    colon = memchr(line.at, ':', line.len);
    if (colon == NULL) {
        return AT_HTTP1_NO_COLON;
    }
    ret->name = at_bytes_before(line, (size_t)(colon - line.at));
    ret->value = at_bytes_trim(at_bytes_after(line, ret->name.len + 1));
    r = name_error(ret->name);
    if (r != AT_HTTP1_OK) {
        return r;
    }
    return all_in(ret->value, VALUE) ? AT_HTTP1_OK : AT_HTTP1_BAD_VALUE;
}

/* What the fields that frame the message said so far. */
struct framing {
    uint64_t body_limit;
    bool length;
    bool coding;
    bool host;
    bool close;
    bool keep;
};

static int take_length(struct at_http1_request *r, struct framing *f, struct at_bytes value)
{
    if (f->length) {
        return AT_HTTP1_LENGTH_TWICE;
    }
    f->length = true;
    /* No more digits than surely fit: every number of them is above any limit anyway. */
    if (value.len == 0 || value.len > LENGTH_DIGITS_MAX ||
        !at_bytes_to_u64(value, &r->content_length)) {
        return AT_HTTP1_BAD_LENGTH;
    }
    return AT_HTTP1_OK;
}

static int take_coding(struct at_http1_request *r, struct framing *f, struct at_bytes value)
{
    if (f->coding || r->minor == 0 || !at_bytes_equal_nocase(value, AT_LIT("chunked"))) {
        return AT_HTTP1_BAD_CODING;
    }
    f->coding = true;
    r->chunked = true;
    return AT_HTTP1_OK;
}

static int take_host(struct at_http1_request *r, struct framing *f, struct at_bytes value)
{
    size_t port = value.len;

    if (f->host) {
        return AT_HTTP1_HOST_TWICE;
    }
    f->host = true;
    r->host = value;
    if (!all_in(value, HOST)) {
        return AT_HTTP1_BAD_HOST;
    }
    while (port > 0 && value.at[port - 1] >= '0' && value.at[port - 1] <= '9') {
        port--;
    }
    /* Behind the last colon stand digits only, unless it is inside the brackets of an address. */
    if (at_bytes_index(value, ':') < value.len && value.at[value.len - 1] != ']' &&
        (port == 0 || value.at[port - 1] != ':')) {
        return AT_HTTP1_BAD_HOST;
    }
    return AT_HTTP1_OK;
}

static int take_connection(struct at_http1_request *r, struct framing *f, struct at_bytes value)
{
    struct at_bytes option;

    while (at_bytes_cut(&value, ',', &option)) {
        option = at_bytes_trim(option);
        f->close = f->close || at_bytes_equal_nocase(option, AT_LIT("close"));
        f->keep = f->keep || at_bytes_equal_nocase(option, AT_LIT("keep-alive"));
    }
    return AT_HTTP1_OK;
}

static int take_expect(struct at_http1_request *r, struct framing *f, struct at_bytes value)
{
    if (r->minor == 0) {
        return AT_HTTP1_OK; /* RFC 9110 section 10.1.1: ignored */
    }
    if (!at_bytes_equal_nocase(value, AT_LIT("100-continue"))) {
        return AT_HTTP1_BAD_EXPECTATION;
    }
    r->expect_continue = true;
    return AT_HTTP1_OK;
}

static const struct {
    const char *name;
    size_t len;
    int (*take)(struct at_http1_request *r, struct framing *f, struct at_bytes value);
} framers[] = {
    {"content-length", 14, take_length},
    {"transfer-encoding", 17, take_coding},
    {"host", 4, take_host},
    {"connection", 10, take_connection},
    {"expect", 6, take_expect},
};

static int take_field(struct at_http1_request *r, struct framing *f,
                      const struct at_http1_field *field)
{
    for (size_t i = 0; i < sizeof(framers) / sizeof(framers[0]); i++) {
        if (field->name.len == framers[i].len &&
            at_bytes_equal_nocase(field->name, at_bytes_over(framers[i].name, framers[i].len))) {
            return framers[i].take(r, f, field->value);
        }
    }
    return AT_HTTP1_OK;
}

static int conclude(struct at_http1_request *r, const struct framing *f)
{
    if (f->coding && f->length) {
        return AT_HTTP1_BOTH_LENGTHS;
    }
    if (!f->host && r->minor > 0) {
        return AT_HTTP1_HOST_MISSING;
    }
    if (r->content_length > f->body_limit) {
        return AT_HTTP1_BODY_TOO_LARGE;
    }
    r->keep_alive = !f->close && (r->minor > 0 || f->keep);
    return AT_HTTP1_OK;
}

/* The next line of a head, without CR LF. at_http1_scan() saw that each line ends so. */
static struct at_bytes next_line(struct at_bytes *head)
{
    size_t end = at_bytes_index(*head, '\n');
    struct at_bytes line = at_bytes_before(*head, end == 0 ? 0 : end - 1);

    *head = at_bytes_after(*head, end + 1);
    return line;
}

int at_http1_parse(struct at_bytes head, uint64_t body_limit, struct at_http1_request *ret)
{
    struct framing f = {.body_limit = body_limit};
    struct at_bytes line = next_line(&head);
    int r;

    *ret = (struct at_http1_request){.field_count = 0};
    if (line.len == 0) {
        line = next_line(&head);
    }
    r = parse_request_line(line, ret);
    while (r == AT_HTTP1_OK) {
        line = next_line(&head);
        if (line.len == 0) {
            return conclude(ret, &f);
        }
        if (ret->field_count == AT_HTTP1_FIELDS_MAX) {
            return AT_HTTP1_TOO_MANY_FIELDS;
        }
        r = parse_field(line, &ret->fields[ret->field_count]);
        if (r == AT_HTTP1_OK) {
            r = take_field(ret, &f, &ret->fields[ret->field_count++]);
        }
    }
    return r;
}

struct at_bytes at_http1_field(const struct at_http1_request *r, struct at_bytes name)
{
    for (size_t i = 0; i < r->field_count; i++) {
        if (at_bytes_equal_nocase(r->fields[i].name, name)) {
            return r->fields[i].value;
        }
    }
    return (struct at_bytes){NULL, 0};
}
