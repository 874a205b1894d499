// SPDX-License-Identifier: Apache-2.0
#include "client/connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/grpc_status.h"
#include "client/client_errors.h"

namespace attune {
namespace {

constexpr absl::Duration kMaxDeadline = absl::Seconds(60);

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  // Finds a peer that hangs; the server allows a ping every 20 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // Our own backoff paces the tries; the channel must not be slower than it.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 3'000);  // what one try to connect may take
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // never: the server is on this machine
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

Connection::Connection(Endpoint endpoint, std::shared_ptr<grpc::ChannelInterface> channel,
                       CallPolicy policy, const Clock& clock, Rng& rng, Interruption& interruption)
    : endpoint_(std::move(endpoint)),
      policy_(policy),
      clock_(clock),
      rng_(rng),
      interruption_(interruption),
      stubs_(v1::JobService::NewStub(channel), v1::BlobService::NewStub(channel),
             v1::DatasetService::NewStub(channel), v1::ModelService::NewStub(channel),
             v1::WorkerService::NewStub(channel), v1::AdminService::NewStub(channel)) {}

std::unique_ptr<grpc::ClientContext> Connection::NewContext() const {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!endpoint_.token.empty()) {
    context->AddMetadata("authorization", absl::StrCat("Bearer ", endpoint_.token));
  }
  return context;
}

absl::Status Connection::StatusOf(const grpc::Status& status) const {
  absl::Status result = FromGrpcStatus(status);
  const bool silent = absl::IsUnavailable(result) || absl::IsDeadlineExceeded(result);
  if (!silent || !ErrorReasonOf(result).empty()) return result;
  return ClientError(
      ClientReason::kUnreachable,
      absl::StrCat("no answer from attuned at ", endpoint_.address, ": ", status.error_message()),
      "is attuned running? start it with build/bin/attuned, or name its address "
      "with --server");
}

absl::Status Connection::CallWithRetries(
    absl::FunctionRef<grpc::Status(grpc::ClientContext&)> call) {
  Retry retry = NewRetry();
  while (true) {
    auto context = NewContext();
    context->set_deadline(
        absl::ToChronoTime(absl::Now() + std::min(policy_.deadline, kMaxDeadline)));
    const grpc::Status answer = call(*context);
    absl::Status status = StatusOf(answer);
    if (!absl::IsUnavailable(status)) {
      answered_ = true;
      return status;
    }
    // A deadline that passed is no proof that nothing happened, but also no reason to ask again.
    const bool timed_out = answer.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
    if (timed_out || !retry.WaitToRetry(status)) return status;
  }
}

Connection::Retry Connection::NewRetry() {
  return Retry(*this, answered_ ? policy_.outage_budget : policy_.first_contact_budget);
}

Connection::Retry::Retry(Connection& connection, absl::Duration budget)
    : connection_(connection),
      budget_(budget),
      start_(connection.clock_.SinceBoot()),
      backoff_(connection.policy_.backoff, connection.rng_) {}

bool Connection::Retry::WaitToRetry(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return false;
  const absl::Duration delay =
      std::max(backoff_.Next(), absl::Seconds(GetErrorDetail(status).retry_after_seconds));
  if (connection_.clock_.SinceBoot() - start_ + delay > budget_) return false;
  return connection_.interruption_.WaitFor(delay);
}

void Connection::Retry::Progressed() {
  start_ = connection_.clock_.SinceBoot();
  backoff_.Reset();
  connection_.answered_ = true;
}

}  // namespace attune
