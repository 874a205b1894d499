// SPDX-License-Identifier: Apache-2.0
// The predictions that callers wait for, each with the worker that was asked. Not jobs: in memory
// only, never asked twice. Every call ends once: with the worker's answer, or by End…. Lives on the
// registry's executor; not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "attune/v1/model_service.pb.h"
#include "attune/v1/worker.pb.h"

namespace attune {

// Called once, and must not block.
using PredictionDone = absl::AnyInvocable<void(absl::StatusOr<v1::PredictResponse>)>;

class PredictionCalls {
 public:
  static constexpr size_t kMaxWaiting = 16;

  struct Candidate {
    std::string worker_id;
    bool trains = false;
  };
  // Who is to be asked, of one or more: who was asked about this model last, then who trains
  // nothing, then who has the fewest calls waiting.
  std::string Choose(const std::string& model, const std::vector<Candidate>& candidates) const;

  // From here on `done` is owed an answer; with kMaxWaiting calls before it, that is
  // RESOURCE_EXHAUSTED at once, and the worker must not be asked (false).
  bool Begin(int64_t call_id, const std::string& worker_id, const std::string& model,
             PredictionDone done);

  // What is no open call of this worker is dropped: its time was over.
  void Answer(const std::string& worker_id, v1::PredictionAnswer answer);

  void End(int64_t call_id, const absl::Status& status);
  void EndOfWorker(const std::string& worker_id);  // UNAVAILABLE: its session is gone
  void EndAll(const absl::Status& status);

  size_t waiting() const { return calls_.size(); }

 private:
  struct Call {
    std::string worker_id;
    PredictionDone done;
  };
  int64_t WaitingOn(const std::string& worker_id) const;

  std::map<int64_t, Call> calls_;                  // by call id
  std::map<std::string, std::string> last_model_;  // by worker
};

}  // namespace attune
