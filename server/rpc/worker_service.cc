// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/worker_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/grpc_status.h"
#include "base/resource_name.h"
#include "server/rpc/session_stream.h"
#include "server/store/attempts_table.h"
#include "server/store/workers_table.h"

namespace attune {
namespace {

v1::Worker Present(WorkerRecord record, const std::vector<AttemptRecord>& held) {
  const std::string id = record.id();
  record.worker.set_slots_in_use(static_cast<int32_t>(std::count_if(
      held.begin(), held.end(), [&](const AttemptRecord& a) { return a.worker_id == id; })));
  return std::move(record.worker);
}

}  // namespace

grpc::ServerBidiReactor<v1::WorkerMessage, v1::SchedulerMessage>* WorkerServiceImpl::OpenSession(
    Context* context) {
  return OpenSessionStream(parts_.authenticator.Authorise(*context, Access::kWorker), registry_);
}

WorkerServiceImpl::Reactor* WorkerServiceImpl::ReportAttempt(
    Context* context, const v1::ReportAttemptRequest* request,
    v1::ReportAttemptResponse* response) {
  Reactor* reactor = context->DefaultReactor();
  absl::Status status = parts_.authenticator.Authorise(*context, Access::kWorker);
  if (!status.ok()) {
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }
  ingest_.Report(*request, [this, reactor, response, fence = request->fence()](
                               absl::StatusOr<v1::ReportAttemptResponse> result) {
    if (result.ok()) {
      *response = *std::move(result);
      registry_.NoteReport(fence);
    }
    parts_.pool.Post(
        [reactor, status = result.status()] { reactor->Finish(ToGrpcStatus(status)); });
  });
  return reactor;
}

WorkerServiceImpl::Reactor* WorkerServiceImpl::GetWorker(Context* context,
                                                         const v1::GetWorkerRequest* request,
                                                         v1::Worker* response) {
  return ReadNow(parts_, context, Access::kClient, [&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("workers", request->name()));
    ATTUNE_ASSIGN_OR_RETURN(WorkerRecord record, attune::GetWorker(snapshot, id));
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<AttemptRecord> held, ListHeldSlots(snapshot));
    *response = Present(std::move(record), held);
    return absl::OkStatus();
  });
}

WorkerServiceImpl::Reactor* WorkerServiceImpl::ListWorkers(Context* context,
                                                           const v1::ListWorkersRequest*,
                                                           v1::ListWorkersResponse* response) {
  return ReadOnPool(
      parts_, context, Access::kClient, [response](Snapshot& snapshot) -> absl::Status {
        ATTUNE_ASSIGN_OR_RETURN(std::vector<WorkerRecord> records, attune::ListWorkers(snapshot));
        ATTUNE_ASSIGN_OR_RETURN(const std::vector<AttemptRecord> held, ListHeldSlots(snapshot));
        for (WorkerRecord& record : records) {
          *response->add_workers() = Present(std::move(record), held);
        }
        return absl::OkStatus();
      });
}

}  // namespace attune
