/*
 * The properties: both libraries accept or both refuse, and what both accept means the same.
 */
#ifndef AT_DIFFERENTIAL_CHECK_H
#define AT_DIFFERENTIAL_CHECK_H

#include <cstdint>
#include <string>

#include "exclusions.h"
#include "random.h"
#include "schema.h"

namespace differential
{

struct Tally {
    uint64_t messages;
    uint64_t accepted; /* wire inputs that both took */
    uint64_t refused;  /* and that both refused */
    uint64_t same_bytes;
    uint64_t merged;
    uint64_t json; /* texts compared */
    uint64_t legal_json;
    uint64_t text;
    uint64_t excluded[EX_COUNT];
};

class Checker
{
  public:
    Checker(const Schema *schema, const Target *target, Tally *tally)
        : schema_(schema), target_(target), tally_(tally)
    {
    }
    /* One random message or input, and all that must hold for it. True: it does. */
    bool run(Random *rng);
    /* What did not hold, with the input. */
    const std::string &report() const
    {
        return report_;
    }

  private:
    using Message = google::protobuf::Message;

    const Schema *schema_;
    const Target *target_;
    Tally *tally_;
    std::string report_;

    bool check_wire(const std::string &wire, Random *rng);
    bool check_meaning(const std::string &wire, const Message &theirs, const std::string &ours);
    bool check_bytes(const std::string &wire, const Message &theirs);
    bool check_merge(const std::string &wire, const Message &theirs, Random *rng);
    bool check_json(const std::string &wire);
    bool check_text(const std::string &wire);
    bool check_damaged_text(Random *rng);
    bool check_json_text(const std::string &json, bool legal);
    /* One random message or input, and all that must hold for it. */
    bool run_one(Random *rng);
    bool excused(const std::string &wire, bool we_accept);
    bool fail(const char *promise, const std::string &input, const std::string &more);
    bool exclude(Exclusion which);
    std::unique_ptr<Message> fresh() const;
};

} // namespace differential

#endif
