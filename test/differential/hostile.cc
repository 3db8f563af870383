#include "hostile.h"

#include <algorithm>
#include <vector>

#include "fill.h"

namespace differential
{

using namespace google::protobuf;

namespace
{

enum Wire { kVarint = 0, kFixed64 = 1, kLength = 2, kGroup = 3, kGroupEnd = 4, kFixed32 = 5 };

constexpr int kDepth = 6;
constexpr unsigned kPrefixMax = 5; /* bytes of a tag or a length; see exclusions.h */

Wire wire_of(FieldDescriptor::Type type)
{
    switch (type) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64: return kFixed64;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32: return kFixed32;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE: return kLength;
    case FieldDescriptor::TYPE_GROUP: return kGroup;
    default: return kVarint;
    }
}

class Writer
{
  public:
    explicit Writer(Random *rng) : rng_(rng)
    {
    }

    std::string message(const Descriptor *d, int depth)
    {
        std::string out;
        std::vector<const FieldDescriptor *> fields;

        d->file()->pool()->FindAllExtensions(d, &fields);
        for (int i = 0; i < d->field_count(); i++) {
            fields.push_back(d->field(i));
        }
        if (depth >= kDepth) {
            fields.erase(std::remove_if(fields.begin(), fields.end(),
                                        [](const FieldDescriptor *f) {
                                            return f->cpp_type() ==
                                                   FieldDescriptor::CPPTYPE_MESSAGE;
                                        }),
                         fields.end());
        }
        for (uint64_t n = rng_->below(depth == 0 ? 12 : 5); n > 0; n--) {
            if (fields.empty() || rng_->chance(8)) {
                out += unknown(d, depth);
            } else {
                out += field(rng_->pick_of(fields), depth);
            }
        }
        for (const FieldDescriptor *f : fields) {
            if (f->is_required() && rng_->chance(98)) {
                out += field(f, depth);
            }
        }
        return out;
    }

    std::string deep(const Descriptor *d, int levels)
    {
        std::vector<std::pair<int, Wire>> steps;
        unsigned loose = rng_->chance(50) ? 0 : 4; /* how often a level is an unknown group */

        for (int i = 0; i < levels; i++) {
            const FieldDescriptor *next = nullptr;

            if (d != nullptr && !rng_->chance(loose)) {
                next = inwards(d);
            }
            if (next == nullptr) {
                steps.emplace_back(unknown_number(d), kGroup);
                d = nullptr;
            } else {
                steps.emplace_back(next->number(), wire_of(next->type()));
                d = next->message_type();
            }
        }
        std::string out;
        for (size_t i = steps.size(); i > 0; i--) {
            const auto &[number, wire] = steps[i - 1];

            out = wire == kGroup ? tag(number, kGroup) + out + tag(number, kGroupEnd)
                                 : tag(number, kLength) + sized(out);
        }
        return out;
    }

  private:
    Random *rng_;

    /* A field that is a message, one with messages in it when there is one. */
    const FieldDescriptor *inwards(const Descriptor *d)
    {
        std::vector<const FieldDescriptor *> some;
        std::vector<const FieldDescriptor *> more;

        for (int i = 0; i < d->field_count(); i++) {
            const FieldDescriptor *f = d->field(i);

            if (f->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
                continue;
            }
            some.push_back(f);
            for (int k = 0; k < f->message_type()->field_count(); k++) {
                if (f->message_type()->field(k)->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
                    more.push_back(f);
                    break;
                }
            }
        }
        return !more.empty() ? rng_->pick_of(more) : !some.empty() ? rng_->pick_of(some) : nullptr;
    }

    std::string varint(uint64_t v, unsigned max)
    {
        std::string out;

        while (v >= 0x80) {
            out += static_cast<char>(v | 0x80);
            v >>= 7;
        }
        out += static_cast<char>(v);
        if (rng_->chance(4)) {
            unsigned more = static_cast<unsigned>(rng_->below(4));

            for (; more > 0 && out.size() < max; more--) {
                out.back() = static_cast<char>(static_cast<uint8_t>(out.back()) | 0x80);
                out += '\0';
            }
        }
        return out;
    }

    std::string tag(int number, Wire wire)
    {
        return varint(static_cast<uint64_t>(number) << 3 | wire, kPrefixMax);
    }

    std::string sized(const std::string &bytes)
    {
        return varint(bytes.size(), kPrefixMax) + bytes;
    }

    std::string fixed(size_t size)
    {
        uint64_t v = rng_->chance(60) ? static_cast<uint64_t>(some_integer(rng_)) : rng_->next();

        if (size == 8 && (v & 0x7FF0000000000000U) == 0x7FF0000000000000U) {
            v &= ~UINT64_C(0x000FFFFFFFFFFFFF); /* NaNs have more than one form */
        } else if (size == 4 && (v & 0x7F800000U) == 0x7F800000U) {
            v &= ~UINT64_C(0x7FFFFF);
        }
        return std::string(reinterpret_cast<const char *>(&v), size);
    }

    std::string text(const FieldDescriptor *f)
    {
        static const char *const bad[] = {"\xFF",     "\xC0\x80",         "\xED\xA0\x80",
                                          "\xE2\x82", "\xF4\x90\x80\x80", "a\x80"};
        bool broken = rng_->chance(f->type() == FieldDescriptor::TYPE_BYTES ? 30 : 1);

        return some_text(rng_) + (broken ? rng_->pick(bad) : "");
    }

    std::string scalar(const FieldDescriptor *f)
    {
        switch (wire_of(f->type())) {
        case kFixed64: return fixed(8);
        case kFixed32: return fixed(4);
        case kLength: return sized(text(f));
        default: break;
        }
        if (f->type() == FieldDescriptor::TYPE_ENUM && rng_->chance(60)) {
            const EnumDescriptor *e = f->enum_type();
            int64_t n = e->value(static_cast<int>(rng_->below(e->value_count())))->number();

            return varint(static_cast<uint64_t>(n), 10);
        }
        int64_t n = some_integer(rng_);
        if (f->type() == FieldDescriptor::TYPE_ENUM && rng_->chance(99)) {
            n = static_cast<int32_t>(n);
        }
        return varint(static_cast<uint64_t>(n), 10);
    }

    std::string one(const FieldDescriptor *f, int depth)
    {
        Wire wire = wire_of(f->type());

        if (wire == kGroup) {
            return tag(f->number(), kGroup) + message(f->message_type(), depth + 1) +
                   tag(f->number(), kGroupEnd);
        }
        if (f->type() == FieldDescriptor::TYPE_MESSAGE) {
            return tag(f->number(), kLength) + sized(message(f->message_type(), depth + 1));
        }
        return tag(f->number(), wire) + scalar(f);
    }

    std::string field(const FieldDescriptor *f, int depth)
    {
        std::string out;

        if (rng_->chance(3)) {
            return other_wire(f->number(), wire_of(f->type()), depth);
        }
        if (f->is_packable() && rng_->chance(50)) {
            std::string values;

            for (uint64_t n = rng_->below(6); n > 0; n--) {
                values += scalar(f);
            }
            return tag(f->number(), kLength) + sized(values);
        }
        for (uint64_t n = f->is_repeated() ? rng_->below(5) : 1; n > 0; n--) {
            out += one(f, depth);
        }
        return out;
    }

    /* d may be nullptr: within an unknown group every number is unknown. */
    int unknown_number(const Descriptor *d)
    {
        static const int numbers[] = {1, 2, 3, 7, 15, 16, 100, 2047, 2048, 5100, 19500, 536870911};
        int number = rng_->pick(numbers);

        while (d != nullptr && (d->FindFieldByNumber(number) != nullptr ||
                                d->file()->pool()->FindExtensionByNumber(d, number) != nullptr)) {
            number = static_cast<int>(rng_->between(1, 536870911));
        }
        return number;
    }

    /* A field that no table knows; sometimes a group with more of them in it. */
    std::string unknown(const Descriptor *d, int depth)
    {
        return other_wire(unknown_number(d), kGroupEnd, depth);
    }

    /* Any wire type but `not_this`. */
    std::string other_wire(int number, Wire not_this, int depth)
    {
        static const Wire wires[] = {kVarint, kFixed64, kLength, kGroup, kFixed32};
        Wire wire;

        do {
            wire = rng_->pick(wires);
        } while (wire == not_this || (wire == kGroup && depth >= kDepth));
        std::string out = tag(number, wire);
        switch (wire) {
        case kVarint: return out + varint(static_cast<uint64_t>(some_integer(rng_)), 10);
        case kFixed64: return out + fixed(8);
        case kFixed32: return out + fixed(4);
        case kLength: return out + sized(some_text(rng_));
        default: break;
        }
        for (uint64_t n = rng_->below(3); n > 0; n--) {
            out += other_wire(static_cast<int>(rng_->between(1, 20)), kGroupEnd, depth + 1);
        }
        return out + tag(number, kGroupEnd);
    }
};

} // namespace

std::string hostile_wire(const Descriptor *d, Random *rng)
{
    return Writer(rng).message(d, 0);
}

std::string deep_wire(const Descriptor *d, Random *rng)
{
    return Writer(rng).deep(d, static_cast<int>(rng->between(96, 104)));
}

void damage(std::string *bytes, Random *rng)
{
    static const unsigned char odd[] = {0x00, 0x01, 0x07, 0x7F, 0x80, 0xFF, 0x0B, 0x0C, 0x08, 0x0A};

    for (uint64_t n = rng->between(1, 3); n > 0 && !bytes->empty(); n--) {
        size_t at = rng->below(bytes->size());
        size_t len = std::min<size_t>(rng->below(12) + 1, bytes->size() - at);

        switch (rng->below(6)) {
        case 0: bytes->resize(at); break;
        case 1: (*bytes)[at] = static_cast<char>(rng->next()); break;
        case 2: (*bytes)[at] = static_cast<char>(rng->pick(odd)); break;
        case 3: bytes->erase(at, len); break;
        case 4: bytes->insert(rng->below(bytes->size() + 1), bytes->substr(at, len)); break;
        default: (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << rng->below(8))); break;
        }
    }
}

} // namespace differential
