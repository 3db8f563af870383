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

            legal_ = legal_ && (can(f, depth) || !f->is_required());
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

    bool can(const FieldDescriptor *f, int depth) const
    {
        return f->type() != FieldDescriptor::TYPE_GROUP &&
               (f->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || depth < kDepth);
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
        /* null for a list of google.protobuf.Value: one null to C++, no list to us, an error to Go. */
        bool of_values = f->is_repeated() && f->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                         f->message_type()->full_name() == "google.protobuf.Value";

        if (rng_->chance(4) && !f->is_required() && !of_values) {
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
            if (rng_->chance(1)) { /* a key that is there already */
                out += "," + bad(k.c_str()) + ":" + single(v, depth);
            }
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
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return f->message_type()->file()->package() == "google.protobuf"
                       ? known(f->message_type(), depth + 1)
                       : message(f->message_type(), depth + 1);
        case FieldDescriptor::CPPTYPE_BOOL: return rng_->chance(50) ? "true" : "false";
        case FieldDescriptor::CPPTYPE_ENUM: return enumeration(f);
        case FieldDescriptor::CPPTYPE_STRING:
            return f->type() == FieldDescriptor::TYPE_BYTES ? base64() : text();
        case FieldDescriptor::CPPTYPE_DOUBLE:
        case FieldDescriptor::CPPTYPE_FLOAT: return floating(f);
        default: return integer(f);
        }
    }

    template <size_t N, size_t M>
    std::string of_those(const char *const (&good)[N], const char *const (&wrong)[M])
    {
        return rng_->chance(5) ? bad(rng_->pick(wrong)) : rng_->pick(good);
    }

    /* The forms of the well-known types. */
    std::string known(const Descriptor *d, int depth)
    {
        static const char *const times[] = {
            "\"1970-01-01T00:00:00Z\"",           "\"0001-01-01T00:00:00Z\"",
            "\"9999-12-31T23:59:59.999999999Z\"", "\"2020-02-29T12:00:00.5Z\"",
            "\"2000-01-01T00:00:00+01:00\"",      "\"1969-12-31T23:59:59.9-23:59\"",
            "\"1972-06-30T23:59:59.123456Z\""};
        static const char *const no_times[] = {"\"2021-02-29T00:00:00Z\"",
                                               "\"2020-13-01T00:00:00Z\"",
                                               "\"10000-01-01T00:00:00Z\"",
                                               "\"0000-12-31T23:59:59Z\"",
                                               "\"2020-01-01\"",
                                               "\"2020-01-01T00:00:00\"",
                                               "\"2020-01-01T24:00:00Z\"",
                                               "\"2020-01-01T00:00:61Z\"",
                                               "\"\"",
                                               "12",
                                               "\"2020-1-01T00:00:00Z\"",
                                               "\"2020-01-01T00:00:00.Z\""};
        static const char *const spans[] = {"\"0s\"",
                                            "\"1s\"",
                                            "\"-1.5s\"",
                                            "\"0.1s\"",
                                            "\"1.000000001s\"",
                                            "\"315576000000s\"",
                                            "\"-315576000000s\"",
                                            "\"-0.000000001s\""};
        static const char *const no_spans[] = {
            "\"1\"",   "\"s\"",     "\"315576000001s\"", "1",
            "\"\"",    "\"1e3s\"",  "\"1.0000000001s\"", "\"--1s\"",
            "\" 1s\"", "\"1.5.5s\""};
        static const char *const masks[] = {"\"\"", "\"a\"", "\"fooBar\"", "\"a,bC.dE,f\""};
        static const char *const no_masks[] = {"\"foo_bar\"", "1", "{}", "[\"a\"]"};
        static const char *const anys[] = {
            "{}", "{\"@type\":\"type.googleapis.com/google.protobuf.Duration\",\"value\":\"1s\"}",
            "{\"value\":{\"a\":[1]},\"@type\":\"type.googleapis.com/google.protobuf.Struct\"}",
            "{\"@type\":\"type.googleapis.com/google.protobuf.Empty\"}",
            "{\"@type\":\"type.googleapis.com/google.protobuf.Int64Value\",\"value\":\"7\"}"};
        static const char *const no_anys[] = {
            "{\"@type\":\"type.googleapis.com/no.Such\",\"value\":{}}",
            "[]",
            "{\"value\":1}",
            "{\"@type\":\"\"}",
            "{\"@type\":7}",
            "{\"@type\":\"type.googleapis.com/google.protobuf.Duration\",\"value\":1}"};
        const std::string &name = d->name();

        if (name == "Timestamp") {
            return of_those(times, no_times);
        }
        if (name == "Duration") {
            return of_those(spans, no_spans);
        }
        if (name == "FieldMask") {
            return of_those(masks, no_masks);
        }
        if (name == "Any") {
            return of_those(anys, no_anys);
        }
        if (name == "Empty") {
            return "{}";
        }
        if (name == "Struct" || name == "ListValue" || name == "Value") {
            return loose(name, depth);
        }
        return single(d->field(0), depth); /* a wrapper */
    }

    /* Struct, ListValue and Value: JSON as it comes. */
    std::string loose(const std::string &name, int depth)
    {
        static const char *const plain[] = {"null", "true", "false", "0",           "1.5", "-2e-3",
                                            "1e37", "\"\"", "\"a\"", "\"\\u20ac\"", "[]",  "{}"};
        uint64_t kind = name == "Struct" ? 0 : name == "ListValue" ? 1 : rng_->below(6);

        if (kind > 1 || depth > kDepth + 3) {
            return kind == 0 ? "{}" : kind == 1 ? "[]" : rng_->pick(plain);
        }
        std::string out = kind == 0 ? "{" : "[";
        uint64_t n = rng_->below(4);
        for (uint64_t i = 0; i < n; i++) {
            out += i == 0 ? "" : ",";
            out += kind == 0 ? "\"k" + std::to_string(i) + some_plain() + "\":" : "";
            out += loose("Value", depth + 1);
        }
        return out + (kind == 0 ? "}" : "]");
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
