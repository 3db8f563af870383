/*
 * Our codec as the differential test sees it: bytes in, bytes out, over schemas that at_pool made
 * from a descriptor set. A C face, so that the C++ side needs none of our headers.
 *
 * Every call judges more than it says: see ours.c. What breaks a promise of our own is OURS_BROKEN.
 */
#ifndef AT_DIFFERENTIAL_OURS_H
#define AT_DIFFERENTIAL_OURS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ours_result {
    OURS_OK,
    OURS_REFUSED, /* the input is wrong */
    OURS_DEEP,    /* refused: nested deeper than the limit */
    OURS_MISSING, /* refused: a required field is absent */
    OURS_BROKEN,  /* a bug, whatever the other library says */
};

struct ours;      /* one schema */
struct ours_type; /* one message type of it */

struct ours_bytes {
    const uint8_t *at; /* good until the next call with the same struct ours */
    size_t len;
};

/* NULL: refused; why then says so. */
struct ours *ours_open(const void *set, size_t len, char *why, size_t cap);
void ours_close(struct ours *o);
/* NULL: no such message. */
const struct ours_type *ours_find(const struct ours *o, const char *full_name);

/* Decodes and encodes. Checks sizes, small buffers, and that a second time changes nothing. */
enum ours_result ours_rewrite(struct ours *o, const struct ours_type *type, const void *wire,
                              size_t len, struct ours_bytes *ret);
/* Decodes and encodes with the entries of maps by their keys. */
enum ours_result ours_sorted(struct ours *o, const struct ours_type *type, const void *wire,
                             size_t len, struct ours_bytes *ret);
/* Decodes the first `cut` bytes, merges the rest into it, encodes. */
enum ours_result ours_merge(struct ours *o, const struct ours_type *type, const void *wire,
                            size_t len, size_t cut, struct ours_bytes *ret);
enum ours_result ours_to_json(struct ours *o, const struct ours_type *type, const void *wire,
                              size_t len, uint32_t flags, struct ours_bytes *ret);
/* Reads JSON and encodes. */
enum ours_result ours_from_json(struct ours *o, const struct ours_type *type, const char *json,
                                size_t len, struct ours_bytes *ret);
/* The text format, both ways. */
enum ours_result ours_to_text(struct ours *o, const struct ours_type *type, const void *wire,
                              size_t len, uint32_t flags, struct ours_bytes *ret);
enum ours_result ours_from_text(struct ours *o, const struct ours_type *type, const char *text,
                                size_t len, struct ours_bytes *ret);
/* Why the last call refused. */
const char *ours_why(const struct ours *o);

#ifdef __cplusplus
}
#endif

#endif
