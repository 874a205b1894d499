// SPDX-License-Identifier: Apache-2.0
// Store, lifecycle and leases on a simulated clock and a real SQLite file, with inputs that jobs
// may name; a small language for tests of jobs, scheduler and session.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "attune/v1/job_service.pb.h"
#include "attune/v1/worker_service.pb.h"
#include "base/rng.h"
#include "server/jobs/job_counters.h"
#include "server/jobs/job_lifecycle.h"
#include "server/jobs/leases.h"
#include "server/store/store.h"
#include "server/store/workers_table.h"
#include "tests/fakes/sim_executor.h"
#include "tests/fakes/temp_dir.h"

namespace attune {

class JobWorld {
 public:
  // With models/base (bert, no classifier), datasets/reviews and datasets/held-out (single-label),
  // all READY.
  JobWorld();
  ~JobWorld();

  SimLoop& loop() { return loop_; }
  Store& store() { return *store_; }
  JobCounters& counters() { return counters_; }
  JobLifecycle& lifecycle() { return lifecycle_; }
  Leases& leases() { return leases_; }
  std::string Path(std::string_view name) const { return dir_.Path(name); }

  // One transaction, to its end.
  absl::Status Write(absl::FunctionRef<absl::Status(Transaction&)> body);

  // ---- users ----
  static v1::CreateJobRequest Request(std::string job_id = "");  // a FineTune
  static v1::CreateJobRequest EvaluateRequest(std::string job_id, const std::string& model);
  static v1::CreateJobRequest PredictRequest(std::string job_id, const std::string& model);
  absl::StatusOr<v1::Job> Create(const v1::CreateJobRequest& request);
  // Created and checked: QUEUED.
  JobRecord Submit(const std::string& job_id, int priority = 0);
  JobRecord Submit(const v1::CreateJobRequest& request);
  JobRecord Submit(const v1::CreateJobRequest& request, const CheckRecord& check);
  absl::StatusOr<v1::Job> Cancel(const std::string& job_id);
  absl::StatusOr<v1::Job> Pause(const std::string& job_id);
  absl::StatusOr<v1::Job> Resume(const std::string& job_id);

  // ---- rows ----
  JobRecord Job(const std::string& job_id);
  AttemptRecord Attempt(const std::string& job_id, int64_t attempt = 0);  // 0: the newest
  std::vector<v1::JobEvent> Events(const std::string& job_id);
  // "QUEUED", "RUNNING(STARTING)".
  std::string State(const std::string& job_id);
  void AddDataset(const std::string& id, v1::Dataset::State state = v1::Dataset::READY,
                  v1::LabelKind kind = v1::LABEL_KIND_SINGLE);
  void AddModel(const std::string& id, v1::Model::State state = v1::Model::READY);
  // A classifier; with a job that made it: tuned from models/base on datasets/reviews.
  void AddClassifier(const std::string& id, const std::string& source_job = "");
  void AddWorker(const std::string& id, int slots = 1, int threads = 2);
  v1::FileRef AddBlob(const std::string& path);  // with a row that says it is there

  // ---- workers ----
  // A fence, or 0 when it was not granted.
  int64_t Grant(const std::string& job_id, const std::string& worker_id = "w1");
  absl::Status Lapse(const std::string& job_id);
  absl::Status Fail(const std::string& job_id, v1::Failed::FailureClass failure_class);
  absl::Status ProveDead(const std::string& job_id);

 private:
  absl::StatusOr<v1::Job> Ask(absl::FunctionRef<absl::StatusOr<v1::Job>(Transaction&)> call);

  TempDir dir_;
  SimLoop loop_;
  SimExecutor& writer_;
  SeededRng rng_{7};
  std::unique_ptr<Store> store_;
  JobCounters counters_;
  JobLifecycle lifecycle_;
  Leases leases_;
  int blobs_ = 0;
};

// "INVALID_FIELD", or "OK".
std::string ReasonOf(const absl::Status& status);

}  // namespace attune
