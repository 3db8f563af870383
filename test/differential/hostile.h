/*
 * Input that no encoder writes: wire bytes and JSON made along a schema, with every liberty that
 * the formats leave, and then damaged.
 */
#ifndef AT_DIFFERENTIAL_HOSTILE_H
#define AT_DIFFERENTIAL_HOSTILE_H

#include <google/protobuf/descriptor.h>
#include <string>

#include "random.h"

namespace differential
{

/*
 * Fields in any order, repeated, merged, packed otherwise than declared, of another wire type,
 * unknown; varints longer than needed; text that is no UTF-8. Mostly well-formed as a whole.
 */
std::string hostile_wire(const google::protobuf::Descriptor *d, Random *rng);
/* Messages, groups, entries and unknown groups within each other, about as deep as is allowed. */
std::string deep_wire(const google::protobuf::Descriptor *d, Random *rng);
/* Bytes changed, cut, doubled, put in. */
void damage(std::string *bytes, Random *rng);

/* *ret_legal: the proto3 JSON mapping says that this must be accepted. */
std::string hostile_json(const google::protobuf::Descriptor *d, Random *rng, bool *ret_legal);

} // namespace differential

#endif
