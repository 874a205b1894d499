// SPDX-License-Identifier: Apache-2.0
// attune.v1.WorkerService over server/session. Thread-safe.
#pragma once

#include "attune/v1/worker_service.grpc.pb.h"
#include "server/rpc/unary.h"
#include "server/session/report_ingest.h"
#include "server/session/session_registry.h"

namespace attune {

class WorkerServiceImpl final : public v1::WorkerService::CallbackService {
 public:
  WorkerServiceImpl(const RpcParts& parts, SessionRegistry& registry, ReportIngest& ingest)
      : parts_(parts), registry_(registry), ingest_(ingest) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::SchedulerMessage>* OpenSession(Context*) override;
  Reactor* ReportAttempt(Context*, const v1::ReportAttemptRequest*,
                         v1::ReportAttemptResponse*) override;
  Reactor* GetWorker(Context*, const v1::GetWorkerRequest*, v1::Worker*) override;
  Reactor* ListWorkers(Context*, const v1::ListWorkersRequest*, v1::ListWorkersResponse*) override;

 private:
  const RpcParts& parts_;
  SessionRegistry& registry_;
  ReportIngest& ingest_;
};

}  // namespace attune
