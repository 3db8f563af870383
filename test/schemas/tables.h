/*
 * Generated tables as the round trip sees them: a library made from generated code, with a list of
 * its messages. A C face, so that the C++ side needs none of our headers.
 */
#ifndef AT_SCHEMAS_TABLES_H
#define AT_SCHEMAS_TABLES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tables;

/* Loads the library; NULL with a line on stderr when that fails. */
struct tables *tables_open(const char *path);
void tables_close(struct tables *t);
size_t tables_count(const struct tables *t);
/* Full name of the i-th message. */
const char *tables_name(const struct tables *t, size_t i);
/* Decodes with the i-th message's table and encodes. NULL: done; else what was wrong. */
const char *tables_rewrite(struct tables *t, size_t i, const void *wire, size_t len,
                           const uint8_t **ret, size_t *ret_len);

#ifdef __cplusplus
}
#endif

#endif
