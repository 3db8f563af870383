/*
 * Messages that libprotobuf fills at random go through generated tables and back, and must mean the
 * same to libprotobuf.
 *
 *   roundtrip SET.pb TABLES.so ROUNDS [SEED]
 */
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include "../differential/fill.h"
#include "../differential/random.h"
#include "tables.h"

using differential::Random;
using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::DynamicMessageFactory;
using google::protobuf::FileDescriptorSet;
using google::protobuf::Message;

namespace
{

enum { BUDGET = 60 };

bool load(const char *path, DescriptorPool *pool)
{
    std::ifstream in(path, std::ios::binary);
    FileDescriptorSet set;

    if (!set.ParseFromIstream(&in)) {
        return false;
    }
    for (const auto &file : set.file()) {
        if (pool->BuildFile(file) == nullptr) {
            return false;
        }
    }
    return true;
}

/* The same bytes for the same meaning. */
std::string canonical(const Message &m)
{
    std::string out;
    {
        google::protobuf::io::StringOutputStream stream(&out);
        google::protobuf::io::CodedOutputStream coded(&stream);

        coded.SetSerializationDeterministic(true);
        m.SerializePartialToCodedStream(&coded);
    }
    return out;
}

/* libprotobuf's dynamic messages cannot take weak fields. */
bool is_weak(const Descriptor *d)
{
    for (int i = 0; i < d->field_count(); i++) {
        if (d->field(i)->options().weak()) {
            return true;
        }
    }
    return false;
}

/* One random message of the i-th type. False: it came back as something else. */
bool survives(struct tables *t, size_t i, const Message &prototype, Random *rng, bool *ret_tried)
{
    std::unique_ptr<Message> sent(prototype.New());
    std::unique_ptr<Message> before(prototype.New());
    std::unique_ptr<Message> after(prototype.New());
    const uint8_t *out = nullptr;
    size_t len = 0;
    const char *wrong;

    differential::fill(sent.get(), rng, BUDGET, false);
    std::string wire = sent->SerializePartialAsString();
    /* Not IsInitialized(), which does not look into the values of maps. */
    *ret_tried = before->ParseFromString(wire);
    if (!*ret_tried) {
        return true;
    }
    wrong = tables_rewrite(t, i, wire.data(), wire.size(), &out, &len);
    if (wrong != nullptr) {
        std::printf("%s: %s\n%s", tables_name(t, i), wrong, sent->DebugString().c_str());
        return false;
    }
    if (!after->ParseFromArray(out, static_cast<int>(len)) ||
        canonical(*before) != canonical(*after)) {
        std::printf("%s: came back as something else\nbefore:\n%safter:\n%s", tables_name(t, i),
                    before->DebugString().c_str(), after->DebugString().c_str());
        return false;
    }
    return true;
}

} // namespace

int main(int argc, char **argv)
{
    DescriptorPool pool;
    DynamicMessageFactory factory(&pool);
    struct tables *t;
    size_t messages = 0;
    size_t types = 0;
    size_t holders = 0;
    int wrong = 0;

    if (argc < 4 || !load(argv[1], &pool)) {
        std::printf("usage: roundtrip SET.pb TABLES.so ROUNDS [SEED]\n");
        return 2;
    }
    google::protobuf::SetLogHandler(nullptr); /* of messages that it does not take itself */
    t = tables_open(argv[2]);
    if (t == nullptr) {
        return 1;
    }
    for (size_t i = 0; i < tables_count(t); i++) {
        const Descriptor *d = pool.FindMessageTypeByName(tables_name(t, i));
        const uint64_t seed = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1;
        Random rng(seed * 1000003 + i);

        if (d == nullptr) { /* the holder of an extension is no message of the .proto */
            holders++;
            continue;
        }
        if (is_weak(d)) {
            continue;
        }
        types++;
        for (int round = 0; round < std::atoi(argv[3]); round++) {
            bool tried = false;

            if (!survives(t, i, *factory.GetPrototype(d), &rng, &tried)) {
                wrong++;
                break;
            }
            messages += tried ? 1 : 0;
        }
    }
    tables_close(t);
    std::printf("%zu messages of %zu types, %zu extensions: %d types wrong\n", messages, types,
                holders, wrong);
    return wrong == 0 && messages > 0 ? 0 : 1;
}
