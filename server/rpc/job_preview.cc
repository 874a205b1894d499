// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/job_preview.h"

#include <utility>

#include "server/rpc/waiting_call.h"

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

}  // namespace

grpc::ServerUnaryReactor* StartJobPreview(Inspection& inspection,
                                          absl::StatusOr<JobLifecycle::Preview> preview,
                                          v1::Job& response) {
  const WaitingCall call = WaitingCall::Start();
  if (preview.ok()) response = std::move(preview->job);
  if (!preview.ok() || preview->check_key.empty()) {
    call.ending->End(preview.status());
    return call.reactor;
  }
  inspection.CheckJob(response.spec(), std::move(preview->check_key),
                      [ending = call.ending, &response](const absl::StatusOr<CheckRecord>& check) {
                        ending->End(check.status(), [&] {
                          if (check.ok()) SetOutcome(*check, response);
                        });
                      });
  return call.reactor;
}

}  // namespace attune
