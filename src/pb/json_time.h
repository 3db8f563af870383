/*
 * The text forms of google.protobuf.Timestamp, Duration and of the paths of a FieldMask, as the
 * comments in their .proto files define them. Pure. Inner header of pb.
 */
#ifndef AT_PB_JSON_TIME_H
#define AT_PB_JSON_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum { AT_JSON_TIME_ROOM = 40 }; /* bytes that any printed time has room in */

struct at_json_time {
    int64_t seconds; /* of a timestamp: since 1970-01-01T00:00:00Z */
    int32_t nanos;
};

/* RFC 3339 with 'T', and 'Z' or an offset. False: it is none, or not of the years 1 to 9999. */
bool at_json_parse_timestamp(struct at_bytes text, struct at_json_time *ret);
/* "-1.5s". False: it is none, or more than 315,576,000,000 s (10,000 years). */
bool at_json_parse_duration(struct at_bytes text, struct at_json_time *ret);
/*
 * With 0, 3, 6 or 9 digits behind the point, as many as are needed. Return the length; 0: out of
 * range, or the signs of a duration's two parts contradict each other.
 */
size_t at_json_print_timestamp(struct at_json_time t, char out[AT_JSON_TIME_ROOM]);
size_t at_json_print_duration(struct at_json_time t, char out[AT_JSON_TIME_ROOM]);

/*
 * One path of a field mask to snake_case ("fooBar.x" to "foo_bar.x"; out holds 2 × path.len) and
 * to lowerCamelCase (out holds path.len). Return the length; SIZE_MAX: it would not come back the
 * same, or is no path.
 */
size_t at_json_mask_to_snake(struct at_bytes path, char *out);
size_t at_json_mask_to_camel(struct at_bytes path, char *out);

#endif
