/* One scalar of a message from and to the protobuf text format. Inner header of pb. */
#ifndef AT_PB_PBTEXT_VALUE_H
#define AT_PB_PBTEXT_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "pb/pbtext_token.h"

enum { AT_PBTEXT_WHY_MAX = 192 };

/* What reading a scalar needs, and where it says what is wrong. */
struct at_pbtext_source {
    struct at_pbtext_lexer *lexer;
    struct at_arena *arena;
    const uint8_t *bad_at; /* the token that is wrong */
    char *why;             /* AT_PBTEXT_WHY_MAX: the end of a sentence */
};

/*
 * Takes the tokens of one value and stores it at value, which has room for the field's type. 0,
 * -ENOMEM, AT_PBTEXT_BAD_TEXT (lexer->wrong) or AT_PBTEXT_BAD_VALUE (why).
 */
int at_pbtext_read_scalar(struct at_pbtext_source *s, const struct atoll_message_desc *desc,
                          const struct atoll_field_desc *field, void *value);
/* The first characters of a text, safe to show. */
enum { AT_PBTEXT_SHOWN_MAX = 64 };
void at_pbtext_show(struct at_bytes text, char out[AT_PBTEXT_SHOWN_MAX + 4]);

/* "pkg.Name" of the type URL "type.googleapis.com/pkg.Name"; empty: it cannot stand in brackets. */
struct at_bytes at_pbtext_type_name(struct at_bytes url);
/* The two fields of google.protobuf.Any; false: it is none. */
bool at_pbtext_any_fields(const struct atoll_message_desc *desc,
                          const struct atoll_field_desc **url,
                          const struct atoll_field_desc **value);
/* What a group goes by: the name of its type without package and outer types. */
struct at_bytes at_pbtext_group_name(const struct atoll_message_desc *of);

void at_pbtext_write_scalar(const struct atoll_message_desc *desc,
                            const struct atoll_field_desc *field, const void *value,
                            struct at_text *out);
/* In quotes. as_text: well-formed characters stay; else every byte over 126 is an escape. */
void at_pbtext_write_string(struct at_bytes b, bool as_text, struct at_text *out);

#endif
