// A bare echo on grpc++: what the library alone costs to take a message and give it back. `martlet
// bench
// --echo` sends it the messages that it sent the server, and tells its CPU beside the server's.
//
//     grpc-echo LISTEN-ADDRESS      prints the address it listens at, and serves until it is killed
//
// The same callback API as the transport's, and nothing around it: whatever a call sends comes
// back.

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <string>

namespace {

class Echo final : public grpc::ServerGenericBidiReactor {
  public:
    Echo() {
        StartRead(&message_);
    }

    void OnReadDone(bool ok) override {
        if (ok) {
            StartWrite(&message_);
        } else {
            Finish(grpc::Status::OK);
        }
    }

    void OnWriteDone(bool ok) override {
        if (ok) {
            StartRead(&message_);
        } else {
            Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the caller is gone"));
        }
    }

    void OnDone() override {
        delete this;
    }

  private:
    grpc::ByteBuffer message_;
};

class EchoService final : public grpc::CallbackGenericService {
  public:
    grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
        return new Echo();
    }
};

}  // namespace

int main(int argument_count, char** arguments) {
    if (argument_count != 2) {
        std::fprintf(stderr, "usage: %s LISTEN-ADDRESS\n", arguments[0]);
        return 2;
    }
    std::string address = arguments[1];
    EchoService service;
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(&service);
    const auto server = builder.BuildAndStart();
    if (server == nullptr) {
        std::fprintf(stderr, "%s: cannot listen there\n", arguments[1]);
        return 1;
    }
    std::printf("%s:%d\n", address.substr(0, address.rfind(':')).c_str(), port);
    std::fflush(stdout);
    server->Wait();
}
