// One suite of protobuf's conformance tests against a testee behind pipes, and a record of what was
// asked and answered.
//
//   runner binary|text EXPECTED RECORD TESTEE [ARGUMENT…]
//
// EXPECTED lists tests that may fail, one name per line. RECORD gets each test as three values, each
// behind its length as 4 bytes, little-endian: name, ConformanceRequest, ConformanceResponse. The
// official main runs its second suite only when the first passed, hence this one.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "binary_json_conformance_suite.h"
#include "conformance.pb.h"
#include "conformance_test.h"
#include "text_format_conformance_suite.h"

namespace
{

class RecordingRunner : public google::protobuf::ForkPipeRunner
{
  public:
    RecordingRunner(const std::string &program, const std::vector<std::string> &args,
                    const char *path)
        : ForkPipeRunner(program, args), record_(path, std::ios::binary)
    {
    }

    void RunTest(const std::string &name, const std::string &request,
                 std::string *response) override
    {
        ForkPipeRunner::RunTest(name, request, response);
        Add(name);
        Add(request);
        Add(*response);
    }

    bool Finish()
    {
        return static_cast<bool>(record_.flush());
    }

  private:
    void Add(const std::string &value)
    {
        const uint32_t len = static_cast<uint32_t>(value.size());
        const char head[4] = {static_cast<char>(len), static_cast<char>(len >> 8),
                              static_cast<char>(len >> 16), static_cast<char>(len >> 24)};

        record_.write(head, sizeof(head));
        record_.write(value.data(), static_cast<std::streamsize>(len));
    }

    std::ofstream record_;
};

bool ReadExpected(const char *path, conformance::FailureSet *ret)
{
    std::ifstream in(path);
    std::string line;

    if (!in) {
        return false;
    }
    while (std::getline(in, line)) {
        const std::string name = line.substr(0, line.find_first_of("# \t"));

        if (!name.empty()) {
            ret->add_failure(name);
        }
    }
    return true;
}

} // namespace

int main(int argc, char *argv[])
{
    google::protobuf::BinaryAndJsonConformanceSuite binary;
    google::protobuf::TextFormatConformanceTestSuite text;
    conformance::FailureSet expected;
    std::string output;

    if (argc < 5 || (strcmp(argv[1], "binary") != 0 && strcmp(argv[1], "text") != 0)) {
        fprintf(stderr, "usage: runner binary|text EXPECTED RECORD TESTEE [ARGUMENT...]\n");
        return 2;
    }
    if (!ReadExpected(argv[2], &expected)) {
        fprintf(stderr, "runner: cannot read %s\n", argv[2]);
        return 2;
    }
    google::protobuf::ConformanceTestSuite &suite =
        strcmp(argv[1], "text") == 0
            ? static_cast<google::protobuf::ConformanceTestSuite &>(text)
            : static_cast<google::protobuf::ConformanceTestSuite &>(binary);
    RecordingRunner runner(argv[4], std::vector<std::string>(argv + 5, argv + argc), argv[3]);

    suite.SetEnforceRecommended(true);
    const bool ok = suite.RunSuite(&runner, &output, argv[2], &expected);
    fwrite(output.data(), 1, output.size(), stdout);
    if (!runner.Finish()) {
        fprintf(stderr, "runner: cannot write %s\n", argv[3]);
        return 2;
    }
    return ok ? 0 : 1;
}
