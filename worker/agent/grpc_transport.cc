// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/grpc_transport.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <deque>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "attune/v1/blob_service.grpc.pb.h"
#include "attune/v1/worker_service.grpc.pb.h"
#include "base/errors.h"
#include "base/grpc_status.h"
#include "base/loopback.h"
#include "worker/agent/blob_transfer.h"

namespace attune {
namespace {

constexpr int kMaxMessageBytes = 4 << 20;
constexpr auto kCallDeadline = std::chrono::seconds(30);

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // The session dials with its own backoff; the channel's must not add a longer one.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// A call's context while the call is under way, so that ShutDown can cancel and await it.
class CallRegistry {
 public:
  class Entry {
   public:
    Entry(CallRegistry& registry, grpc::ClientContext& context)
        : registry_(registry), context_(context) {
      absl::MutexLock lock(&registry_.mutex_);
      registry_.running_.insert(&context_);
      if (registry_.shut_down_) context_.TryCancel();
    }
    ~Entry() {
      absl::MutexLock lock(&registry_.mutex_);
      registry_.running_.erase(&context_);
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    CallRegistry& registry_;
    grpc::ClientContext& context_;
  };

  void ShutDown() {
    absl::MutexLock lock(&mutex_);
    shut_down_ = true;
    for (grpc::ClientContext* context : running_) context->TryCancel();
    mutex_.Await(absl::Condition(this, &CallRegistry::Idle));
  }

 private:
  bool Idle() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return running_.empty(); }

  absl::Mutex mutex_;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

// The stream itself; alive until OnDone, which gRPC calls last.
class SessionReactor final
    : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::SchedulerMessage> {
 public:
  SessionReactor(CallRegistry& calls, std::unique_ptr<grpc::ClientContext> context,
                 Transport::OnMessage on_message, Transport::OnStatus on_closed)
      : context_(std::move(context)),
        entry_(calls, *context_),
        on_message_(std::move(on_message)),
        on_closed_(std::move(on_closed)) {}

  // `self` keeps it alive for gRPC.
  void Start(std::shared_ptr<SessionReactor> self, v1::WorkerService::Stub& stub) {
    self_ = std::move(self);
    stub.async()->OpenSession(context_.get(), this);
    AddHold();  // Send may start writes from outside of gRPC's callbacks
    StartRead(&incoming_);
    StartCall();
  }

  void Send(v1::WorkerMessage message) {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    outgoing_.push_back(std::move(message));
    if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
  }
  void Cancel() { context_->TryCancel(); }

  void OnReadDone(bool ok) override {
    if (ok) {
      on_message_(std::exchange(incoming_, {}));
      return StartRead(&incoming_);
    }
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    RemoveHold();
  }
  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    outgoing_.pop_front();
    if (ok && !closed_ && !outgoing_.empty()) StartWrite(&outgoing_.front());
  }
  void OnDone(const grpc::Status& status) override {
    {
      absl::MutexLock lock(&mutex_);
      closed_ = true;  // whatever is sent from here on is dropped
    }
    // A server that ends a session in good order still ends it.
    on_closed_(status.ok() ? absl::UnavailableError("the server closed the session")
                           : FromGrpcStatus(status));
    const std::shared_ptr<SessionReactor> last = std::move(self_);
  }

 private:
  const std::unique_ptr<grpc::ClientContext> context_;
  const CallRegistry::Entry entry_;
  Transport::OnMessage on_message_;
  Transport::OnStatus on_closed_;
  std::shared_ptr<SessionReactor> self_;
  v1::SchedulerMessage incoming_;

  absl::Mutex mutex_;
  std::deque<v1::WorkerMessage> outgoing_ ABSL_GUARDED_BY(mutex_);  // the first is being written
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

class GrpcSessionStream final : public SessionStream {
 public:
  explicit GrpcSessionStream(std::shared_ptr<SessionReactor> reactor)
      : reactor_(std::move(reactor)) {}
  ~GrpcSessionStream() override { reactor_->Cancel(); }
  void Send(v1::WorkerMessage message) override { reactor_->Send(std::move(message)); }

 private:
  std::shared_ptr<SessionReactor> reactor_;  // shared with gRPC until OnDone
};

// There was no way even to try.
class NoSession final : public SessionStream {
 public:
  void Send(v1::WorkerMessage) override {}
};

}  // namespace

// A channel with the token for its calls.
class GrpcTransport::Connection {
 public:
  Connection(std::string address, std::string token)
      : address(std::move(address)),
        token(std::move(token)),
        channel(MakeChannel(this->address)),
        workers(channel),
        blobs(channel) {}

  std::unique_ptr<grpc::ClientContext> NewContext(bool with_deadline) const {
    auto context = std::make_unique<grpc::ClientContext>();
    context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
    if (with_deadline) context->set_deadline(std::chrono::system_clock::now() + kCallDeadline);
    return context;
  }

  const std::string address, token;
  const std::shared_ptr<grpc::Channel> channel;
  v1::WorkerService::Stub workers;
  v1::BlobService::Stub blobs;
};

struct GrpcTransport::State {
  CallRegistry calls;
  absl::Mutex mutex;
  std::shared_ptr<Connection> connection ABSL_GUARDED_BY(mutex);
};

GrpcTransport::GrpcTransport(Executor& io, FileSystem& files, GrpcTransportOptions options)
    : io_(io), files_(files), options_(std::move(options)), state_(std::make_unique<State>()) {}

GrpcTransport::~GrpcTransport() { ShutDown(); }

void GrpcTransport::ShutDown() { state_->calls.ShutDown(); }

std::shared_ptr<GrpcTransport::Connection> GrpcTransport::connection() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->connection;
}

// Before the first session there is nobody to call.
template <typename Callback>
bool GrpcTransport::RefuseUnconnected(const std::shared_ptr<Connection>& to, Callback& done) {
  if (to) return false;
  io_.Post([done = std::move(done)]() mutable {
    done(absl::UnavailableError("no server was dialled yet"));
  });
  return true;
}

absl::Status GrpcTransport::Redial() {
  ATTUNE_ASSIGN_OR_RETURN(std::string address, options_.address());
  ATTUNE_ASSIGN_OR_RETURN(std::string token, options_.token());
  if (!IsLoopbackAddress(address)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the server's address ", address,
                     " is not on this machine's loopback, and calls are not encrypted"));
  }
  absl::MutexLock lock(&state_->mutex);
  const std::shared_ptr<Connection> current = state_->connection;
  if (!current || current->address != address || current->token != token) {
    state_->connection = std::make_shared<Connection>(std::move(address), std::move(token));
  }
  return absl::OkStatus();
}

std::unique_ptr<SessionStream> GrpcTransport::OpenSession(OnMessage on_message,
                                                          OnStatus on_closed) {
  const absl::Status dialled = Redial();
  if (!dialled.ok()) {
    io_.Post([dialled, closed = std::move(on_closed)]() mutable { closed(dialled); });
    return std::make_unique<NoSession>();
  }
  const std::shared_ptr<Connection> to = connection();
  auto reactor = std::make_shared<SessionReactor>(state_->calls, to->NewContext(false),
                                                  std::move(on_message), std::move(on_closed));
  reactor->Start(reactor, to->workers);
  return std::make_unique<GrpcSessionStream>(std::move(reactor));
}

void GrpcTransport::ReportAttempt(v1::ReportAttemptRequest request, OnReported done) {
  struct Call {
    std::unique_ptr<grpc::ClientContext> context;
    CallRegistry::Entry entry;
    v1::ReportAttemptRequest request;
    v1::ReportAttemptResponse response;
    OnReported done;

    Call(CallRegistry& calls, std::unique_ptr<grpc::ClientContext> made)
        : context(std::move(made)), entry(calls, *context) {}
  };
  const std::shared_ptr<Connection> to = connection();
  if (RefuseUnconnected(to, done)) return;
  // Shared with gRPC until the answer.
  auto call = std::make_shared<Call>(state_->calls, to->NewContext(true));
  call->request = std::move(request);
  call->done = std::move(done);
  to->workers.async()->ReportAttempt(call->context.get(), &call->request, &call->response,
                                     [call, to](const grpc::Status& status) {
                                       if (!status.ok()) return call->done(FromGrpcStatus(status));
                                       call->done(std::move(call->response));
                                     });
}

void GrpcTransport::FindMissing(std::vector<v1::FileRef> files, OnMissing done) {
  const std::shared_ptr<Connection> to = connection();
  if (RefuseUnconnected(to, done)) return;
  io_.Post([this, to, files = std::move(files), done = std::move(done)]() mutable {
    v1::FindMissingBlobsRequest request;
    for (const v1::FileRef& file : files) {
      v1::BlobDigest& blob = *request.add_blobs();
      blob.set_sha256(file.sha256());
      blob.set_size_bytes(file.size_bytes());
    }
    const auto context = to->NewContext(true);
    const CallRegistry::Entry running(state_->calls, *context);
    v1::FindMissingBlobsResponse response;
    const grpc::Status status = to->blobs.FindMissingBlobs(context.get(), request, &response);
    if (!status.ok()) return done(FromGrpcStatus(status));
    std::vector<std::string> missing;
    for (const v1::BlobDigest& blob : response.missing()) missing.push_back(blob.sha256());
    done(std::move(missing));
  });
}

void GrpcTransport::FetchBlob(v1::FileRef file, std::string destination, OnStatus done) {
  const std::shared_ptr<Connection> to = connection();
  if (RefuseUnconnected(to, done)) return;
  io_.Post([this, to, file = std::move(file), destination = std::move(destination),
            done = std::move(done)]() mutable {
    const auto context = to->NewContext(false);
    const CallRegistry::Entry running(state_->calls, *context);
    done(DownloadBlob(to->blobs, *context, files_, file, destination));
  });
}

void GrpcTransport::UploadBlob(std::string path, v1::FileRef file, OnStatus done) {
  const std::shared_ptr<Connection> to = connection();
  if (RefuseUnconnected(to, done)) return;
  io_.Post(
      [this, to, path = std::move(path), file = std::move(file), done = std::move(done)]() mutable {
        const auto ask = to->NewContext(true);
        const auto write = to->NewContext(false);
        const CallRegistry::Entry asking(state_->calls, *ask), writing(state_->calls, *write);
        done(SendBlob(to->blobs, *ask, *write, files_, path, file));
      });
}

}  // namespace attune
