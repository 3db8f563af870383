#include "check.h"

#include <cmath>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/common.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/field_comparator.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <regex>
#include <set>
#include <vector>

#include "fill.h"
#include "hostile.h"
#include "walk.h"

namespace differential
{

using namespace google::protobuf;

namespace
{

std::string hex(const std::string &bytes)
{
    static const char digits[] = "0123456789abcdef";
    std::string out;

    for (unsigned char c : bytes) {
        out += digits[c >> 4];
        out += digits[c & 15];
    }
    return out;
}

std::string deterministic(const Message &m)
{
    std::string out;
    {
        io::StringOutputStream stream(&out);
        io::CodedOutputStream coded(&stream);

        coded.SetSerializationDeterministic(true);
        m.SerializePartialToCodedStream(&coded);
    }
    return out;
}

/* What keys of maps are told apart by. */
std::string key_of(const Message &entry)
{
    const FieldDescriptor *key = entry.GetDescriptor()->field(0);
    std::string text;

    TextFormat::PrintFieldValueToString(entry, key, -1, &text);
    return text;
}

/*
 * Reflection of C++ keeps a map that was parsed as a list of entries, with all that have one key.
 * Here only the last of them stays, and an entry without a value has an empty one, as in its
 * generated maps.
 */
void drop_old_entries(Message *m)
{
    const Reflection *r = m->GetReflection();
    std::vector<const FieldDescriptor *> fields;

    r->ListFields(*m, &fields);
    for (const FieldDescriptor *f : fields) {
        if (f->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
            continue;
        }
        if (!f->is_repeated()) {
            drop_old_entries(r->MutableMessage(m, f));
            continue;
        }
        int n = r->FieldSize(*m, f);
        if (f->is_map()) {
            std::set<std::string> seen;
            int kept = n;

            for (int i = n - 1; i >= 0; i--) {
                if (seen.insert(key_of(r->GetRepeatedMessage(*m, f, i))).second) {
                    r->SwapElements(m, f, i, --kept);
                }
            }
            for (int i = 0; kept + i < n; i++) { /* those that stay move to the front */
                r->SwapElements(m, f, i, kept + i);
            }
            for (; kept > 0; kept--) {
                r->RemoveLast(m, f);
            }
            n = r->FieldSize(*m, f);
        }
        for (int i = 0; i < n; i++) {
            Message *element = r->MutableRepeatedMessage(m, f, i);

            if (f->is_map() && f->message_type()->field(1)->message_type() != nullptr) {
                element->GetReflection()->MutableMessage(element, f->message_type()->field(1));
            }
            drop_old_entries(element);
        }
    }
}

bool parse(const std::string &wire, Message *m)
{
    if (!m->ParsePartialFromString(wire)) {
        return false;
    }
    drop_old_entries(m);
    return true;
}

/* Empty: they are equal. */
std::string difference(const Message &a, const Message &b)
{
    if (deterministic(a) == deterministic(b)) {
        return "";
    }
    util::MessageDifferencer differ;
    util::DefaultFieldComparator comparator;
    std::string out;

    comparator.set_treat_nan_as_equal(true);
    differ.set_field_comparator(&comparator);
    differ.ReportDifferencesToString(&out);
    if (differ.Compare(a, b)) {
        return "";
    }
    return out.empty() ? "(no text)" : out;
}

bool is_utf8(const std::string &s)
{
    for (size_t i = 0; i < s.size();) {
        auto c = static_cast<uint8_t>(s[i]);
        size_t more = c < 0x80                ? 0
                      : c >= 0xC2 && c < 0xE0 ? 1
                      : (c & 0xF0) == 0xE0    ? 2
                      : c >= 0xF0 && c < 0xF5 ? 3
                                              : 9;
        uint32_t v = c & (0x7F >> more);

        if (more == 9 || i + more >= s.size()) {
            return false;
        }
        for (size_t k = 1; k <= more; k++) {
            auto next = static_cast<uint8_t>(s[i + k]);

            if ((next & 0xC0) != 0x80) {
                return false;
            }
            v = v << 6 | (next & 0x3F);
        }
        if ((more == 2 && (v < 0x800 || (v >= 0xD800 && v < 0xE000))) ||
            (more == 3 && (v < 0x10000 || v > 0x10FFFF))) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

constexpr uint32_t kOneLine = 2; /* AT_PBTEXT_ONE_LINE */

bool says(const std::string &text, const char *part)
{
    return text.find(part) != std::string::npos;
}

struct Looks {
    bool groups = false; /* or extensions */
    bool unknown = false;
    bool no_value = false; /* a number that its closed enum does not have */
    bool minus_zero = false;
    bool bad_text = false; /* no UTF-8 */
};

void look(const Message &m, Looks *ret)
{
    const Reflection *r = m.GetReflection();
    std::vector<const FieldDescriptor *> fields;

    const UnknownFieldSet &unknown = r->GetUnknownFields(m);
    ret->unknown = ret->unknown || !unknown.empty();
    for (int i = 0; i < unknown.field_count(); i++) {
        const Descriptor *d = m.GetDescriptor();
        const FieldDescriptor *f = d->FindFieldByNumber(unknown.field(i).number());

        f = f != nullptr ? f : r->FindKnownExtensionByNumber(unknown.field(i).number());
        ret->no_value = ret->no_value || (f != nullptr && f->enum_type() != nullptr);
    }
    r->ListFields(m, &fields);
    for (const FieldDescriptor *f : fields) {
        ret->groups = ret->groups || f->is_extension() || f->type() == FieldDescriptor::TYPE_GROUP;
        int n = f->is_repeated() ? r->FieldSize(m, f) : 1;
        for (int i = 0; i < n; i++) {
            if (f->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
                look(f->is_repeated() ? r->GetRepeatedMessage(m, f, i) : r->GetMessage(m, f), ret);
            } else if (f->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
                double v = f->is_repeated() ? r->GetRepeatedDouble(m, f, i) : r->GetDouble(m, f);
                ret->minus_zero = ret->minus_zero || (v == 0 && std::signbit(v));
            } else if (f->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
                float v = f->is_repeated() ? r->GetRepeatedFloat(m, f, i) : r->GetFloat(m, f);
                ret->minus_zero = ret->minus_zero || (v == 0 && std::signbit(v));
            } else if (f->type() == FieldDescriptor::TYPE_STRING) {
                ret->bad_text =
                    ret->bad_text ||
                    !is_utf8(f->is_repeated() ? r->GetRepeatedString(m, f, i) : r->GetString(m, f));
            }
        }
    }
}

std::string text_of(const struct ours_bytes &b)
{
    return std::string(reinterpret_cast<const char *>(b.at), b.len);
}

} // namespace

std::unique_ptr<Message> Checker::fresh() const
{
    return std::unique_ptr<Message>(target_->prototype->New());
}

bool Checker::exclude(Exclusion which)
{
    tally_->excluded[which]++;
    return true;
}

bool Checker::fail(const char *promise, const std::string &input, const std::string &more)
{
    report_ = std::string("does not hold: ") + promise +
              "\nmessage: " + target_->descriptor->full_name() + "\ninput: " + input + "\n" + more +
              "\n";
    return false;
}

/* The two differ on whether to take these bytes: is that a difference we know? */
bool Checker::excused(const std::string &wire, bool we_accept)
{
    Oddities odd = oddities(target_->descriptor, wire);

    if (!we_accept && odd.big_tag) {
        return exclude(EX_BIG_TAG);
    }
    if (we_accept && odd.long_prefix) {
        return exclude(EX_LONG_PREFIX);
    }
    return false;
}

bool Checker::check_meaning(const std::string &wire, const Message &theirs, const std::string &ours)
{
    auto back = fresh();

    if (!parse(ours, back.get()) || !back->IsInitialized()) {
        return fail("C++ reads what we write", hex(wire), "ours: " + hex(ours));
    }
    std::string diff = difference(theirs, *back);
    Looks looks;
    look(theirs, &looks);
    if (!diff.empty() && looks.no_value && oddities(target_->descriptor, wire).wide) {
        return exclude(EX_WIDE_ENUM);
    }
    if (!diff.empty()) {
        return fail("what we write means what C++ read", hex(wire),
                    "ours: " + hex(ours) + "\ntheirs: " + hex(deterministic(theirs)) +
                        "\ndifference (C++ read the input as, our output as): " + diff);
    }
    return check_bytes(wire, theirs);
}

/* Deterministic encoding: equal messages give equal bytes, and nearly always those of C++. */
bool Checker::check_bytes(const std::string &wire, const Message &theirs)
{
    struct ours *o = schema_->ours();
    struct ours_bytes got;
    std::string bytes = deterministic(theirs);
    Looks looks;

    if (ours_sorted(o, target_->ours, wire.data(), wire.size(), &got) != OURS_OK) {
        return fail("what encodes encodes with its maps sorted", hex(wire), ours_why(o));
    }
    std::string ours = text_of(got);
    if (ours == bytes) {
        tally_->same_bytes++;
        return true;
    }
    look(theirs, &looks);
    Oddities odd = oddities(target_->descriptor, wire);
    if (looks.no_value && odd.wide) {
        return exclude(EX_WIDE_ENUM);
    }
    if (looks.unknown && odd.padded) {
        return exclude(EX_UNKNOWN_AS_SENT);
    }
    enum ours_result result = ours_sorted(o, target_->ours, bytes.data(), bytes.size(), &got);
    if (result == OURS_DEEP) {
        return exclude(EX_DEEP_ENTRY);
    }
    if (result != OURS_OK) {
        return fail("we read what C++ made of it", hex(wire), ours_why(o) + ("\n" + hex(bytes)));
    }
    if (text_of(got) != ours) {
        return fail("equal messages give equal bytes", hex(wire),
                    "ours: " + hex(ours) + "\nof what C++ made of it: " + hex(text_of(got)));
    }
    return fail("deterministic encoding gives the bytes of C++", hex(wire),
                "ours: " + hex(ours) + "\ntheirs: " + hex(bytes));
}

bool Checker::check_merge(const std::string &wire, const Message &theirs, Random *rng)
{
    std::vector<size_t> starts = field_starts(wire);

    if (starts.size() < 3) {
        return true;
    }
    size_t cut = starts[1 + rng->below(starts.size() - 2)];
    struct ours_bytes got;
    enum ours_result result =
        ours_merge(schema_->ours(), target_->ours, wire.data(), wire.size(), cut, &got);
    if (result == OURS_MISSING) {
        return true; /* what is required may stand in the second half */
    }
    if (result != OURS_OK) {
        return fail("what decodes in one piece decodes in two", hex(wire),
                    std::string(ours_why(schema_->ours())) + "\ncut at " + std::to_string(cut));
    }
    tally_->merged++;
    std::string ours = text_of(got);
    auto back = fresh();
    std::string diff = parse(ours, back.get()) ? difference(theirs, *back) : "no parse";
    Looks looks;
    look(theirs, &looks);
    if (!diff.empty() && looks.no_value && oddities(target_->descriptor, wire).wide) {
        return exclude(EX_WIDE_ENUM);
    }
    return diff.empty() ||
           fail("merging two pieces gives the whole", hex(wire),
                "cut at " + std::to_string(cut) + "\nours: " + hex(ours) + "\ndifference: " + diff);
}

bool Checker::check_wire(const std::string &wire, Random *rng)
{
    auto theirs = fresh();
    struct ours_bytes got;
    bool they = parse(wire, theirs.get()) && theirs->IsInitialized();
    enum ours_result result =
        ours_rewrite(schema_->ours(), target_->ours, wire.data(), wire.size(), &got);
    bool we = result == OURS_OK;

    if (result == OURS_BROKEN) {
        return fail("our own promises", hex(wire), ours_why(schema_->ours()));
    }
    if (they != we) {
        return excused(wire, we) ||
               fail(they ? "what C++ accepts we accept" : "what C++ refuses we refuse", hex(wire),
                    std::string("ours: ") + (we ? "accepted" : ours_why(schema_->ours())) +
                        (theirs->IsInitialized()
                             ? ""
                             : "\nC++ misses: " + theirs->InitializationErrorString()));
    }
    if (!we) {
        tally_->refused++;
        return true;
    }
    tally_->accepted++;
    return check_meaning(wire, *theirs, text_of(got)) && check_merge(wire, *theirs, rng);
}

bool Checker::check_json(const std::string &wire)
{
    auto theirs = fresh();
    auto back = fresh();
    struct ours_bytes got;
    std::string json;
    std::string bytes;
    std::string diff;
    Looks looks;

    if (!parse(wire, theirs.get()) || !theirs->IsInitialized()) {
        return fail("a message that C++ made parses", hex(wire), "");
    }
    theirs->DiscardUnknownFields();
    look(*theirs, &looks);
    struct ours *o = schema_->ours();
    auto flags = static_cast<uint32_t>(wire.size() % 8); /* defaults, original names, numbers */
    enum ours_result result = ours_to_json(o, target_->ours, wire.data(), wire.size(), flags, &got);
    if (looks.bad_text) {
        if (result != OURS_REFUSED || !says(ours_why(o), "not UTF-8")) {
            return fail("text that is no UTF-8 has no JSON form", hex(wire), ours_why(o));
        }
        if (looks.groups) { /* their printer takes a group for what it is not, some for ever */
            return exclude(EX_JSON_NO_GROUPS);
        }
        return !util::BinaryToJsonString(schema_->resolver(), target_->url,
                                         theirs->SerializeAsString(), &json)
                    .ok() ||
               exclude(EX_JSON_NO_UTF8);
    }
    if (result != OURS_OK) {
        return fail("a valid message has a JSON form", hex(wire), ours_why(o));
    }
    std::string ours = text_of(got);
    if (ours_from_json(o, target_->ours, ours.data(), ours.size(), &got) != OURS_OK) {
        return fail("we read the JSON that we write", ours, ours_why(o));
    }
    if (!parse(text_of(got), back.get()) || !(diff = difference(*theirs, *back)).empty()) {
        return fail("our JSON means to us what the message does", ours, diff + "\n" + hex(wire));
    }
    tally_->json++;
    if (looks.groups) {
        return exclude(EX_JSON_NO_GROUPS);
    }
    auto status = util::JsonToBinaryString(schema_->resolver(), target_->url, ours, &bytes);
    if (!status.ok()) {
        return fail("C++ reads our JSON", ours, status.ToString() + "\n" + hex(wire));
    }
    back = fresh();
    if (!parse(bytes, back.get())) {
        return fail("C++ reads what it made of our JSON", ours, "");
    }
    if (looks.minus_zero) {
        (void)exclude(EX_JSON_MINUS_ZERO);
    } else if (!(diff = difference(*theirs, *back)).empty()) {
        return fail("our JSON means to C++ what the message does", ours, diff + "\n" + hex(wire));
    }
    status = util::BinaryToJsonString(schema_->resolver(), target_->url,
                                      theirs->SerializeAsString(), &json);
    if (!status.ok()) {
        return fail("what has a JSON form for us has one for C++", ours, status.ToString());
    }
    if (ours_from_json(o, target_->ours, json.data(), json.size(), &got) != OURS_OK) {
        if (says(ours_why(o), "has no \"value\", which this type needs")) {
            return exclude(EX_JSON_ANY_EMPTY);
        }
        return fail("we read the JSON of C++", json, ours_why(o));
    }
    back = fresh();
    if (!parse(text_of(got), back.get()) || !(diff = difference(*theirs, *back)).empty()) {
        return fail("the JSON of C++ means to us what the message does", json,
                    diff + "\n" + hex(wire));
    }
    return true;
}

bool Checker::check_text(const std::string &wire)
{
    struct ours *o = schema_->ours();
    struct ours_bytes got;
    auto theirs = fresh();
    auto back = fresh();
    std::string diff;
    std::string text;
    bool one_line = wire.size() % 2 == 0;

    if (!parse(wire, theirs.get())) {
        return fail("a message that C++ made parses", hex(wire), "");
    }
    theirs->DiscardUnknownFields();
    if (ours_to_text(o, target_->ours, wire.data(), wire.size(), one_line ? kOneLine : 0, &got) !=
        OURS_OK) {
        return fail("a valid message has a text form", hex(wire), ours_why(o));
    }
    std::string ours = text_of(got);
    if (!TextFormat::ParseFromString(ours, back.get())) {
        return fail("C++ reads our text", ours, hex(wire));
    }
    if (!(diff = difference(*theirs, *back)).empty()) {
        return fail("our text means to C++ what the message does", ours, diff + "\n" + hex(wire));
    }
    TextFormat::Printer printer;
    printer.SetSingleLineMode(one_line);
    if (!printer.PrintToString(*theirs, &text)) {
        return fail("C++ writes text", hex(wire), "");
    }
    if (ours_from_text(o, target_->ours, text.data(), text.size(), &got) != OURS_OK) {
        return fail("we read the text of C++", text, ours_why(o));
    }
    back = fresh();
    if (!parse(text_of(got), back.get()) || !(diff = difference(*theirs, *back)).empty()) {
        return fail("the text of C++ means to us what the message does", text,
                    diff + "\n" + hex(wire));
    }
    tally_->text++;
    return true;
}

bool Checker::check_damaged_text(Random *rng)
{
    struct ours *o = schema_->ours();
    struct ours_bytes got;
    auto m = fresh();
    auto theirs = fresh();
    auto ours = fresh();
    std::string text;

    fill(m.get(), rng, static_cast<int>(rng->between(1, 15)), true);
    TextFormat::PrintToString(*m, &text);
    damage(&text, rng);
    bool they = TextFormat::ParseFromString(text, theirs.get());
    enum ours_result result = ours_from_text(o, target_->ours, text.data(), text.size(), &got);
    if (result == OURS_BROKEN) {
        return fail("our own promises", text, ours_why(o));
    }
    if (!they && result == OURS_OK && says(text, "group")) {
        return exclude(EX_TEXT_GROUP);
    }
    if (!they && result == OURS_OK && says(text, "\\X")) {
        return exclude(EX_TEXT_HEX);
    }
    if (they && result != OURS_OK && says(ours_why(o), "an octal escape is over")) {
        return exclude(EX_TEXT_OCTAL);
    }
    if (they && result != OURS_OK && says(ours_why(o), "is not well-formed UTF-8")) {
        return exclude(EX_TEXT_NO_UTF8);
    }
    if (they != (result == OURS_OK)) {
        return fail(they ? "text that C++ accepts we accept" : "text that C++ refuses we refuse",
                    text, result == OURS_OK ? "ours: accepted" : ours_why(o));
    }
    if (!they) {
        return true;
    }
    drop_old_entries(theirs.get());
    std::string diff = parse(text_of(got), ours.get()) ? difference(*theirs, *ours) : "no parse";
    tally_->text++;
    return diff.empty() || fail("damaged text means the same to both (C++, ours)", text, diff);
}

/* Is each difference a zero that only we took for negative? */
static bool only_minus_zeros(const std::string &diff)
{
    for (size_t begin = 0; begin < diff.size();) {
        size_t end = std::min(diff.find('\n', begin), diff.size());

        if (end > begin && !says(diff.substr(std::max(end, begin + 2) - 2, 2), "-0")) {
            return false;
        }
        begin = end + 1;
    }
    return !diff.empty();
}

bool Checker::check_json_text(const std::string &json, bool legal)
{
    struct ours *o = schema_->ours();
    struct ours_bytes got;
    std::string bytes;
    auto ours = fresh();
    auto theirs = fresh();
    enum ours_result result = ours_from_json(o, target_->ours, json.data(), json.size(), &got);
    util::Status status;
    try {
        status = util::JsonToBinaryString(schema_->resolver(), target_->url, json, &bytes);
    } catch (const FatalException &) {
        return legal ? fail("C++ reads what the JSON mapping allows", json, "its own check failed")
                     : exclude(EX_JSON_CHECK);
    }
    bool they = status.ok() && parse(bytes, theirs.get()) && theirs->IsInitialized();

    if (result == OURS_BROKEN) {
        return fail("our own promises", json, ours_why(o));
    }
    if (result != OURS_OK) {
        if (legal) {
            return fail("we accept what the JSON mapping allows", json, ours_why(o));
        }
        return !they || exclude(EX_JSON_LAX);
    }
    if (!they && says(status.ToString(), "for type TYPE_BYTES")) {
        return exclude(EX_JSON_BASE64);
    }
    static const std::regex whole("invalid value \"-?[0-9]+[.eE][0-9.eE+-]*\" for type "
                                  "TYPE_(U?INT|SINT|S?FIXED)(32|64)");
    if (!they && std::regex_search(status.ToString(), whole)) {
        return exclude(EX_JSON_QUOTED);
    }
    if (!they && says(status.ToString(), "for type type.googleapis.com/")) {
        return exclude(EX_JSON_ENUM_CASE);
    }
    if (!they && says(status.ToString(), "Invalid type URL")) {
        return exclude(EX_JSON_ANY_URL);
    }
    if (!they) {
        return fail("JSON that we accept C++ accepts", json, status.ToString());
    }
    tally_->json++;
    tally_->legal_json += legal;
    std::string diff = parse(text_of(got), ours.get()) ? difference(*theirs, *ours) : "no parse";
    if (!legal && says(diff, ".paths[") && says(diff, "-> \"_")) {
        return exclude(EX_JSON_MASK);
    }
    if (only_minus_zeros(diff)) {
        return exclude(EX_JSON_MINUS_ZERO);
    }
    return diff.empty() || fail("JSON means the same to both (C++, ours)", json, diff);
}

/*
 * A failed check within libprotobuf throws, as Debian builds it: that is its failure, and is counted
 * when it comes from reading JSON.
 */
bool Checker::run(Random *rng)
{
    try {
        return run_one(rng);
    } catch (const FatalException &e) {
        return fail("libprotobuf goes on", "(see --schema and --message)", e.what());
    }
}

bool Checker::run_one(Random *rng)
{
    unsigned kind = static_cast<unsigned>(rng->below(100));
    bool legal;

    tally_->messages++;
    if (kind < 35) {
        bool valid = kind < 15;
        auto m = fresh();

        fill(m.get(), rng, static_cast<int>(rng->between(1, 40)), valid);
        std::string wire = m->SerializePartialAsString();
        return check_wire(wire, rng) && (!valid || (check_json(wire) && check_text(wire)));
    }
    if (kind == 35 || kind == 36) {
        return check_damaged_text(rng);
    }
    if (kind < 90) {
        std::string wire;

        if (kind < 50) {
            auto m = fresh();

            fill(m.get(), rng, static_cast<int>(rng->between(1, 40)), false);
            wire = m->SerializePartialAsString();
            damage(&wire, rng);
        } else {
            wire = kind == 60 ? deep_wire(target_->descriptor, rng)
                              : hostile_wire(target_->descriptor, rng);
            if (kind < 60) {
                damage(&wire, rng);
            }
        }
        return check_wire(wire, rng);
    }
    std::string json = hostile_json(target_->descriptor, rng, &legal);
    if (kind < 94) {
        damage(&json, rng);
        legal = false;
    }
    return check_json_text(json, legal);
}

} // namespace differential
