// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/job_preview.h"

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/grpc_status.h"

namespace attune {
namespace {

void SetOutcome(const CheckRecord& check, v1::Job& job) {
  job.set_validation_report_json(check.report_json.empty() ? "{}" : check.report_json);
  job.mutable_memory()->set_estimated_bytes(check.estimated_memory_bytes);
  job.set_state(check.ok ? v1::Job::QUEUED : v1::Job::FAILED);
  job.clear_reason();
  if (check.ok) return;
  job.mutable_failure()->set_reason(check.report_json.empty() ? v1::INSPECTION_FAILED
                                                              : v1::INVALID_DATASET);
  job.mutable_failure()->set_message(check.message);
}

// Finishes once: with the check's result, or when the call was cancelled before.
class PreviewReactor final : public grpc::ServerUnaryReactor {
 public:
  PreviewReactor(Inspection& inspection, absl::StatusOr<JobLifecycle::Preview> preview,
                 v1::Job& response)
      : response_(response) {
    if (!preview.ok()) {
      End(ToGrpcStatus(preview.status()));
      return;
    }
    response = std::move(preview->job);
    if (preview->check_key.empty()) {
      End(grpc::Status::OK);
      return;
    }
    // The inspection may answer after this call has ended.
    inspection.CheckJob(
        response.spec(), std::move(preview->check_key),
        [link = link_](const absl::StatusOr<CheckRecord>& check) { OnCheck(*link, check); });
  }

  void OnCancel() override {
    const std::shared_ptr<Link> link = link_;  // Finish may be the end of this object
    absl::MutexLock lock(&link->mutex);
    if (link->reactor == nullptr) return;
    link->reactor = nullptr;
    Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the call was cancelled"));
  }

  void OnDone() override { delete this; }

 private:
  struct Link {
    absl::Mutex mutex;
    PreviewReactor* reactor ABSL_GUARDED_BY(mutex) = nullptr;  // null: finished
  };

  static void OnCheck(Link& link, const absl::StatusOr<CheckRecord>& check) {
    absl::MutexLock lock(&link.mutex);
    PreviewReactor* const reactor = std::exchange(link.reactor, nullptr);
    if (reactor == nullptr) return;
    if (check.ok()) SetOutcome(*check, reactor->response_);
    reactor->Finish(ToGrpcStatus(check.status()));
  }

  void End(const grpc::Status& status) {
    const std::shared_ptr<Link> link = link_;
    absl::MutexLock lock(&link->mutex);
    link->reactor = nullptr;
    Finish(status);
  }

  std::shared_ptr<Link> MakeLink() {
    auto link = std::make_shared<Link>();
    absl::MutexLock lock(&link->mutex);
    link->reactor = this;
    return link;
  }

  v1::Job& response_;
  const std::shared_ptr<Link> link_ = MakeLink();  // shared with the inspection's callback
};

}  // namespace

grpc::ServerUnaryReactor* StartJobPreview(Inspection& inspection,
                                          absl::StatusOr<JobLifecycle::Preview> preview,
                                          v1::Job& response) {
  return new PreviewReactor(inspection, std::move(preview), response);
}

}  // namespace attune
