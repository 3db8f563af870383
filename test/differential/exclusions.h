/*
 * Where the two libraries may differ, each with the reason. Every use is counted and printed at the
 * end of a run, so that an exclusion that swallows everything shows.
 */
#ifndef AT_DIFFERENTIAL_EXCLUSIONS_H
#define AT_DIFFERENTIAL_EXCLUSIONS_H

namespace differential
{

/* X(name, reason) */
#define DIFFERENTIAL_EXCLUSIONS(X)                                                                 \
    X(LONG_PREFIX, "a tag or length written in more than five bytes: refused by C++ alone")        \
    X(BIG_TAG, "a tag of more than 32 bits: C++ cuts it off, we refuse the field number")          \
    X(WIDE_ENUM, "a number of more than 32 bits that a closed enum does not have: which are kept") \
    X(DEEP_ENTRY, "a map entry at the last level, without a value: an empty one has no room")      \
    X(UNKNOWN_AS_SENT, "unknown fields leave in the bytes they came in, C++ encodes them anew")    \
    X(JSON_LAX, "damaged JSON: the parser of libprotobuf 3.21 takes what RFC 8259 does not")       \
    X(JSON_CHECK,                                                                                  \
      "damaged JSON on which a check within libprotobuf 3.21 fails and ends the program")          \
    X(JSON_BASE64, "base64 whose last character has bits left over: refused by C++ alone")         \
    X(JSON_QUOTED,                                                                                 \
      "a whole number in quotes written with a point or exponent: refused by C++ alone")           \
    X(JSON_MASK, "a path of a FieldMask with a capital in front: _e to us as to Go, e to C++")     \
    X(JSON_ENUM_CASE, "the name of an enum value in another case: taken by C++ in capitals only")  \
    X(JSON_ANY_EMPTY, "libprotobuf 3.21 leaves out the value of an Any when its content is empty") \
    X(JSON_ANY_URL, "libprotobuf 3.21 takes no type URL but of type.googleapis.com")               \
    X(JSON_MINUS_ZERO, "libprotobuf 3.21 writes -0 and reads it as the integer 0")                 \
    X(JSON_NO_GROUPS, "libprotobuf 3.21 writes no JSON for groups and extensions")                 \
    X(TEXT_NO_UTF8, "text format with a string that is no UTF-8: C++ reads what it cannot send")   \
    X(TEXT_OCTAL, "text format with an octal escape over \\377: cut off by C++")                   \
    X(TEXT_GROUP,                                                                                  \
      "text format with a group by the name of its field: refused by libprotobuf 3.21")            \
    X(TEXT_HEX, "text format with the escape \\X of .proto files: refused by C++")                 \
    X(JSON_NO_UTF8, "text of proto2 that is no UTF-8: we refuse to write JSON, C++ writes some")

enum Exclusion {
#define X(name, reason) EX_##name,
    DIFFERENTIAL_EXCLUSIONS(X)
#undef X
        EX_COUNT
};

} // namespace differential

#endif
