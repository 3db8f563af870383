#include "cli/proto_data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/contracts.h"
#include "pb/json.h"
#include "pb/limits.h"
#include "pb/pool.h"

enum {
    INPUT_MAX = 256 << 20, /* bytes: a file named by mistake */
    BLOCK = 65536,
    HEX_LINE = 32, /* bytes on a line of --hex */
    BASE64_LINE = 57,
};

const char *at_proto_input_name(const struct at_cli *cli)
{
    const char *name = at_cli_value(cli, "input");

    return name == NULL || strcmp(name, "-") == 0 ? "stdin" : name;
}

static int read_all(struct at_cli *cli, int fd, struct at_text *out)
{
    for (;;) {
        char *room = at_text_claim(out, BLOCK);
        ssize_t n = room == NULL ? -1 : read(fd, room, BLOCK);
        int error = room == NULL ? ENOMEM : errno;

        out->len -= room == NULL ? 0 : BLOCK - (size_t)(n > 0 ? n : 0);
        if (n == 0) {
            return 0;
        }
        if (n < 0 && error != EINTR) {
            return at_cli_fail(cli, AT_EXIT_FAILURE, "%s cannot be read: %s",
                               at_proto_input_name(cli), strerror(error));
        }
        if (out->len > INPUT_MAX) {
            return at_cli_fail(cli, AT_EXIT_FAILURE, "%s holds more than %d MiB",
                               at_proto_input_name(cli), INPUT_MAX >> 20);
        }
    }
}

int at_proto_input_read(struct at_cli *cli, struct at_text *out)
{
    const char *name = at_cli_value(cli, "input");
    at_auto_close
    int fd = -1;

    if (name == NULL || strcmp(name, "-") == 0) {
        return read_all(cli, STDIN_FILENO, out);
    }
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return at_cli_fail(cli, AT_EXIT_USAGE, "%s cannot be read: %s", name, strerror(errno));
    }
    return read_all(cli, fd, out);
}

/* ---- hexadecimal and base64 ---- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* How a character of the text stands for bits. */
struct digits {
    int (*value)(uint8_t c);
    uint32_t bits; /* of one */
    const char *name;
};

static int say_bad(struct at_cli *cli, const struct digits *d, const uint8_t *at, size_t i)
{
    int line = 1;
    int col = 1;

    for (size_t k = 0; k < i; k++) {
        col = at[k] == '\n' ? 1 : col + 1;
        line += at[k] == '\n';
    }
    return at_cli_fail(cli, AT_EXIT_FAILURE, "%s:%d:%d: this is no %s", at_proto_input_name(cli),
                       line, col, d->name);
}

/* What is written is never ahead of what is read. */
static int unpack(struct at_cli *cli, const struct digits *d, struct at_text *text)
{
    uint8_t *at = (uint8_t *)text->at;
    uint32_t bits = 0;
    uint32_t have = 0;
    size_t n = 0;
    bool ended = false; /* by '=' */

    for (size_t i = 0; i < text->len; i++) {
        int digit = d->value(at[i]);

        if (is_blank(at[i])) {
            continue;
        }
        if (at[i] == '=' && d->bits == 6 && have > 0) {
            ended = true;
            continue;
        }
        if (digit < 0 || ended) {
            return say_bad(cli, d, at, i);
        }
        bits = bits << d->bits | (uint32_t)digit;
        have += d->bits;
        if (have >= 8) {
            have -= 8;
            at[n++] = (uint8_t)(bits >> have);
        }
    }
    if (have >= d->bits) { /* a digit too many */
        return at_cli_fail(cli, AT_EXIT_FAILURE, "%s ends in the middle of a byte: this is no %s",
                           at_proto_input_name(cli), d->name);
    }
    text->len = n;
    return 0;
}

int at_proto_input_unpack(struct at_cli *cli, struct at_text *text)
{
    static const struct digits hex = {hex_digit, 4, "hexadecimal"};
    static const struct digits base64 = {base64_digit, 6, "base64"};

    if (at_cli_has(cli, "hex")) {
        return unpack(cli, &hex, text);
    }
    return at_cli_has(cli, "base64") ? unpack(cli, &base64, text) : 0;
}

static void add_hex(struct at_bytes bytes, struct at_text *out)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const char *behind = i + 1 == bytes.len || i % HEX_LINE == HEX_LINE - 1 ? "\n" : " ";

        at_text_addf(out, "%02x%s", bytes.at[i], behind);
    }
}

static void add_base64(struct at_bytes bytes, size_t per_line, struct at_text *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t v = (uint32_t)bytes.at[i] << 16 | (left > 1 ? (uint32_t)bytes.at[i + 1] << 8 : 0) |
                     (left > 2 ? bytes.at[i + 2] : 0);

        at_text_add_char(out, digits[v >> 18]);
        at_text_add_char(out, digits[v >> 12 & 63]);
        at_text_add_char(out, (char)(left > 1 ? digits[v >> 6 & 63] : '='));
        at_text_add_char(out, (char)(left > 2 ? digits[v & 63] : '='));
        if (per_line > 0 && (left <= 3 || (i + 3) % per_line == 0)) {
            at_text_add_char(out, '\n');
        }
    }
}

static void add_json(struct at_bytes bytes, struct at_text *out)
{
    struct at_json_writer w;
    struct at_text base64;

    at_text_init(&base64);
    add_base64(bytes, 0, &base64);
    at_json_writer_init(&w, out, 0);
    at_json_begin_object(&w);
    at_json_key(&w, "bytes");
    at_json_u64(&w, bytes.len);
    at_json_key(&w, "base64");
    at_json_string(&w, at_text_bytes(&base64));
    at_json_end_object(&w);
    at_text_add_char(out, '\n');
    out->failed = out->failed || base64.failed;
    at_text_deinit(&base64);
}

int at_proto_output(struct at_cli *cli, struct at_bytes bytes)
{
    struct at_text text;
    int code = AT_EXIT_OK;

    at_text_init(&text);
    if (cli->output != AT_OUTPUT_TABLE) {
        add_json(bytes, &text);
        cli->has_data = true;
    } else if (at_cli_has(cli, "hex")) {
        add_hex(bytes, &text);
    } else if (at_cli_has(cli, "base64")) {
        add_base64(bytes, BASE64_LINE, &text);
    } else if (cli->out_is_tty && bytes.len > 0) {
        code =
            at_cli_fail(cli, AT_EXIT_USAGE,
                        "bytes would upset the terminal: redirect them, or use --hex or --base64");
    } else {
        at_text_add(&text, bytes);
    }
    if (code == 0 &&
        (text.failed || fwrite(at_text_str(&text), 1, text.len, cli->out) != text.len)) {
        code = at_cli_fail(cli, AT_EXIT_FAILURE, "the message could not be written");
    }
    at_text_deinit(&text);
    return code;
}

int at_proto_pool(struct at_cli *cli, const struct at_contracts *c, struct at_pool **ret)
{
    struct at_diag diag = {.line = 0};
    struct at_pool *pool = at_pool_new();
    int r = pool == NULL ? -ENOMEM : at_pool_add(pool, at_text_bytes(&c->bytes), &diag);

    if (r == 0) {
        *ret = pool;
        return 0;
    }
    (void)at_pool_free(pool);
    return r == -EBADMSG ? at_cli_diag(cli, AT_EXIT_USAGE, &diag)
                         : at_cli_fail(cli, AT_EXIT_FAILURE,
                                       "the contracts are too big: all their tables together may "
                                       "take %d MiB; name only the files that are needed",
                                       AT_POOL_BYTES_MAX >> 20);
}
