// gRPC C++'s own messages of reflection: text to bytes (encode TYPE) and back (decode TYPE). The
// messages are those in libgrpc++_reflection; nothing of them comes from this project.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <grpcpp/ext/proto_server_reflection_plugin.h>

#include <iostream>
#include <iterator>
#include <memory>
#include <string>

int main(int argc, char **argv)
{
    namespace pb = google::protobuf;

    if (argc != 3) {
        return 2;
    }
    grpc::reflection::InitProtoReflectionServerBuilderPlugin(); // so that the library is linked
    const pb::Descriptor *type = pb::DescriptorPool::generated_pool()->FindMessageTypeByName(
        std::string("grpc.reflection.v1alpha.") + argv[2]);
    if (type == nullptr) {
        std::cerr << "no such message: " << argv[2] << "\n";
        return 1;
    }
    std::unique_ptr<pb::Message> message(
        pb::MessageFactory::generated_factory()->GetPrototype(type)->New());
    std::string in((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    std::string out;
    bool ok;

    if (std::string(argv[1]) == "encode") {
        ok = pb::TextFormat::ParseFromString(in, message.get()) && message->SerializeToString(&out);
    } else {
        ok = message->ParseFromString(in) && pb::TextFormat::PrintToString(*message, &out);
        // Fields that gRPC does not know would be printed by number.
        ok = ok && message->GetReflection()->GetUnknownFields(*message).empty();
    }
    std::cout << out;
    return ok ? 0 : 1;
}
