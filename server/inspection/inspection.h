// SPDX-License-Identifier: Apache-2.0
// Runs attune-inspect for whatever waits to be checked: datasets and models in CHECKING, jobs in
// VALIDATING; one at a time, niced, in a process of its own with its own limits. Woken by the
// change feed, and once at start (everything that was in CHECKING or VALIDATING is checked again).
// A crash or a limit is tried once more; then the input is bad with INSPECTION_FAILED. Nothing of
// the file is parsed here: the report is stored as it comes, and only its summary fields are read.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "attune/v1/job.pb.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/spawner.h"
#include "server/blobs/blob_store.h"
#include "server/store/inputs_table.h"
#include "server/store/store.h"

namespace attune {

// Runs the inspector on a JSON request; the callback gets the JSON report, or why there is none.
// `done` is called once, from any thread. The simulator and tests provide their own.
class Inspector {
 public:
  virtual ~Inspector() = default;
  virtual void Run(std::string request_json,
                   absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) = 0;
};

// attune-inspect as a child process, killed after `time_limit`. `executor` is serial, shut down
// before the inspector is destroyed, and outlives the spawner; `work_dir` is made, and is where the
// child runs.
std::unique_ptr<Inspector> MakeProcessInspector(std::string binary, Spawner& spawner,
                                                Executor& executor, std::string work_dir,
                                                absl::Duration time_limit = absl::Seconds(120));

class Inspection {
 public:
  // Gives the result of a job's check to server/jobs, in the transaction that also caches it;
  // called for every VALIDATING job with that key. Wired by the server's root.
  using ApplyJobCheck =
      std::function<absl::Status(Transaction&, std::string_view check_key, const CheckRecord&)>;
  Inspection(Store& store, BlobStore& blobs, FileSystem& files, Inspector& inspector,
             Executor& executor /* serial, its own */, std::string work_dir, ApplyJobCheck apply);
  ~Inspection();  // executor must be shut down first

  void Start();

  // Checks a job that is not in the store, in its turn: `done` gets the result once, from the
  // executor; FAILED_PRECONDITION while an input is still CHECKING; UNAVAILABLE when the server
  // stops. The result is cached as that of any job. Thread-safe.
  void CheckJob(v1::JobSpec spec, std::string check_key,
                absl::AnyInvocable<void(absl::StatusOr<CheckRecord>)> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace attune
