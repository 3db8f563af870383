/*
 * A slow and simple reader of the wire format, to judge inputs on which the two libraries differ.
 */
#ifndef AT_DIFFERENTIAL_WALK_H
#define AT_DIFFERENTIAL_WALK_H

#include <google/protobuf/descriptor.h>
#include <string>
#include <vector>

namespace differential
{

struct Oddities {
    bool long_prefix = false; /* a tag or length of more than five bytes */
    bool big_tag = false;     /* a tag of more than 32 bits */
    bool padded = false;      /* a varint of more bytes than it needs, or of more bits than count */
    bool wide = false;        /* a varint that is no int32 */
};

/* Looks into everything that could be a message. */
Oddities oddities(const google::protobuf::Descriptor *d, const std::string &bytes);

/* Where fields of the outermost message begin, and the end; fewer when the bytes are damaged. */
std::vector<size_t> field_starts(const std::string &bytes);

} // namespace differential

#endif
