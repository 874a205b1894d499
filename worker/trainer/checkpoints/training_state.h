// SPDX-License-Identifier: Apache-2.0
// All that a run needs to go on exactly where it was, but for the tensors: these are the values and
// moments of Task::parameters(). One struct, saved and loaded by one call each (checkpoint.h).
// Randomness is not in it: it is a function of (seed, step, micro-step, site) and (seed, epoch).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "formats/weights/pooling.h"
#include "worker/trainer/loop/early_stopping.h"

namespace attune {

struct BestSoFar {
  int64_t step = -1;  // of the evaluation; -1: none yet
  double value = 0;   // of best_metric
  bool operator==(const BestSoFar&) const = default;
};

// Without its seconds, which no run repeats.
struct RecordedEvaluation : EvaluationFrame {};

struct TrainingState {
  int64_t step = 0;        // optimizer steps done; also the schedule's and the optimizer's place
  int64_t micro_step = 0;  // within the next step; checkpoints lie between steps, so 0
  int64_t total_steps = 0;
  uint64_t permutation_seed = 0;
  int64_t epoch = 0;          // of the next example
  int64_t next_index = 0;     // its place in the epoch's order
  double epoch_loss_sum = 0;  // of the current epoch, over epoch_sequences
  int64_t epoch_sequences = 0;
  int64_t evaluated_step = -1;  // where the last evaluation that is contained was made
  BestSoFar best;
  std::vector<RecordedEvaluation> evaluations;  // all so far, in order
  int64_t metrics_bytes = 0;                    // length of metrics.jsonl
  std::string fingerprint;                      // of the job: FingerprintOf
  EarlyStopping early_stopping;
  int64_t batch_size = 0;  // sequences per micro-batch, with which it came here
};

// What must be the same for a checkpoint to be continued: hyperparameters, task, pooling, labels,
// number of training examples and tokens; of the batch its sequences, not how they are split into
// micro-batches. As readable JSON, so that a refusal can say what differs.
std::string FingerprintOf(const TrainerSpec& spec, int64_t train_examples, int64_t train_tokens);

Pooling PoolingOf(std::string_view fingerprint);

// OK when the jobs of two fingerprints have the same task, labels, method and pooling, so that the
// weights of one mean the same in the other; else FAILED_PRECONDITION, naming both sides.
absl::Status CheckSameOutputs(std::string_view theirs, std::string_view ours);

std::string ToJson(const TrainingState& state);
// FAILED_PRECONDITION/TRAINER_REFUSED names what is missing or ill-typed.
absl::StatusOr<TrainingState> ParseTrainingState(std::string_view json);

// OK when `state` is one of this very job, at a place its plan has; else FAILED_PRECONDITION.
absl::Status CheckResumable(const TrainingState& state, const TrainingState& fresh,
                            int64_t steps_per_epoch, int64_t sequences_per_step);

}  // namespace attune
