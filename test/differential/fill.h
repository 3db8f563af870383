/*
 * Random messages of a type, with the values at which codecs break.
 */
#ifndef AT_DIFFERENTIAL_FILL_H
#define AT_DIFFERENTIAL_FILL_H

#include <google/protobuf/message.h>

#include "random.h"

namespace differential
{

/*
 * Fills an empty message; required fields nearly always. budget is about how many values it gets.
 * valid: well-known types hold what their JSON form can say.
 */
void fill(google::protobuf::Message *message, Random *rng, int budget, bool valid);

/* A string with the characters at which encoders break; well-formed UTF-8. */
std::string some_text(Random *rng);
int64_t some_integer(Random *rng);

} // namespace differential

#endif
