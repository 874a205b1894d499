// SPDX-License-Identifier: Apache-2.0
// A connection to attuned: the stubs, the token, deadlines and retries. Nothing connects until the
// first call. Only UNAVAILABLE is retried, which is safe because every rpc of ours is idempotent.
//
//   Connection connection(endpoint, MakeChannel(endpoint.address), CallPolicy(), clock, rng, stop);
//   absl::StatusOr<v1::Job> job = connection.Call(&v1::JobService::Stub::GetJob, request);
//
// Statuses are the server's, with ErrorDetail; no answer is ClientReason::kUnreachable.
// Not thread-safe; one for each thread of a program.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <tuple>
#include <type_traits>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "attune/v1/admin_service.grpc.pb.h"
#include "attune/v1/blob_service.grpc.pb.h"
#include "attune/v1/dataset_service.grpc.pb.h"
#include "attune/v1/job_service.grpc.pb.h"
#include "attune/v1/model_service.grpc.pb.h"
#include "attune/v1/worker_service.grpc.pb.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/rng.h"
#include "client/endpoint.h"
#include "client/interruption.h"

namespace attune {

struct CallPolicy {
  absl::Duration deadline = absl::Seconds(30);             // of one try of a unary call, ≤ 60 s
  absl::Duration first_contact_budget = absl::Seconds(3);  // for retries before any answer
  absl::Duration outage_budget = absl::Seconds(60);        // for retries after the first answer
  BackoffOptions backoff;                                  // 0.2–20 s with jitter
};

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);

class Connection {
 public:
  // Borrows clock, rng and interruption.
  Connection(Endpoint endpoint, std::shared_ptr<grpc::ChannelInterface> channel, CallPolicy policy,
             const Clock& clock, Rng& rng, Interruption& interruption);

  // A unary call with deadline and retries.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const std::type_identity_t<Request>& request) {
    Response response;
    absl::Status status = CallWithRetries([&](grpc::ClientContext& context) {
      return (stub<Stub>().*method)(&context, request, &response);
    });
    if (!status.ok()) return status;
    return response;
  }

  // For streams, which have no deadline (HTTP/2 pings find a dead peer) and are retried by their
  // reader with NewRetry().
  template <typename Stub>
  Stub& stub() {
    return *std::get<std::unique_ptr<Stub>>(stubs_);
  }
  std::unique_ptr<grpc::ClientContext> NewContext() const;
  // The end of a stream as a status: UNAVAILABLE without details becomes kUnreachable.
  absl::Status StatusOf(const grpc::Status& status) const;

  // Decides whether to try once more, and waits before it.
  class Retry {
   public:
    Retry(Connection& connection, absl::Duration budget);
    // True: waited, try again. False: not a matter of trying again, the budget is spent or the user
    // interrupted.
    bool WaitToRetry(const absl::Status& status);
    void Progressed();  // budget and backoff start anew

   private:
    Connection& connection_;
    absl::Duration budget_;
    absl::Duration start_;
    Backoff backoff_;
  };
  Retry NewRetry();

  const Endpoint& endpoint() const { return endpoint_; }
  const Clock& clock() const { return clock_; }
  Interruption& interruption() { return interruption_; }

 private:
  absl::Status CallWithRetries(absl::FunctionRef<grpc::Status(grpc::ClientContext&)> call);

  const Endpoint endpoint_;
  const CallPolicy policy_;
  const Clock& clock_;
  Rng& rng_;
  Interruption& interruption_;
  std::tuple<std::unique_ptr<v1::JobService::Stub>, std::unique_ptr<v1::BlobService::Stub>,
             std::unique_ptr<v1::DatasetService::Stub>, std::unique_ptr<v1::ModelService::Stub>,
             std::unique_ptr<v1::WorkerService::Stub>, std::unique_ptr<v1::AdminService::Stub>>
      stubs_;
  bool answered_ = false;
};

}  // namespace attune
