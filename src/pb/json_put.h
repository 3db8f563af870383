/*
 * What the writer's functions are made of: room at the end of the text, filled in place. Inner
 * header of pb.
 *
 *   char *p = at_json_value_room(w, 4);
 *   if (p != NULL) { memcpy(p, "true", 4); at_json_value_end(w, p + 4); }
 */
#ifndef AT_PB_JSON_PUT_H
#define AT_PB_JSON_PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "pb/json.h"

/* n bytes behind the end, not counted in the length yet. NULL: no memory; the text has failed. */
static inline char *at_json_room(struct at_text *t, size_t n)
{
    char *p;

    if (__builtin_expect(t->cap - t->len > n && !t->failed, 1)) {
        return t->at + t->len;
    }
    p = at_text_claim(t, n);
    if (p != NULL) {
        t->len -= n;
    }
    return p;
}

/* The text ends here now. */
static inline void at_json_text_end(struct at_text *t, char *end)
{
    *end = '\0';
    t->len = (size_t)(end - t->at);
}

/* Room for n bytes of a value or a key, behind the comma and the new line that belong before it. */
static inline char *at_json_value_room(struct at_json_writer *w, size_t n)
{
    size_t blanks = w->indent == 0 ? 0 : (size_t)w->depth * w->indent;
    char *p = at_json_room(w->out, n + blanks + 2);

    if (p == NULL) {
        return NULL;
    }
    if (w->after_key) {
        w->after_key = false;
        return p;
    }
    if (w->needs_comma) {
        *p++ = ',';
    }
    if (w->indent != 0 && w->depth > 0) {
        *p++ = '\n';
        memset(p, ' ', blanks);
        p += blanks;
    }
    return p;
}

static inline void at_json_value_end(struct at_json_writer *w, char *end)
{
    at_json_text_end(w->out, end);
    w->needs_comma = true;
}

/* The bracket that begins an object or a list, and the one that ends it. */
static inline void at_json_open(struct at_json_writer *w, char c)
{
    char *p = at_json_value_room(w, 1);

    if (p != NULL) {
        *p = c;
        at_json_text_end(w->out, p + 1);
    }
    w->depth++;
    w->needs_comma = false;
}

static inline void at_json_close(struct at_json_writer *w, char c)
{
    size_t blanks;
    char *p;

    w->depth--;
    blanks = w->indent == 0 || !w->needs_comma ? 0 : (size_t)w->depth * w->indent + 1;
    p = at_json_room(w->out, blanks + 1);
    if (p != NULL) {
        if (blanks > 0) {
            *p = '\n';
            memset(p + 1, ' ', blanks - 1);
        }
        p[blanks] = c;
        at_json_text_end(w->out, p + blanks + 1);
    }
    w->needs_comma = true;
}

#endif
