/*
 * A schema is one or two files of our own making behind the well-known ones. Types are named
 * first, then filled, so that fields may refer to any of them, also to themselves.
 *
 * Not made on purpose: an enum of one syntax in a message of the other. C++ calls an enum closed
 * by the file of the field that uses it, the specification by the file that declares the enum.
 * Nor a map of a closed enum: an entry with a number that the enum does not have moves whole to the
 * unknown fields, with us as in generated C++, but not in the dynamic messages used here.
 */
#include "schema.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/type_resolver_util.h>
#include <google/protobuf/wrappers.pb.h>
#include <set>

namespace differential
{

using namespace google::protobuf;
using Field = FieldDescriptorProto;

namespace
{

struct MessageType {
    std::string name;       /* with a leading dot */
    DescriptorProto *proto; /* nullptr: in another file */
    bool proto2;
    bool extendable;
};

struct EnumType {
    std::string name;
    bool proto2;
    bool has_zero_first;
    std::string some_value;
};

constexpr int kMaxNumber = 536870911;
constexpr int kExtensionsFrom = 5000;
constexpr int kExtensionsTo = 5200; /* behind the last */

class Builder
{
  public:
    Builder(uint64_t seed, FileDescriptorSet *set) : rng_(seed), set_(set)
    {
    }
    void build()
    {
        import_known();
        int files = rng_.chance(30) ? 2 : 1;

        for (int i = 0; i < files; i++) {
            add_file(i);
        }
    }
    /* Full names without a dot in front. */
    const std::vector<std::string> &roots() const
    {
        return roots_;
    }

  private:
    Random rng_;
    FileDescriptorSet *set_;
    FileDescriptorProto *file_ = nullptr;
    bool proto2_ = false;
    int serial_ = 0;
    std::vector<MessageType> messages_;
    std::vector<EnumType> enums_;
    std::vector<std::string> known_;
    std::vector<std::string> roots_;

    void import_known()
    {
        const Descriptor *const known[] = {
            Any::descriptor(),       Duration::descriptor(), Empty::descriptor(),
            FieldMask::descriptor(), Struct::descriptor(),   Timestamp::descriptor(),
            BoolValue::descriptor(),
        };
        for (const Descriptor *d : known) {
            d->file()->CopyTo(set_->add_file());
        }
        for (const char *name :
             {"Any", "Duration", "Empty", "FieldMask", "Struct", "Value", "ListValue", "Timestamp",
              "BoolValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value", "FloatValue",
              "DoubleValue", "StringValue", "BytesValue"}) {
            known_.push_back(std::string(".google.protobuf.") + name);
        }
    }

    std::string unique(const char *stem)
    {
        return stem + std::to_string(++serial_);
    }

    std::string field_name()
    {
        static const char *const forms[] = {
            "f%d",         "some_field_%d",
            "someField%d", "SHOUT_%d",
            "a_b_c_%d",    "trailing_%d_",
            "__two__%d",   "with9digit_%d",
            "Capital%d",   "a_very_long_name_for_a_field_that_goes_on_%d"};
        char out[80];

        std::snprintf(out, sizeof(out), rng_.pick(forms), ++serial_);
        return out;
    }

    void add_file(int index)
    {
        static const char *const packages[] = {"", "one", "deep.er.v1"};
        std::string package = rng_.pick(packages);

        file_ = set_->add_file();
        proto2_ = rng_.chance(50);
        file_->set_name("random" + std::to_string(index) + ".proto");
        file_->set_syntax(proto2_ ? "proto2" : "proto3");
        if (proto2_ && rng_.chance(50)) {
            file_->clear_syntax(); /* absent means proto2 */
        }
        if (!package.empty()) {
            file_->set_package(package);
        }
        for (int i = 0; i < set_->file_size() - 1; i++) {
            file_->add_dependency(set_->file(i).name());
        }
        std::string scope = package.empty() ? "" : "." + package;
        for (MessageType &m : messages_) {
            m.proto = nullptr;
        }
        size_t first = messages_.size();
        declare(scope, static_cast<int>(rng_.between(1, 4)), nullptr, 0);
        for (size_t i = first; i < messages_.size(); i++) {
            fill_message(i);
        }
        if (proto2_ && rng_.chance(70)) {
            add_extensions(scope);
        }
    }

    void declare(const std::string &scope, int count, DescriptorProto *outer, int depth)
    {
        for (int i = static_cast<int>(rng_.below(3)); i > 0; i--) {
            add_enum(scope, outer);
        }
        for (int i = 0; i < count; i++) {
            DescriptorProto *m =
                outer == nullptr ? file_->add_message_type() : outer->add_nested_type();

            m->set_name(unique("M"));
            std::string name = scope + "." + m->name();
            bool extendable = proto2_ && rng_.chance(40);
            if (extendable) {
                auto *range = m->add_extension_range();
                range->set_start(kExtensionsFrom);
                range->set_end(kExtensionsTo);
            }
            messages_.push_back({name, m, proto2_, extendable});
            roots_.push_back(name.substr(1));
            if (depth < 2 && rng_.chance(30)) {
                declare(name, static_cast<int>(rng_.between(1, 2)), m, depth + 1);
            }
        }
    }

    void add_enum(const std::string &scope, DescriptorProto *outer)
    {
        EnumDescriptorProto *e = outer == nullptr ? file_->add_enum_type() : outer->add_enum_type();
        static const int32_t odd[] = {INT32_MAX, INT32_MIN, -1, -2, 127, 128, 1 << 20};
        std::set<int32_t> used;

        e->set_name(unique("E"));
        int count = static_cast<int>(rng_.between(1, 7));
        for (int i = 0; i < count; i++) {
            bool zero = i == 0 && (!proto2_ || rng_.chance(60));
            int32_t n = zero              ? 0
                        : rng_.chance(30) ? rng_.pick(odd)
                                          : static_cast<int32_t>(rng_.between(1, 40));

            if (used.insert(n).second) {
                auto *v = e->add_value();
                v->set_name(unique(rng_.chance(50) ? "VALUE_" : "lower_"));
                v->set_number(n);
                if (rng_.chance(10)) {
                    auto *alias = e->add_value();
                    alias->set_name(unique("ALIAS_"));
                    alias->set_number(n);
                    e->mutable_options()->set_allow_alias(true);
                }
            }
        }
        const auto &some = e->value(static_cast<int>(rng_.below(e->value_size())));
        enums_.push_back(
            {scope + "." + e->name(), proto2_, e->value(0).number() == 0, some.name()});
    }

    /* Field numbers: dense, or sparse with the edges of tag sizes and of the legal range. */
    class Numbers
    {
      public:
        explicit Numbers(Random *rng) : rng_(rng), dense_(rng->chance(60))
        {
            for (int i = 1; i <= 40; i++) {
                next_.push_back(i);
            }
            if (rng->chance(50)) {
                for (size_t i = next_.size() - 1; i > 0; i--) {
                    std::swap(next_[i], next_[rng->below(std::min<size_t>(i + 1, 8))]);
                }
            }
        }
        int take()
        {
            static const int edges[] = {
                1,    15,    16,    31,     32,     63,       64,       2047,           2048,
                4999, 18999, 20000, 262143, 262144, 33554431, 33554432, kMaxNumber - 1, kMaxNumber};
            for (;;) {
                int n = dense_             ? next_[at_++ % next_.size()]
                        : rng_->chance(50) ? rng_->pick(edges)
                                           : static_cast<int>(rng_->between(1, 4999));
                if (dense_ && at_ > next_.size()) {
                    dense_ = false;
                }
                if (used_.insert(n).second) {
                    return n;
                }
            }
        }

      private:
        Random *rng_;
        bool dense_;
        std::vector<int> next_;
        size_t at_ = 0;
        std::set<int> used_;
    };

    void fill_message(size_t index)
    {
        DescriptorProto *m = messages_[index].proto;
        Numbers numbers(&rng_);
        int items = rng_.chance(10) ? static_cast<int>(rng_.between(0, 30))
                                    : static_cast<int>(rng_.between(1, 9));

        for (int i = 0; i < items; i++) {
            unsigned what = static_cast<unsigned>(rng_.below(100));

            if (what < 12) {
                add_oneof(index, &numbers);
            } else if (what < 26) {
                add_map(index, &numbers);
            } else if (what < 34 && proto2_) {
                add_group(index, &numbers, -1);
            } else {
                add_plain(index, &numbers);
            }
        }
        /* The oneofs that proto3's `optional` stands for come behind all others. */
        for (Field &f : *m->mutable_field()) {
            if (f.proto3_optional()) {
                f.set_oneof_index(m->oneof_decl_size());
                m->add_oneof_decl()->set_name("_" + f.name());
            }
        }
    }

    void add_plain(size_t index, Numbers *numbers)
    {
        Field *f = messages_[index].proto->add_field();

        name_field(f, numbers->take());
        unsigned label = static_cast<unsigned>(rng_.below(100));
        f->set_label(label < 35              ? Field::LABEL_REPEATED
                     : proto2_ && label > 94 ? Field::LABEL_REQUIRED
                                             : Field::LABEL_OPTIONAL);
        set_type(f, f->label() == Field::LABEL_REQUIRED ? index : messages_.size(), true);
        if (f->label() == Field::LABEL_REPEATED) {
            maybe_packed(f);
        } else if (proto2_) {
            maybe_default(f);
        } else if (rng_.chance(30)) {
            f->set_proto3_optional(true);
        }
    }

    void add_oneof(size_t index, Numbers *numbers)
    {
        DescriptorProto *m = messages_[index].proto;
        int which = m->oneof_decl_size();

        m->add_oneof_decl()->set_name(unique("choice_"));
        for (int i = static_cast<int>(rng_.between(1, 5)); i > 0; i--) {
            if (proto2_ && rng_.chance(10)) {
                add_group(index, numbers, which);
                continue;
            }
            Field *f = m->add_field();
            name_field(f, numbers->take());
            f->set_label(Field::LABEL_OPTIONAL);
            set_type(f, messages_.size(), true);
            f->set_oneof_index(which);
            if (proto2_) {
                maybe_default(f);
            }
        }
    }

    void add_group(size_t index, Numbers *numbers, int oneof)
    {
        DescriptorProto *m = messages_[index].proto;
        DescriptorProto *g = m->add_nested_type();
        Field *f = m->add_field();

        g->set_name(unique("Group"));
        f->set_name(lower(g->name()));
        f->set_number(numbers->take());
        f->set_type(Field::TYPE_GROUP);
        f->set_type_name(messages_[index].name + "." + g->name());
        f->set_label(oneof < 0 && rng_.chance(50) ? Field::LABEL_REPEATED : Field::LABEL_OPTIONAL);
        if (oneof >= 0) {
            f->set_oneof_index(oneof);
        }
        Numbers inner(&rng_);
        for (int i = static_cast<int>(rng_.below(4)); i > 0; i--) {
            Field *x = g->add_field();

            name_field(x, inner.take());
            x->set_label(rng_.chance(40) ? Field::LABEL_REPEATED : Field::LABEL_OPTIONAL);
            set_type(x, messages_.size(), true);
            if (x->label() == Field::LABEL_REPEATED) {
                maybe_packed(x);
            }
        }
    }

    void add_map(size_t index, Numbers *numbers)
    {
        static const Field::Type keys[] = {
            Field::TYPE_INT64,   Field::TYPE_UINT64,   Field::TYPE_INT32,    Field::TYPE_FIXED64,
            Field::TYPE_FIXED32, Field::TYPE_BOOL,     Field::TYPE_STRING,   Field::TYPE_UINT32,
            Field::TYPE_SINT32,  Field::TYPE_SFIXED32, Field::TYPE_SFIXED64, Field::TYPE_SINT64};
        DescriptorProto *m = messages_[index].proto;
        DescriptorProto *entry = m->add_nested_type();
        Field *f = m->add_field();
        Field *key = entry->add_field();
        Field *value = entry->add_field();

        name_field(f, numbers->take());
        entry->set_name(camel(f->name()) + "Entry");
        entry->mutable_options()->set_map_entry(true);
        f->set_label(Field::LABEL_REPEATED);
        f->set_type(Field::TYPE_MESSAGE);
        f->set_type_name(messages_[index].name + "." + entry->name());
        key->set_name("key");
        key->set_number(1);
        key->set_label(Field::LABEL_OPTIONAL);
        key->set_type(rng_.pick(keys));
        value->set_name("value");
        value->set_number(2);
        value->set_label(Field::LABEL_OPTIONAL);
        do {
            value->clear_type_name();
            set_type(value, messages_.size(), true);
        } while (value->type() == Field::TYPE_ENUM &&
                 (proto2_ || !enum_begins_with_zero(value->type_name())));
    }

    bool enum_begins_with_zero(const std::string &name) const
    {
        return std::any_of(enums_.begin(), enums_.end(),
                           [&](const EnumType &e) { return e.name == name && e.has_zero_first; });
    }

    /* `option extend`, at the top of the file or within a message. */
    void add_extensions(const std::string &scope)
    {
        std::vector<std::string> extendable;

        (void)scope;
        for (const MessageType &m : messages_) {
            if (m.extendable) {
                extendable.push_back(m.name);
            }
        }
        if (extendable.empty()) {
            return;
        }
        std::set<std::pair<std::string, int>> used;
        for (int i = static_cast<int>(rng_.between(1, 8)); i > 0; i--) {
            std::string extendee = rng_.pick_of(extendable);
            int number = next_extension_++;
            Field *f = rng_.chance(60) ? file_->add_extension()
                                       : file_
                                             ->mutable_message_type(static_cast<int>(
                                                 rng_.below(file_->message_type_size())))
                                             ->add_extension();

            f->set_name(field_name());
            f->set_number(number);
            f->set_extendee(extendee);
            f->set_label(rng_.chance(40) ? Field::LABEL_REPEATED : Field::LABEL_OPTIONAL);
            set_type(f, messages_.size(), true);
            if (f->label() == Field::LABEL_REPEATED) {
                maybe_packed(f);
            } else {
                maybe_default(f);
            }
        }
    }
    int next_extension_ = kExtensionsFrom;

    void name_field(Field *f, int number)
    {
        f->set_name(field_name());
        f->set_number(number);
        if (rng_.chance(10)) {
            static const char *const forms[] = {"json%d",       "json-%d", "with space %d",
                                                "\xC3\xBCml%d", "J.%d",    "$%d"};
            char out[40];

            std::snprintf(out, sizeof(out), rng_.pick(forms), serial_);
            f->set_json_name(out);
        }
        if (rng_.chance(3)) {
            f->mutable_options()->set_deprecated(true);
        }
    }

    /* Messages with an index below `before` only: a required message must not need itself. */
    void set_type(Field *f, size_t before, bool messages)
    {
        for (;;) {
            auto type = static_cast<Field::Type>(rng_.between(1, 18));

            if (rng_.chance(25)) {
                type = Field::TYPE_MESSAGE;
            }
            if (type == Field::TYPE_GROUP || (type == Field::TYPE_MESSAGE && !messages)) {
                continue;
            }
            if (type == Field::TYPE_MESSAGE) {
                bool known = rng_.chance(25);

                if (!known && before == 0) {
                    continue;
                }
                f->set_type_name(known ? rng_.pick_of(known_) : messages_[rng_.below(before)].name);
            }
            if (type == Field::TYPE_ENUM && (!pick_enum(f))) {
                continue;
            }
            f->set_type(type);
            return;
        }
    }

    bool pick_enum(Field *f)
    {
        std::vector<size_t> fit;

        for (size_t i = 0; i < enums_.size(); i++) {
            if (enums_[i].proto2 == proto2_) {
                fit.push_back(i);
            }
        }
        if (fit.empty()) {
            return false;
        }
        f->set_type_name(enums_[rng_.pick_of(fit)].name);
        return true;
    }

    void maybe_packed(Field *f)
    {
        bool packable = f->type() != Field::TYPE_STRING && f->type() != Field::TYPE_BYTES &&
                        f->type() != Field::TYPE_MESSAGE && f->type() != Field::TYPE_GROUP;

        if (packable && rng_.chance(50)) {
            f->mutable_options()->set_packed(rng_.chance(50));
        }
    }

    void maybe_default(Field *f)
    {
        static const char *const floats[] = {"1.5", "-0", "inf", "-inf", "nan", "1e30", "0"};
        static const char *const strings[] = {"hello", "", "\xC3\xA4", "a \"quoted\" one\n"};
        static const char *const blobs[] = {"\\000\\377", "plain", "\\\"\\n", ""};

        if (!rng_.chance(40)) {
            return;
        }
        switch (f->type()) {
        case Field::TYPE_DOUBLE:
        case Field::TYPE_FLOAT: f->set_default_value(rng_.pick(floats)); break;
        case Field::TYPE_BOOL: f->set_default_value(rng_.chance(70) ? "true" : "false"); break;
        case Field::TYPE_STRING: f->set_default_value(rng_.pick(strings)); break;
        case Field::TYPE_BYTES: f->set_default_value(rng_.pick(blobs)); break;
        case Field::TYPE_ENUM:
            for (const EnumType &e : enums_) {
                if (e.name == f->type_name()) {
                    f->set_default_value(e.some_value);
                }
            }
            break;
        case Field::TYPE_MESSAGE:
        case Field::TYPE_GROUP: break;
        case Field::TYPE_UINT32:
        case Field::TYPE_FIXED32: f->set_default_value("4294967295"); break;
        case Field::TYPE_UINT64:
        case Field::TYPE_FIXED64: f->set_default_value("18446744073709551615"); break;
        case Field::TYPE_INT64:
        case Field::TYPE_SINT64:
        case Field::TYPE_SFIXED64: f->set_default_value("-9223372036854775808"); break;
        default: f->set_default_value(rng_.chance(50) ? "-2147483648" : "42"); break;
        }
    }

    static std::string lower(std::string s)
    {
        for (char &c : s) {
            c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
        return s;
    }

    /* "some_field" gives "SomeField": what the entry type of a map must be called. */
    static std::string camel(const std::string &s)
    {
        std::string out;
        bool raise = true;

        for (char c : s) {
            if (c == '_') {
                raise = true;
            } else {
                out += static_cast<char>(raise ? std::toupper(static_cast<unsigned char>(c)) : c);
                raise = false;
            }
        }
        return out;
    }
};

class Complain : public DescriptorPool::ErrorCollector
{
  public:
    void AddError(const std::string &file, const std::string &element, const Message *,
                  ErrorLocation, const std::string &message) override
    {
        std::fprintf(stderr, "%s: %s: %s\n", file.c_str(), element.c_str(), message.c_str());
    }
};

} // namespace

Schema::Schema(uint64_t seed)
{
    Builder builder(seed, &set_);
    Complain complain;
    char why[1400] = "";

    builder.build();
    pool_ = std::make_unique<DescriptorPool>();
    for (const FileDescriptorProto &file : set_.file()) {
        if (pool_->BuildFileCollectingErrors(file, &complain) == nullptr) {
            std::fprintf(stderr, "C++ refuses a schema of this test's own making:\n%s",
                         file.DebugString().c_str());
            std::abort();
        }
    }
    factory_ = std::make_unique<DynamicMessageFactory>(pool_.get());
    resolver_.reset(util::NewTypeResolverForDescriptorPool("type.googleapis.com", pool_.get()));
    std::string bytes = set_.SerializeAsString();
    ours_ = ours_open(bytes.data(), bytes.size(), why, sizeof(why));
    if (ours_ == nullptr) {
        refusal_ = why;
        return;
    }
    for (const std::string &name : builder.roots()) {
        const Descriptor *d = pool_->FindMessageTypeByName(name);
        const struct ours_type *type = ours_find(ours_, name.c_str());

        if (type == nullptr) {
            refusal_ = "at_pool does not know " + name;
            return;
        }
        targets_.push_back({d, factory_->GetPrototype(d), type, "type.googleapis.com/" + name});
    }
}

Schema::~Schema()
{
    if (ours_ != nullptr) {
        ours_close(ours_);
    }
}

std::string Schema::text() const
{
    std::string out;

    for (const FileDescriptorProto &file : set_.file()) {
        if (file.name().compare(0, 6, "random") == 0) {
            out += "// " + file.name() + "\n" + pool_->FindFileByName(file.name())->DebugString();
        }
    }
    return out;
}

} // namespace differential
