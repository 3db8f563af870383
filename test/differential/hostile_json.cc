/*
 * JSON along a schema, with the liberties of the proto3 JSON mapping: either form of a name,
 * numbers as strings and with exponents, null for absent, both alphabets of base64, escapes; and
 * now and then something that is not allowed.
 */
#include <cstdio>
#include <vector>

#include "fill.h"
#include "hostile.h"

namespace differential
{

using namespace google::protobuf;

namespace
{

constexpr int kDepth = 4;

class JsonWriter
{
  public:
    explicit JsonWriter(Random *rng) : rng_(rng)
    {
    }

    bool legal() const
    {
        return legal_;
    }

    std::string message(const Descriptor *d, int depth)
    {
        std::vector<const FieldDescriptor *> fields;
        std::string out = "{" + blank();
        bool first = true;

        for (int i = 0; i < d->field_count(); i++) {
            const FieldDescriptor *f = d->field(i);

            if (can(f, depth) && (f->is_required() || rng_->chance(50)) && !taken(f, fields)) {
                fields.push_back(f);
                out += (first ? "" : ",") + blank() + name(f) + blank() + ":" + blank() +
                       value(f, depth) + blank();
                first = false;
            }
        }
        return out + "}";
    }

  private:
    Random *rng_;
    bool legal_ = true;

    /* Messages of google.protobuf have forms of their own; those are tested from real values. */
    bool can(const FieldDescriptor *f, int depth) const
    {
        if (f->type() == FieldDescriptor::TYPE_GROUP) {
            return false;
        }
        if (f->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
            return true;
        }
        const FieldDescriptor *v = f->is_map() ? f->message_type()->field(1) : f;
        return depth < kDepth && (v->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
                                  v->message_type()->file()->package() != "google.protobuf");
    }

    /* A member of the same oneof is there already: two are an error. */
    static bool taken(const FieldDescriptor *f, const std::vector<const FieldDescriptor *> &have)
    {
        for (const FieldDescriptor *h : have) {
            if (f->real_containing_oneof() != nullptr &&
                f->real_containing_oneof() == h->real_containing_oneof()) {
                return true;
            }
        }
        return false;
    }

    std::string blank()
    {
        static const char *const blanks[] = {"", "", "", "", " ", "\n", "\t", "\r\n  "};

        return rng_->pick(blanks);
    }

    std::string name(const FieldDescriptor *f)
    {
        return "\"" + (rng_->chance(50) ? f->json_name() : f->name()) + "\"";
    }

    std::string value(const FieldDescriptor *f, int depth)
    {
        if (rng_->chance(4) && !f->is_required()) {
            return "null";
        }
        if (f->is_map()) {
            return map(f, depth);
        }
        if (!f->is_repeated()) {
            return single(f, depth);
        }
        std::string out = "[" + blank();
        uint64_t n = rng_->below(4);
        for (uint64_t i = 0; i < n; i++) {
            out += (i == 0 ? "" : "," + blank()) + single(f, depth) + blank();
        }
        return out + "]";
    }

    std::string map(const FieldDescriptor *f, int depth)
    {
        const FieldDescriptor *key = f->message_type()->field(0);
        const FieldDescriptor *v = f->message_type()->field(1);
        uint64_t n = rng_->below(4);
        std::string out = "{" + blank();

        for (uint64_t i = 0; i < n; i++) {
            std::string k;

            if (key->type() == FieldDescriptor::TYPE_STRING) {
                k = "\"" + std::to_string(i) + some_plain() + "\"";
            } else if (key->type() == FieldDescriptor::TYPE_BOOL) {
                k = i == 0 ? "\"true\"" : "\"false\"";
                n = n > 2 ? 2 : n;
            } else {
                k = "\"" + std::to_string(i * 1000) + "\"";
            }
            out += (i == 0 ? "" : ",") + blank() + k + ":" + blank() + single(v, depth) + blank();
        }
        return out + "}";
    }

    std::string some_plain()
    {
        static const char *const texts[] = {"", "a", "key", "\xC3\xA4", "\\u00e4", "\\n"};

        return rng_->pick(texts);
    }

    std::string bad(const char *text)
    {
        legal_ = false;
        return text;
    }

    std::string single(const FieldDescriptor *f, int depth)
    {
        if (rng_->chance(1)) {
            static const char *const any[] = {"{}", "[]", "true", "\"x y\"", "1e999",      "[[1]]",
                                              "-",  "01", "'a'",  "nul",     "\"\\ud800\""};
            return bad(rng_->pick(any));
        }
        switch (f->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE: return message(f->message_type(), depth + 1);
        case FieldDescriptor::CPPTYPE_BOOL: return rng_->chance(50) ? "true" : "false";
        case FieldDescriptor::CPPTYPE_ENUM: return enumeration(f);
        case FieldDescriptor::CPPTYPE_STRING:
            return f->type() == FieldDescriptor::TYPE_BYTES ? base64() : text();
        case FieldDescriptor::CPPTYPE_DOUBLE:
        case FieldDescriptor::CPPTYPE_FLOAT: return floating(f);
        default: return integer(f);
        }
    }

    std::string integer(const FieldDescriptor *f)
    {
        bool is_signed = f->cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
                         f->cpp_type() == FieldDescriptor::CPPTYPE_INT64;
        bool wide = f->cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
                    f->cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
        int64_t n = some_integer(rng_);

        if (rng_->chance(2)) {
            static const char *const wrong[] = {"1.5",
                                                "\"\"",
                                                "\" 1\"",
                                                "\"0x1\"",
                                                "1e100",
                                                "\"1 \"",
                                                "\"a\"",
                                                "-1.1",
                                                "18446744073709551616",
                                                "-9223372036854775809"};
            return bad(rng_->pick(wrong));
        }
        if (rng_->chance(8)) {
            static const char *const forms[] = {"1e2", "1.0", "100E-2", "2.5e1", "0.0", "0e5"};

            return rng_->pick(forms);
        }
        if (!wide && is_signed) {
            n = static_cast<int32_t>(n);
        } else if (!wide) {
            n = static_cast<uint32_t>(n);
        }
        std::string digits =
            is_signed || !wide ? std::to_string(n) : std::to_string(static_cast<uint64_t>(n));
        return rng_->chance(50) ? digits : "\"" + digits + "\"";
    }

    std::string floating(const FieldDescriptor *f)
    {
        static const char *const forms[] = {
            "0",   "-0.0",         "1",    "1.5",           "-2.25e3", "1E+2",      "\"NaN\"",
            "0.1", "\"Infinity\"", "1e-3", "\"-Infinity\"", "\"1.5\"", "123456789", "1e37"};
        if (rng_->chance(2)) {
            static const char *const wrong[] = {"NaN", "Infinity", "\"\"",    "1e400",   ".5",
                                                "1.",  "\"nan\"",  "\"inf\"", "\"1.5 \""};
            return bad(rng_->pick(wrong));
        }
        (void)f;
        return rng_->pick(forms);
    }

    std::string enumeration(const FieldDescriptor *f)
    {
        const EnumDescriptor *e = f->enum_type();
        const EnumValueDescriptor *v = e->value(static_cast<int>(rng_->below(e->value_count())));

        if (rng_->chance(2)) {
            return bad("\"NO_SUCH_NAME\"");
        }
        return rng_->chance(60) ? "\"" + v->name() + "\"" : std::to_string(v->number());
    }

    std::string text()
    {
        static const char *const pieces[] = {"a",
                                             "\\\"",
                                             "\\\\",
                                             "\\/",
                                             "\\b",
                                             "\\f",
                                             "\\n",
                                             "\\r\\t",
                                             "\\u0041",
                                             "\\u20ac",
                                             "\\uD83D\\uDE00",
                                             "\xC3\xA4",
                                             "\xF0\x9F\x98\x80",
                                             "/",
                                             "\x7F",
                                             "\\u0001"};
        std::string out = "\"";

        for (uint64_t n = rng_->below(5); n > 0; n--) {
            out += rng_->pick(pieces);
        }
        if (rng_->chance(1)) {
            static const char *const wrong[] = {"\\ud800", "\\x", "\n", "\xFF", "\\u12", "\\uDE00"};
            out += bad(rng_->pick(wrong));
        }
        return out + "\"";
    }

    std::string base64()
    {
        static const char *const forms[] = {"\"\"",     "\"AA==\"",    "\"AA\"",
                                            "\"AAE=\"", "\"AAEC\"",    "\"+/+/\"",
                                            "\"-_-_\"", "\"aGVsbG8\"", "\"aGVsbG8=\""};
        if (rng_->chance(2)) {
            static const char *const wrong[] = {"\"A\"", "\"A===\"", "\"A!AA\"", "\"AA= =\""};
            return bad(rng_->pick(wrong));
        }
        return rng_->pick(forms);
    }
};

} // namespace

std::string hostile_json(const Descriptor *d, Random *rng, bool *ret_legal)
{
    JsonWriter writer(rng);
    std::string out = writer.message(d, 0);

    *ret_legal = writer.legal();
    return out;
}

} // namespace differential
