/* Heads and chunks of HTTP/1.1 responses. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/http1.h"

enum { HEAD_ROOM = 160 }; /* status line, the longest phrase, lengths and connection */

static const struct {
    uint16_t status;
    const char *phrase;
} phrases[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *at_http1_phrase(unsigned status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "Status";
}

size_t at_http1_response_room(const struct at_http1_response *r)
{
    size_t room =
        HEAD_ROOM + sizeof("Content-Type: \r\nDate: \r\n") + r->content_type.len + r->date.len;

    for (size_t i = 0; i < r->field_count; i++) {
        room += r->fields[i].name.len + r->fields[i].value.len + 4;
    }
    return room;
}

static void write_number(struct at_writer *w, uint64_t n)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (uint8_t)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    at_write_bytes(w, at_bytes_over(digits + at, sizeof(digits) - at));
}

static void write_value(struct at_writer *w, struct at_bytes value)
{
    size_t from = w->len;

    at_write_bytes(w, value);
    for (size_t i = from; i < w->len; i++) {
        if (w->at[i] < ' ' || w->at[i] == 0x7f) {
            w->at[i] = ' ';
        }
    }
}

static void write_field(struct at_writer *w, struct at_bytes name, struct at_bytes value)
{
    at_write_bytes(w, name);
    at_write_bytes(w, AT_LIT(": "));
    write_value(w, value);
    at_write_bytes(w, AT_LIT("\r\n"));
}

static bool has_body_by_status(unsigned status)
{
    return status >= 200 && status != 204 && status != 304; /* RFC 9110 section 8.6 */
}

void at_http1_write_response(struct at_writer *w, const struct at_http1_response *r)
{
    if (r->status == 200) {
        at_write_bytes(w, AT_LIT("HTTP/1.1 200 OK\r\n"));
    } else {
        at_write_bytes(w, AT_LIT("HTTP/1.1 "));
        write_number(w, r->status);
        at_write_bytes(w, AT_LIT(" "));
        at_write_bytes(w, at_bytes_of(at_http1_phrase(r->status)));
        at_write_bytes(w, AT_LIT("\r\n"));
    }
    if (r->date.len > 0) {
        write_field(w, AT_LIT("Date"), r->date);
    }
    if (r->content_type.len > 0) {
        write_field(w, AT_LIT("Content-Type"), r->content_type);
    }
    if (r->chunked) {
        at_write_bytes(w, AT_LIT("Transfer-Encoding: chunked\r\n"));
    } else if (has_body_by_status(r->status)) {
        at_write_bytes(w, AT_LIT("Content-Length: "));
        write_number(w, r->content_length);
        at_write_bytes(w, AT_LIT("\r\n"));
    }
    if (!r->keep_alive && r->status >= 200) {
        at_write_bytes(w, AT_LIT("Connection: close\r\n"));
    } else if (r->to_minor_0) {
        at_write_bytes(w, AT_LIT("Connection: keep-alive\r\n"));
    }
    for (size_t i = 0; i < r->field_count; i++) {
        write_field(w, r->fields[i].name, r->fields[i].value);
    }
    at_write_bytes(w, AT_LIT("\r\n"));
}

void at_http1_write_chunk(struct at_writer *w, struct at_bytes data)
{
    char size[20];
    int n = snprintf(size, sizeof(size), "%zx\r\n", data.len);

    at_write_bytes(w, at_bytes_over(size, (size_t)n));
    at_write_bytes(w, data);
    at_write_bytes(w, AT_LIT("\r\n"));
}

void at_http1_write_last_chunk(struct at_writer *w)
{
    at_write_bytes(w, AT_LIT("0\r\n\r\n"));
}

/* Days since 1970 to year, month and day in the Gregorian calendar. */
static void civil_of(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t z = days + 719468; /* since 0000-03-01 */
    uint64_t era = z / 146097;
    uint64_t doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;

    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = (unsigned)(yoe + era * 400 + (*month <= 2));
}

void at_http1_format_date(uint64_t seconds, char out[30])
{
    static const char days[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned year;
    unsigned month;
    unsigned day;
    unsigned rest = (unsigned)(seconds % 86400);

    civil_of(seconds / 86400, &year, &month, &day);
    (void)snprintf(out, 30, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[seconds / 86400 % 7],
                   day % 100, months[(month - 1) % 12], year % 10000, rest / 3600, rest / 60 % 60,
                   rest % 60);
}
