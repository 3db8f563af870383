/*
 * Answers of gRPC server reflection (grpc.reflection.v1 and v1alpha, which have the same messages)
 * over a descriptor set: one request message in, one response message out. For a server that
 * speaks gRPC; nothing here knows of streams.
 *
 * A file is sent with all that it imports, so that a client need not ask again, up to a limit;
 * beyond it, it may ask for each by name. Files go out as they came into the set.
 */
#ifndef AT_CONTRACT_REFLECTION_H
#define AT_CONTRACT_REFLECTION_H

#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "contract/extensions.h"
#include "contract/set.h"

struct at_reflection_value;

struct at_reflection {
    const struct at_set *set;
    const char *const *services; /* the full names that list_services tells */
    size_t service_count;
    struct at_extensions extensions;
    const struct at_reflection_value *values; /* of enums: they are named beside their enum */
    size_t value_count;
    const size_t *imports;      /* indexes of files: those of file i are imports[first[i] …) */
    const size_t *import_first; /* one more than there are files */
};

enum at_reflection_result {
    AT_REFLECTION_MALFORMED = 1, /* no ServerReflectionRequest: end the stream, INVALID_ARGUMENT */
};

/*
 * services: NULL: all that the set declares. All is in the arena; set and names are borrowed. 0 or
 * -ENOMEM. What was made is only read afterwards and may be shared by threads.
 */
int at_reflection_init(struct at_reflection *r, const struct at_set *set,
                       const char *const *services, size_t service_count, struct at_arena *arena);

/*
 * The answer to a request, in the arena. What the set does not have is an answer too: an
 * ErrorResponse with NOT_FOUND. 0, AT_REFLECTION_MALFORMED, -ENOMEM.
 */
int at_reflection_answer(const struct at_reflection *r, struct at_bytes request,
                         struct at_arena *arena, struct at_bytes *ret);

/*
 * The contracts of both reflection services, as a FileDescriptorSet with comments. Put it behind
 * the server's own before at_set_load(), and a client can ask for them like for any other.
 */
struct at_bytes at_reflection_own_set(void);

#endif
