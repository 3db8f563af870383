/* google.protobuf.Any to JSON: its content is decoded into scratch memory and printed from there. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atoll/message.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "pb/codec.h"
#include "pb/fault.h"
#include "pb/json.h"
#include "pb/json_message.h"
#include "pb/json_printer.h"
#include "pb/json_value.h"
#include "pb/json_wkt.h"
#include "pb/limits.h"

static struct at_bytes text_of(const struct atoll_message_desc *desc, const uint8_t *message,
                               uint32_t number)
{
    const struct atoll_str *s =
        (const struct atoll_str *)(const void *)(message + at_json_wkt_field(desc, number)->offset);

    return at_bytes_over(s->at, s->len);
}

static int refuse_type(struct at_json_printer *p, struct at_bytes url, const char *what)
{
    char shown[AT_JSON_SHOWN_ROOM];

    at_json_show(url, shown);
    (void)snprintf(p->why, sizeof(p->why), "%s %s", shown[0] == '\0' ? "\"\"" : shown, what);
    return AT_JSON_BAD_VALUE;
}

static int decode(struct at_json_printer *p, const struct atoll_message_desc *of,
                  struct at_bytes bytes, void **ret)
{
    struct at_pb_fault fault;
    void *content = at_arena_alloc(p->scratch, of->struct_size, 16);
    int r = content == NULL ? -ENOMEM : at_pb_decode(of, bytes, p->scratch, content, &fault);

    if (r > 0) {
        (void)snprintf(p->why, sizeof(p->why), "holds what is no %.80s: %.80s", of->full_name,
                       fault.what);
        return AT_JSON_BAD_VALUE;
    }
    *ret = content;
    return r;
}

/* Is the message in work within as many Anys as may be read again? */
static bool is_too_deep(const struct at_json_printer *p)
{
    size_t anys = 0;

    for (size_t i = 0; i < p->depth; i++) {
        anys += p->frames[i].any;
    }
    return anys >= AT_JSON_ANY_DEPTH_MAX;
}

int at_json_print_any(struct at_json_printer *p, const struct atoll_message_desc *desc,
                      const uint8_t *message)
{
    struct at_bytes url = text_of(desc, message, 1);
    struct at_bytes bytes = text_of(desc, message, 2);
    const char *slash = url.len == 0 ? NULL : memrchr(url.at, '/', url.len);
    const struct atoll_message_desc *of = NULL;
    struct at_bytes name = {0};
    void *content = NULL;
    enum at_json_wkt kind;
    int r;

    if (url.len == 0 && bytes.len == 0) {
        at_json_begin_object(p->out);
        at_json_end_object(p->out);
        return 0;
    }
    if (slash != NULL) {
        name = at_bytes_after(url, (size_t)(slash + 1 - (const char *)url.at));
        of = p->types == NULL ? NULL : p->types->find(p->types->ctx, name);
    }
    if (of == NULL) {
        return slash == NULL
                   ? refuse_type(p, url, "is no type URL like type.googleapis.com/shop.v1.Item")
                   : refuse_type(p, name,
                                 "is a type that is not known here: the contract must contain it");
    }
    if (is_too_deep(p)) {
        return at_json_print_refuse(p, "is an Any within more than 20 others");
    }
    r = decode(p, of, bytes, &content);
    if (r != 0) {
        return r;
    }
    kind = at_json_wkt_of(of);
    r = at_json_print_push(p, of, content);
    if (r != 0) {
        return r;
    }
    p->frames[p->depth - 1].any = true;
    at_json_key(p->out, "@type");
    if (!at_json_string(p->out, url)) {
        p->depth--; /* the Any is to blame, and not its content */
        return at_json_print_refuse(p, "has a type URL that is not UTF-8, as JSON must be");
    }
    if (kind == AT_JSON_PLAIN || kind == AT_JSON_EMPTY) {
        return 0;
    }
    /* The loop prints it, not we: an Any may hold an Any. Then only the '}' is left. */
    p->frames[p->depth - 1].field = p->frames[p->depth - 1].end;
    p->frames[p->depth - 1].as_value = true;
    at_json_key(p->out, "value");
    return 0;
}
