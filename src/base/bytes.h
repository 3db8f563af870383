/*
 * Borrowed bytes, and sticky cursors to read and to write them.
 *
 * A struct at_bytes never owns. A cursor that ran out of room stays failed and yields zeros, so a
 * decoder is straight-line code that asks `failed` once, at the end. Pure: no allocation, no I/O.
 */
#ifndef AT_BASE_BYTES_H
#define AT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct at_bytes {
    const uint8_t *at; /* may be NULL when len is 0 */
    size_t len;
};

/* The bytes of a string literal, without its NUL. */
#define AT_LIT(s) ((struct at_bytes){(const uint8_t *)("" s), sizeof(s) - 1})

/* The bytes of a NUL-terminated string; NULL gives no bytes. Borrows. */
struct at_bytes at_bytes_of(const char *s);
struct at_bytes at_bytes_over(const void *at, size_t len);
bool at_bytes_equal(struct at_bytes a, struct at_bytes b);
/* ASCII case is ignored; bytes above 127 must be equal. */
bool at_bytes_equal_nocase(struct at_bytes a, struct at_bytes b);
bool at_bytes_start_with(struct at_bytes b, struct at_bytes prefix);
/* As memcmp, shorter first when one is a prefix of the other. */
int at_bytes_compare(struct at_bytes a, struct at_bytes b);
/* Index of the first c in b, or b.len. */
size_t at_bytes_index(struct at_bytes b, uint8_t c);
/* From `from` (clamped) to the end. */
struct at_bytes at_bytes_after(struct at_bytes b, size_t from);
/* The first `len` bytes (clamped). */
struct at_bytes at_bytes_before(struct at_bytes b, size_t len);
/* Without ASCII blanks and tabs at both ends. */
struct at_bytes at_bytes_trim(struct at_bytes b);
/*
 * Cuts the piece up to `c` off the front of *rest and steps over `c`; false when *rest was empty.
 * "a,b" gives "a", then "b", then false.
 */
bool at_bytes_cut(struct at_bytes *rest, uint8_t c, struct at_bytes *ret_piece);
/* All of b is a decimal number (no sign, no blanks) that fits: true and *ret. */
bool at_bytes_to_u64(struct at_bytes b, uint64_t *ret);
/* With an optional '-'. */
bool at_bytes_to_i64(struct at_bytes b, int64_t *ret);
/* Well-formed UTF-8 by Unicode 15 table 3-7: no overlong forms, no surrogates, ≤ U+10FFFF. */
bool at_bytes_is_utf8(struct at_bytes b);
/* 64-bit hash keyed by seed, for maps only; not for authentication. */
uint64_t at_bytes_hash(struct at_bytes b, uint64_t seed);
/* CRC-32C (Castagnoli), as RFC 3720 appendix B.4. */
uint32_t at_bytes_crc32c(struct at_bytes b);

struct at_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct at_reader at_reader_over(const void *at, size_t len);
/* n ≤ 8 bytes as one unsigned number, big-endian or little-endian. */
uint64_t at_read_be(struct at_reader *r, size_t n);
uint64_t at_read_le(struct at_reader *r, size_t n);
/* The next len bytes, borrowed. */
struct at_bytes at_read_bytes(struct at_reader *r, size_t len);
/* A u32 length (little-endian) and that many bytes; more than `limit` fails the reader. */
struct at_bytes at_read_sized(struct at_reader *r, size_t limit);
size_t at_reader_left(const struct at_reader *r);

struct at_writer {
    uint8_t *at; /* start of the caller's buffer */
    size_t cap;
    size_t len; /* written so far */
    bool failed;
};

struct at_writer at_writer_over(void *at, size_t cap);
void at_write_be(struct at_writer *w, uint64_t value, size_t n);
void at_write_le(struct at_writer *w, uint64_t value, size_t n);
void at_write_bytes(struct at_writer *w, struct at_bytes b);
void at_write_sized(struct at_writer *w, struct at_bytes b);
struct at_bytes at_writer_bytes(const struct at_writer *w);

#endif
