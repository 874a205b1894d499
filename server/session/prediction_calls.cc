// SPDX-License-Identifier: Apache-2.0
#include "server/session/prediction_calls.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

absl::StatusOr<v1::PredictResponse> ResultOf(v1::PredictionAnswer answer) {
  if (answer.has_failure()) {
    const v1::PredictionFailure& failure = answer.failure();
    const auto code = static_cast<absl::StatusCode>(failure.code());
    const bool known = code > absl::StatusCode::kOk && code <= absl::StatusCode::kUnauthenticated;
    return MakeError(known ? code : absl::StatusCode::kInternal,
                     v1::ErrorReason_Name(failure.reason()), failure.message());
  }
  v1::PredictResponse response;
  *response.mutable_rows() = std::move(*answer.mutable_rows());
  return response;
}

}  // namespace

int64_t PredictionCalls::WaitingOn(const std::string& worker_id) const {
  return std::count_if(calls_.begin(), calls_.end(),
                       [&](const auto& entry) { return entry.second.worker_id == worker_id; });
}

std::string PredictionCalls::Choose(const std::string& model,
                                    const std::vector<Candidate>& candidates) const {
  const auto cost = [&](const Candidate& worker) {
    const auto last = last_model_.find(worker.worker_id);
    const bool cold = last == last_model_.end() || last->second != model;
    return std::tuple(cold, worker.trains, WaitingOn(worker.worker_id));
  };
  return std::min_element(candidates.begin(), candidates.end(),
                          [&](const Candidate& a, const Candidate& b) { return cost(a) < cost(b); })
      ->worker_id;
}

bool PredictionCalls::Begin(int64_t call_id, const std::string& worker_id, const std::string& model,
                            PredictionDone done) {
  if (calls_.size() >= kMaxWaiting) {
    done(MakeError(absl::StatusCode::kResourceExhausted, "TOO_MANY_CALLS",
                   absl::StrCat(kMaxWaiting,
                                " predictions wait already, which is the limit; ask again when "
                                "some were answered, or predict a whole file with a job")));
    return false;
  }
  calls_[call_id] = {worker_id, std::move(done)};
  last_model_[worker_id] = model;
  return true;
}

void PredictionCalls::Answer(const std::string& worker_id, v1::PredictionAnswer answer) {
  const auto found = calls_.find(answer.call_id());
  if (found == calls_.end() || found->second.worker_id != worker_id) return;
  PredictionDone done = std::move(found->second.done);
  calls_.erase(found);
  done(ResultOf(std::move(answer)));
}

void PredictionCalls::End(int64_t call_id, const absl::Status& status) {
  auto call = calls_.extract(call_id);
  if (!call.empty()) call.mapped().done(status);
}

void PredictionCalls::EndOfWorker(const std::string& worker_id) {
  last_model_.erase(worker_id);
  const absl::Status lost = MakeError(
      absl::StatusCode::kUnavailable, "WORKER_LOST",
      absl::StrCat("the session with workers/", worker_id, " ended meanwhile; ask again"));
  for (auto it = calls_.begin(); it != calls_.end();) {
    const auto call = it++;
    if (call->second.worker_id == worker_id) End(call->first, lost);
  }
}

void PredictionCalls::EndAll(const absl::Status& status) {
  while (!calls_.empty()) End(calls_.begin()->first, status);
}

}  // namespace attune
