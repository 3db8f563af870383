// Apache Thrift C++ over a Unix socket: simple server, framed transport, binary protocol. Requests
// are pipelined on one connection with the generated send_ and recv_ halves.
#include <memory>
#include <string>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TSimpleServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>
#include <thrift/transport/TSocket.h>

#include "Echo.h"
#include "peer.h"

namespace
{

using apache::thrift::TConfiguration;
using apache::thrift::TException;
using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::protocol::TBinaryProtocolFactory;
using apache::thrift::server::TSimpleServer;
using apache::thrift::transport::TFramedTransport;
using apache::thrift::transport::TServerSocket;
using apache::thrift::transport::TSocket;
using apache::thrift::transport::TTransport;
using apache::thrift::transport::TTransportFactory;

class Handler : public bench::EchoIf
{
  public:
    void echo(std::string &reply, const std::string &payload) override
    {
        reply = payload;
    }
};

// Thrift counts what a connection has read in all against the limit of one message (100 MiB), and
// then closes it: a peer that ends in the middle of a trial is none.
std::shared_ptr<TConfiguration> Generous()
{
    return std::make_shared<TConfiguration>(INT32_MAX);
}

class ServerSocket : public TServerSocket
{
  public:
    using TServerSocket::TServerSocket;

  protected:
    std::shared_ptr<TSocket> createSocket(THRIFT_SOCKET fd) override
    {
        auto socket = TServerSocket::createSocket(fd);
        socket->setConfiguration(Generous());
        return socket;
    }
};

class FramedFactory : public TTransportFactory
{
  public:
    std::shared_ptr<TTransport> getTransport(std::shared_ptr<TTransport> below) override
    {
        return std::make_shared<TFramedTransport>(below, Generous());
    }
};

std::unique_ptr<bench::EchoClient> client;
std::string request;
std::string reply;

void Serve(const peer_at *at)
{
    TSimpleServer server(std::make_shared<bench::EchoProcessor>(std::make_shared<Handler>()),
                         std::make_shared<ServerSocket>(at->path),
                         std::make_shared<FramedFactory>(),
                         std::make_shared<TBinaryProtocolFactory>());
    server.serve();
}

bool Open(const peer_at *at)
{
    auto transport = std::make_shared<TFramedTransport>(
        std::make_shared<TSocket>(at->path, Generous()), Generous());
    try {
        transport->open();
    } catch (const TException &) {
        return false;
    }
    client = std::make_unique<bench::EchoClient>(std::make_shared<TBinaryProtocol>(transport));
    request.assign(at->plan.bytes, 'x');
    return true;
}

bool Send(const peer_at *, const char *)
{
    try {
        client->send_echo(request);
    } catch (const TException &e) {
        fprintf(stderr, "thrift: %s\n", e.what());
        return false;
    }
    return true;
}

bool Receive(const peer_at *at)
{
    try {
        client->recv_echo(reply);
    } catch (const TException &e) {
        fprintf(stderr, "thrift: %s\n", e.what());
        return false;
    }
    return reply.size() == at->plan.bytes;
}

} // namespace

int main(int argc, char **argv)
{
    peer thrift = {"thrift", nullptr, Serve, Open, Send, Receive};
    return peer_main(argc, argv, &thrift);
}
