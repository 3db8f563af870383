/*
 * Random schemas: one descriptor set that both libraries load.
 */
#ifndef AT_DIFFERENTIAL_SCHEMA_H
#define AT_DIFFERENTIAL_SCHEMA_H

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/type_resolver.h>
#include <memory>
#include <string>
#include <vector>

#include "ours.h"
#include "random.h"

namespace differential
{

/* A message type in both libraries. */
struct Target {
    const google::protobuf::Descriptor *descriptor;
    const google::protobuf::Message *prototype;
    const struct ours_type *ours;
    std::string url; /* "type.googleapis.com/pkg.Name" */
};

class Schema
{
  public:
    /* The same seed makes the same schema. Aborts with a text when C++ refuses what we made. */
    explicit Schema(uint64_t seed);
    ~Schema();
    Schema(const Schema &) = delete;
    Schema &operator=(const Schema &) = delete;

    const std::vector<Target> &targets() const
    {
        return targets_;
    }
    struct ours *ours() const
    {
        return ours_;
    }
    google::protobuf::util::TypeResolver *resolver() const
    {
        return resolver_.get();
    }
    /* Why at_pool refused; empty: it did not. */
    const std::string &refusal() const
    {
        return refusal_;
    }
    /* As .proto text, for reports. */
    std::string text() const;

  private:
    google::protobuf::FileDescriptorSet set_;
    std::unique_ptr<google::protobuf::DescriptorPool> pool_;
    std::unique_ptr<google::protobuf::DynamicMessageFactory> factory_;
    std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
    struct ours *ours_ = nullptr;
    std::vector<Target> targets_;
    std::string refusal_;
};

} // namespace differential

#endif
