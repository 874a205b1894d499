// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/worker_service.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/grpc_status.h"
#include "base/resource_name.h"
#include "google/protobuf/util/time_util.h"
#include "server/rpc/session_stream.h"
#include "server/store/attempts_table.h"
#include "server/store/workers_table.h"

namespace attune {
namespace {

// Completes the rows by what they do not hold: slots in use, and heartbeats since the last change.
class WorkerView {
 public:
  static absl::StatusOr<WorkerView> Read(const Snapshot& snapshot,
                                         const SessionRegistry& registry) {
    WorkerView view;
    ATTUNE_ASSIGN_OR_RETURN(view.held_, ListHeldSlots(snapshot));
    view.heartbeats_ = registry.LastHeartbeats();
    return view;
  }

  v1::Worker Present(WorkerRecord record) const {
    const std::string id = record.id();
    record.worker.set_slots_in_use(static_cast<int32_t>(std::count_if(
        held_.begin(), held_.end(), [&](const AttemptRecord& a) { return a.worker_id == id; })));
    if (const auto it = heartbeats_.find(id); it != heartbeats_.end()) {
      *record.worker.mutable_last_heartbeat_time() =
          google::protobuf::util::TimeUtil::MillisecondsToTimestamp(absl::ToUnixMillis(it->second));
    }
    return std::move(record.worker);
  }

 private:
  std::vector<AttemptRecord> held_;
  std::map<std::string, absl::Time> heartbeats_;
};

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
    ATTUNE_ASSIGN_OR_RETURN(const WorkerView view, WorkerView::Read(snapshot, registry_));
    *response = view.Present(std::move(record));
    return absl::OkStatus();
  });
}

WorkerServiceImpl::Reactor* WorkerServiceImpl::ListWorkers(Context* context,
                                                           const v1::ListWorkersRequest*,
                                                           v1::ListWorkersResponse* response) {
  return ReadOnPool(
      parts_, context, Access::kClient, [this, response](Snapshot& snapshot) -> absl::Status {
        ATTUNE_ASSIGN_OR_RETURN(std::vector<WorkerRecord> records, attune::ListWorkers(snapshot));
        ATTUNE_ASSIGN_OR_RETURN(const WorkerView view, WorkerView::Read(snapshot, registry_));
        for (WorkerRecord& record : records) {
          *response->add_workers() = view.Present(std::move(record));
        }
        return absl::OkStatus();
      });
}

}  // namespace attune
