/* How names are written in contracts: lower_snake_case, UPPER_SNAKE_CASE, PascalCase. */
#ifndef AT_CONTRACT_WORDS_H
#define AT_CONTRACT_WORDS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"

/* Letters and digits, words separated by one '_' each. */
bool at_word_is_lower_snake(struct at_bytes name);
bool at_word_is_upper_snake(struct at_bytes name);
/* Begins with a capital, letters and digits only: "HTTPServer" is one too. */
bool at_word_is_pascal(struct at_bytes name);

/*
 * What the name would be: a word begins at a capital behind a small letter or digit, at the last of
 * several capitals before a small letter, and behind '_', '.' or '-'. NULL: no memory.
 */
const char *at_word_to_lower_snake(struct at_arena *arena, struct at_bytes name);
const char *at_word_to_upper_snake(struct at_arena *arena, struct at_bytes name);
const char *at_word_to_pascal(struct at_arena *arena, struct at_bytes name);

#endif
