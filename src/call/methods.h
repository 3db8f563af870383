/*
 * Names to numbers: the methods of a server as its table says, "full.Service/Method", and the
 * numbers that go into records. Names asked for lately are remembered by where they lie in memory
 * and compared, not hashed: a program asks with the same few constants again and again.
 */
#ifndef AT_CALL_METHODS_H
#define AT_CALL_METHODS_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/map.h"

enum { AT_METHODS_LATELY = 8 }; /* a power of two */

struct at_methods {
    struct at_map numbers; /* name → number + 1 */
    struct {
        struct at_bytes name; /* the map's copy */
        int number;
    } lately[AT_METHODS_LATELY];
};

void at_methods_init(struct at_methods *m);
void at_methods_deinit(struct at_methods *m);
/* One name a line, numbered from 0. 0, AT_MESSAGE_MALFORMED, -ENOMEM. */
int at_methods_read(struct at_methods *m, struct at_bytes lines);
/* -1: the server has no such method. */
int at_methods_number(struct at_methods *m, struct at_bytes contract, struct at_bytes method);

#endif
