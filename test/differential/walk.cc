#include "walk.h"

#include <cstdint>

namespace differential
{

using namespace google::protobuf;

namespace
{

struct Reader {
    const std::string &bytes;
    size_t at;
    size_t end;
    Oddities *odd;

    bool varint(uint64_t *ret, bool prefix)
    {
        uint64_t v = 0;

        for (unsigned i = 0; i < 10 && at < end; i++) {
            auto byte = static_cast<uint8_t>(bytes[at++]);

            v |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
            if (i >= 5 && prefix) {
                odd->long_prefix = true;
            }
            if (i == 9 && byte > 1) { /* more than 64 bits: cut off by both */
                odd->padded = true;
            }
            if (i > 0 && byte == 0) {
                odd->padded = true;
            }
            if (byte < 0x80) {
                odd->wide = odd->wide || static_cast<int64_t>(v) != static_cast<int32_t>(v);
                *ret = v;
                return true;
            }
        }
        return false;
    }

    /* The tag and the value behind it; groups are entered by their fields simply following. */
    bool field(const Descriptor *d, int depth)
    {
        uint64_t tag;
        uint64_t v;

        if (!varint(&tag, true)) {
            return false;
        }
        if (tag > UINT32_MAX) {
            odd->big_tag = true;
        }
        switch (tag & 7) {
        case 0: return varint(&v, false);
        case 1: at += 8; return at <= end;
        case 5: at += 4; return at <= end;
        case 3:
        case 4: return true;
        case 2: break;
        default: return false;
        }
        if (!varint(&v, true) || v > end - at) {
            return false;
        }
        inside(d, static_cast<uint32_t>(tag >> 3), static_cast<size_t>(v), depth);
        at += v;
        return true;
    }

    void inside(const Descriptor *d, uint32_t number, size_t len, int depth)
    {
        Reader inner{bytes, at, at + len, odd};
        uint64_t v;

        (void)d;
        (void)number;
        if (depth > 120) {
            return;
        }
        /* It may be a message or packed values: either reading may show something odd. */
        while (inner.at < inner.end && inner.field(nullptr, depth + 1)) {
        }
        inner.at = at;
        while (inner.at < inner.end && inner.varint(&v, false)) {
        }
    }
};

} // namespace

Oddities oddities(const Descriptor *d, const std::string &bytes)
{
    Oddities odd;
    Reader r{bytes, 0, bytes.size(), &odd};

    while (r.at < r.end && r.field(d, 0)) {
    }
    return odd;
}

std::vector<size_t> field_starts(const std::string &bytes)
{
    Oddities odd;
    Reader r{bytes, 0, bytes.size(), &odd};
    std::vector<size_t> starts;
    int open = 0;

    while (r.at < r.end) {
        size_t start = r.at;
        uint64_t tag;
        Reader peek = r;

        if (!peek.varint(&tag, true) || !r.field(nullptr, 200)) {
            break;
        }
        if (open == 0) {
            starts.push_back(start);
        }
        open += (tag & 7) == 3 ? 1 : (tag & 7) == 4 ? -1 : 0;
    }
    if (open == 0) {
        starts.push_back(bytes.size());
    }
    return starts;
}

} // namespace differential
