// The same call over gRPC C++: completion-queue server with one polling thread, blocking client,
// Unix socket; both processes where taskset-like pinning puts them.
//
//   grpc_echo BYTES CPU-A CPU-B MILLISECONDS
#include <chrono>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "echo.grpc.pb.h"
#include "measure.h"

using bench::echo::v1::EchoRequest;
using bench::echo::v1::EchoResponse;
using bench::echo::v1::EchoService;

namespace
{

class Call
{
  public:
    Call(EchoService::AsyncService *service, grpc::ServerCompletionQueue *queue)
        : service_(service), queue_(queue), writer_(&context_)
    {
        service_->RequestEcho(&context_, &request_, &writer_, queue_, queue_, this);
    }
    void Go()
    {
        if (finished_) {
            delete this;
            return;
        }
        new Call(service_, queue_);
        response_.set_payload(request_.payload());
        finished_ = true;
        writer_.Finish(response_, grpc::Status::OK, this);
    }

  private:
    EchoService::AsyncService *service_;
    grpc::ServerCompletionQueue *queue_;
    grpc::ServerContext context_;
    EchoRequest request_;
    EchoResponse response_;
    grpc::ServerAsyncResponseWriter<EchoResponse> writer_;
    bool finished_ = false;
};

int Serve(const std::string &address)
{
    EchoService::AsyncService service;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    auto queue = builder.AddCompletionQueue();
    auto server = builder.BuildAndStart();
    if (server == nullptr) {
        return 1;
    }
    for (int i = 0; i < 16; i++) {
        new Call(&service, queue.get());
    }
    void *tag;
    bool ok;
    while (queue->Next(&tag, &ok)) {
        if (ok) {
            static_cast<Call *>(tag)->Go();
        }
    }
    return 0;
}

int Ask(const std::string &address, size_t bytes, uint64_t ms)
{
    auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5));
    auto stub = EchoService::NewStub(channel);
    EchoRequest request;
    request.set_payload(std::string(bytes, 'x'));
    auto *samples = static_cast<uint64_t *>(malloc(BENCH_SAMPLES * sizeof(uint64_t)));
    size_t n = 0;
    uint64_t begin = bench_now();
    uint64_t end = begin + ms * 1000000U;
    for (uint64_t a = begin, b; a < end && n < BENCH_SAMPLES; a = b) {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
        context.set_wait_for_ready(true);
        EchoResponse response;
        grpc::Status status = stub->Echo(&context, request, &response);
        if (!status.ok()) {
            fprintf(stderr, "grpc: %s\n", status.error_message().c_str());
            return 1;
        }
        b = bench_now();
        if (a - begin > (end - begin) / 5) {
            samples[n++] = b - a;
        }
    }
    bench_report("grpc", samples, n);
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 5) {
        return 2;
    }
    std::string address = "unix:/tmp/atoll-bench-grpc-" + std::to_string(getpid());
    pid_t pid = fork(); // before gRPC starts its threads
    if (pid == 0) {
        bench_pin(atoi(argv[3]));
        return Serve(address);
    }
    bench_pin(atoi(argv[2]));
    int result = Ask(address, strtoul(argv[1], nullptr, 10), strtoul(argv[4], nullptr, 10));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    unlink(address.c_str() + 5);
    _exit(result);
}
