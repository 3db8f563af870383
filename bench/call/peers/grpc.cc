// The same call over gRPC C++: a Unix socket, and on both sides a completion queue and one thread
// that polls it. (With one call outstanding a blocking stub takes 50 us where this takes 47.)
//
//   grpc BYTES CPU-CLIENT CPU-SERVER MILLISECONDS [FLIGHT]
#include <chrono>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <vector>

#include "echo.grpc.pb.h"
#include "measure.h"

using bench::echo::v1::EchoRequest;
using bench::echo::v1::EchoResponse;
using bench::echo::v1::EchoService;

namespace
{

class Handler
{
  public:
    Handler(EchoService::AsyncService *service, grpc::ServerCompletionQueue *queue)
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
        new Handler(service_, queue_);
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

int Serve(const std::string &address, const bench_plan &plan)
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
    for (size_t i = 0; i < plan.flight + 16; i++) {
        new Handler(&service, queue.get());
    }
    void *tag;
    bool ok;
    while (queue->Next(&tag, &ok)) {
        if (ok) {
            static_cast<Handler *>(tag)->Go();
        }
    }
    return 0;
}

std::chrono::system_clock::time_point Soon()
{
    return std::chrono::system_clock::now() + std::chrono::seconds(5);
}

bool Good(const grpc::Status &status, const EchoRequest &request, const EchoResponse &response)
{
    if (!status.ok() || response.payload().size() != request.payload().size()) {
        fprintf(stderr, "grpc: %s\n", status.error_message().c_str());
        return false;
    }
    return true;
}

struct Slot {
    uint64_t begun;
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<EchoResponse>> reader;
    EchoResponse response;
    grpc::Status status;
};

void Begin(EchoService::Stub *stub, const EchoRequest &request, grpc::CompletionQueue *queue,
           Slot *slot)
{
    slot->begun = bench_now();
    slot->context = std::make_unique<grpc::ClientContext>();
    slot->context->set_deadline(Soon());
    slot->reader = stub->AsyncEcho(slot->context.get(), request, queue);
    slot->reader->Finish(&slot->response, &slot->status, slot);
}

bool TakeTurns(EchoService::Stub *stub, const EchoRequest &request, bench_meter *meter,
               size_t flight)
{
    grpc::CompletionQueue queue;
    std::vector<Slot> slots(flight);
    size_t outstanding = flight;
    bool going = true;
    void *tag;
    bool ok;
    for (Slot &slot : slots) {
        Begin(stub, request, &queue, &slot);
    }
    while (outstanding > 0 && queue.Next(&tag, &ok)) {
        auto *slot = static_cast<Slot *>(tag);
        if (!Good(slot->status, request, slot->response)) {
            return false;
        }
        going = bench_meter_note(meter, slot->begun, bench_now()) && going;
        if (going) {
            Begin(stub, request, &queue, slot);
        } else {
            outstanding--;
        }
    }
    return true;
}

int Ask(const std::string &address, const bench_plan &plan, pid_t server)
{
    auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10))) {
        fprintf(stderr, "grpc: no connection\n");
        return 1;
    }
    auto stub = EchoService::NewStub(channel);
    EchoRequest request;
    bench_meter meter;
    request.set_payload(std::string(plan.bytes, 'x'));
    if (!bench_meter_init(&meter)) {
        return 1;
    }
    bench_meter_also(&meter, server);
    bench_meter_start(&meter, plan.ms);
    if (!TakeTurns(stub.get(), request, &meter, plan.flight)) {
        return 1;
    }
    bench_meter_report("grpc", &meter);
    printf("\n");
    return fflush(stdout) == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
{
    bench_plan plan;
    if (!bench_plan_read(argc, argv, &plan)) {
        return 2;
    }
    std::string address = "unix:/tmp/atoll-bench-grpc-" + std::to_string(getpid());
    bench_bound(plan.ms);
    pid_t pid = fork(); // before gRPC starts its threads
    if (pid == 0) {
        bench_bound_child(plan.ms);
        bench_pin(plan.cpu_server);
        _exit(Serve(address, plan));
    }
    bench_pin(plan.cpu_client);
    int result = Ask(address, plan, pid);
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    unlink(address.c_str() + 5);
    _exit(result);
}
