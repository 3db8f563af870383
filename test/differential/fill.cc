#include "fill.h"

#include <cmath>
#include <google/protobuf/descriptor.h>
#include <limits>
#include <string>
#include <vector>

namespace differential
{

using namespace google::protobuf;

namespace
{

constexpr int kDepth = 6;

int64_t small_or_edge(Random *rng)
{
    static const int64_t edges[] = {0,
                                    1,
                                    -1,
                                    127,
                                    128,
                                    16383,
                                    16384,
                                    2097151,
                                    2097152,
                                    INT32_MAX,
                                    INT32_MIN,
                                    INT64_C(2147483648),
                                    INT64_C(4294967295),
                                    INT64_C(4294967296),
                                    INT64_C(9007199254740991),
                                    INT64_C(9007199254740993),
                                    INT64_MAX,
                                    INT64_MIN};
    return rng->chance(70) ? rng->pick(edges) : static_cast<int64_t>(rng->next() >> rng->below(64));
}

template <typename T> T some_float(Random *rng)
{
    using limits = std::numeric_limits<T>;
    static const T edges[] = {T(0),
                              -T(0),
                              T(1),
                              -T(1),
                              T(0.1),
                              T(1) / T(3),
                              limits::max(),
                              limits::lowest(),
                              limits::min(),
                              limits::denorm_min(),
                              limits::epsilon(),
                              limits::infinity(),
                              -limits::infinity(),
                              limits::quiet_NaN(),
                              T(1e21),
                              T(1e20),
                              T(123456789),
                              T(1e-7),
                              T(5e-324),
                              T(16777216)};
    if (rng->chance(60)) {
        return rng->pick(edges);
    }
    if (rng->chance(50)) {
        return static_cast<T>(static_cast<double>(small_or_edge(rng)) / 64);
    }
    T out;
    uint64_t bits = rng->next();
    static_assert(sizeof(out) <= sizeof(bits), "floats fit");
    memcpy(&out, &bits, sizeof(out));
    return std::isnan(out) ? T(2.5) : out; /* other NaNs: C++ itself does not keep their bits */
}

std::string some_bytes(Random *rng)
{
    std::string out = some_text(rng);

    for (char &c : out) {
        if (rng->chance(20)) {
            c = static_cast<char>(rng->next());
        }
    }
    return out;
}

class Filler
{
  public:
    Filler(Random *rng, int budget, bool valid) : rng_(rng), budget_(budget), valid_(valid)
    {
    }

    void fill(Message *m, int depth)
    {
        const Descriptor *d = m->GetDescriptor();

        if (d->file()->package() == "google.protobuf" && fill_known(m, depth)) {
            return;
        }
        for (int i = 0; i < d->field_count(); i++) {
            maybe_field(m, d->field(i), depth);
        }
        std::vector<const FieldDescriptor *> extensions;
        d->file()->pool()->FindAllExtensions(d, &extensions);
        for (const FieldDescriptor *f : extensions) {
            maybe_field(m, f, depth);
        }
    }

  private:
    Random *rng_;
    int budget_;
    bool valid_;

    void maybe_field(Message *m, const FieldDescriptor *f, int depth)
    {
        bool is_message = f->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;

        if (f->is_required()) {
            if (rng_->chance(99) || valid_) {
                set(m, f, depth);
            }
            return;
        }
        if (budget_ <= 0 || (is_message && depth >= kDepth) || rng_->chance(40)) {
            return;
        }
        if (!f->is_repeated()) {
            set(m, f, depth);
            return;
        }
        static const int counts[] = {1, 1, 2, 2, 3, 3, 5, 9};
        int count = rng_->pick(counts);

        if (!is_message && rng_->chance(3)) {
            count = static_cast<int>(rng_->between(10, 300));
        }
        for (int i = 0; i < count && (budget_ > 0 || i == 0); i++) {
            if (f->is_map()) {
                add_entry(m, f, depth);
            } else {
                add(m, f, depth);
            }
        }
    }

    /* Keys of maps are unique in memory: an entry with a key that is there already is dropped. */
    void add_entry(Message *m, const FieldDescriptor *f, int depth)
    {
        const Reflection *r = m->GetReflection();
        Message *entry = r->AddMessage(m, f);
        const Descriptor *d = entry->GetDescriptor();

        budget_--;
        set(entry, d->field(0), depth);
        if (valid_ || rng_->chance(90)) {
            set(entry, d->field(1), depth + 1);
        }
        std::string key = key_text(*entry);
        int last = r->FieldSize(*m, f) - 1;
        for (int i = 0; i < last; i++) {
            if (key_text(r->GetRepeatedMessage(*m, f, i)) == key) {
                r->RemoveLast(m, f);
                return;
            }
        }
    }

    static std::string key_text(const Message &entry)
    {
        const Reflection *r = entry.GetReflection();
        const FieldDescriptor *f = entry.GetDescriptor()->field(0);

        switch (f->cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING: return r->GetString(entry, f);
        case FieldDescriptor::CPPTYPE_BOOL: return r->GetBool(entry, f) ? "t" : "f";
        case FieldDescriptor::CPPTYPE_INT32: return std::to_string(r->GetInt32(entry, f));
        case FieldDescriptor::CPPTYPE_INT64: return std::to_string(r->GetInt64(entry, f));
        case FieldDescriptor::CPPTYPE_UINT32: return std::to_string(r->GetUInt32(entry, f));
        default: return std::to_string(r->GetUInt64(entry, f));
        }
    }

    int some_enum(const FieldDescriptor *f)
    {
        const EnumDescriptor *e = f->enum_type();

        if (e->file()->syntax() == FileDescriptor::SYNTAX_PROTO3 && rng_->chance(20) &&
            e->full_name() != "google.protobuf.NullValue") {
            return static_cast<int>(some_integer(rng_));
        }
        return e->value(static_cast<int>(rng_->below(e->value_count())))->number();
    }

    void set(Message *m, const FieldDescriptor *f, int depth)
    {
        const Reflection *r = m->GetReflection();

        budget_--;
        switch (f->cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
            r->SetInt32(m, f, static_cast<int32_t>(some_integer(rng_)));
            break;
        case FieldDescriptor::CPPTYPE_INT64: r->SetInt64(m, f, some_integer(rng_)); break;
        case FieldDescriptor::CPPTYPE_UINT32:
            r->SetUInt32(m, f, static_cast<uint32_t>(some_integer(rng_)));
            break;
        case FieldDescriptor::CPPTYPE_UINT64:
            r->SetUInt64(m, f, static_cast<uint64_t>(some_integer(rng_)));
            break;
        case FieldDescriptor::CPPTYPE_DOUBLE: r->SetDouble(m, f, some_float<double>(rng_)); break;
        case FieldDescriptor::CPPTYPE_FLOAT: r->SetFloat(m, f, some_float<float>(rng_)); break;
        case FieldDescriptor::CPPTYPE_BOOL: r->SetBool(m, f, rng_->chance(50)); break;
        case FieldDescriptor::CPPTYPE_ENUM: r->SetEnumValue(m, f, some_enum(f)); break;
        case FieldDescriptor::CPPTYPE_STRING:
            r->SetString(m, f, holds_any_bytes(f) ? some_bytes(rng_) : some_text(rng_));
            break;
        case FieldDescriptor::CPPTYPE_MESSAGE: fill(r->MutableMessage(m, f), depth + 1); break;
        }
    }

    /* A string of proto2 may, and rarely does. */
    bool holds_any_bytes(const FieldDescriptor *f)
    {
        return f->type() == FieldDescriptor::TYPE_BYTES ||
               (f->file()->syntax() == FileDescriptor::SYNTAX_PROTO2 && rng_->chance(1));
    }

    void add(Message *m, const FieldDescriptor *f, int depth)
    {
        const Reflection *r = m->GetReflection();

        budget_--;
        switch (f->cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
            r->AddInt32(m, f, static_cast<int32_t>(some_integer(rng_)));
            break;
        case FieldDescriptor::CPPTYPE_INT64: r->AddInt64(m, f, some_integer(rng_)); break;
        case FieldDescriptor::CPPTYPE_UINT32:
            r->AddUInt32(m, f, static_cast<uint32_t>(some_integer(rng_)));
            break;
        case FieldDescriptor::CPPTYPE_UINT64:
            r->AddUInt64(m, f, static_cast<uint64_t>(some_integer(rng_)));
            break;
        case FieldDescriptor::CPPTYPE_DOUBLE: r->AddDouble(m, f, some_float<double>(rng_)); break;
        case FieldDescriptor::CPPTYPE_FLOAT: r->AddFloat(m, f, some_float<float>(rng_)); break;
        case FieldDescriptor::CPPTYPE_BOOL: r->AddBool(m, f, rng_->chance(50)); break;
        case FieldDescriptor::CPPTYPE_ENUM: r->AddEnumValue(m, f, some_enum(f)); break;
        case FieldDescriptor::CPPTYPE_STRING:
            r->AddString(m, f, holds_any_bytes(f) ? some_bytes(rng_) : some_text(rng_));
            break;
        case FieldDescriptor::CPPTYPE_MESSAGE: fill(r->AddMessage(m, f), depth + 1); break;
        }
    }

    /* True: done. False: a type without rules of its own (the wrappers). */
    bool fill_known(Message *m, int depth)
    {
        const Descriptor *d = m->GetDescriptor();
        const std::string &name = d->name();

        if (name == "Timestamp" || name == "Duration") {
            fill_time(m, name == "Duration");
        } else if (name == "Any") {
            fill_any(m, depth);
        } else if (name == "Value") {
            fill_value(m, depth);
        } else if (name == "FieldMask") {
            static const char *const paths[] = {"a", "foo_bar", "foo_bar.baz_qux", "x.y.z"};

            for (int i = static_cast<int>(rng_->below(4)); i > 0; i--) {
                m->GetReflection()->AddString(m, d->field(0), rng_->pick(paths));
            }
        } else {
            return false;
        }
        return true;
    }

    void fill_time(Message *m, bool duration)
    {
        static const int64_t times[] = {-62135596800, 253402300799, 0,          -1, 1,
                                        951782400,    1700000000,   -1000000000};
        static const int64_t spans[] = {-315576000000, 315576000000, 0, 0, -1, 1, 3600, 86400000};
        static const int32_t nanos[] = {0, 0, 1, 999999999, 500000000, 10000000, 123456000, 100};
        int64_t s = duration ? rng_->pick(spans) : rng_->pick(times);
        int32_t n = rng_->pick(nanos);

        if (!valid_ && rng_->chance(10)) {
            s = some_integer(rng_);
            n = static_cast<int32_t>(some_integer(rng_));
        } else if (duration && (s < 0 || (s == 0 && rng_->chance(50)))) {
            n = -n;
        }
        if (duration && (s == spans[0] || s == spans[1])) {
            n = 0;
        }
        m->GetReflection()->SetInt64(m, m->GetDescriptor()->field(0), s);
        m->GetReflection()->SetInt32(m, m->GetDescriptor()->field(1), n);
    }

    /* Holds another well-known type, which every pool of this test has. */
    void fill_any(Message *m, int depth)
    {
        static const char *const names[] = {"Duration", "Timestamp", "Int64Value",
                                            "Struct",   "Value",     "StringValue",
                                            "Empty",    "FieldMask", "Any"};
        const Descriptor *d = m->GetDescriptor();
        const Reflection *r = m->GetReflection();

        if (rng_->chance(20) || depth >= kDepth) {
            return;
        }
        std::string name = std::string("google.protobuf.") + rng_->pick(names);
        const Descriptor *inner = d->file()->pool()->FindMessageTypeByName(name);
        const Message *prototype = r->GetMessageFactory()->GetPrototype(inner);
        std::unique_ptr<Message> held(prototype->New());
        fill(held.get(), depth + 1);
        r->SetString(m, d->field(0), "type.googleapis.com/" + name);
        r->SetString(m, d->field(1), held->SerializePartialAsString());
    }

    void fill_value(Message *m, int depth)
    {
        const Descriptor *d = m->GetDescriptor();
        const Reflection *r = m->GetReflection();
        int kind = static_cast<int>(rng_->below(depth < kDepth ? 6 : 4));

        budget_--;
        switch (kind) {
        case 0: r->SetEnumValue(m, d->field(0), 0); break;
        case 1: {
            double number = some_float<double>(rng_);

            r->SetDouble(m, d->field(1), valid_ && !std::isfinite(number) ? 0.5 : number);
            break;
        }
        case 2: r->SetString(m, d->field(2), some_text(rng_)); break;
        case 3: r->SetBool(m, d->field(3), rng_->chance(50)); break;
        default: fill(r->MutableMessage(m, d->field(kind)), depth + 1); break;
        }
    }
};

} // namespace

int64_t some_integer(Random *rng)
{
    return rng->chance(30) ? rng->between(0, 20) : small_or_edge(rng);
}

std::string some_text(Random *rng)
{
    static const char *const pieces[] = {"a",
                                         "hello",
                                         " ",
                                         "\"",
                                         "\\",
                                         "/",
                                         "\n",
                                         "\t",
                                         "\x01",
                                         "\x7F",
                                         "<&>",
                                         "\xC3\xA4",
                                         "\xE2\x82\xAC",
                                         "\xE2\x80\xA8",
                                         "\xEF\xBF\xBF",
                                         "\xF0\x9F\x98\x80",
                                         "\xF4\x8F\xBF\xBF",
                                         "\xED\x9F\xBF",
                                         "\xEE\x80\x80",
                                         "0123456789"};
    std::string out;

    if (rng->chance(15)) {
        return out;
    }
    if (rng->chance(3)) {
        out.assign(rng->below(400), 'x');
    }
    for (uint64_t i = rng->below(6); i > 0; i--) {
        out += rng->pick(pieces);
    }
    if (rng->chance(5)) {
        out += '\0';
    }
    return out;
}

void fill(Message *message, Random *rng, int budget, bool valid)
{
    Filler(rng, budget, valid).fill(message, 0);
}

} // namespace differential
