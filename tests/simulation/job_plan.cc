// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/job_plan.h"

#include "absl/strings/str_cat.h"

namespace attune {
namespace {

constexpr double kFailingWeightDecay = 0.5;
constexpr int64_t kBadMaxLength = 13;
constexpr int64_t kTooLargeBatch = 12;

uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

}  // namespace

JobPlan DrawJobPlan(Rng& rng) {
  JobPlan plan;
  plan.request_id = rng.Uuid();
  plan.seed = rng.Next();
  plan.steps = 5 + static_cast<int64_t>(rng.Below(25));
  plan.checkpoint_every = 2 + static_cast<int64_t>(rng.Below(6));
  const uint64_t outcome = rng.Below(12);
  if (outcome == 0) plan.outcome = JobPlan::Outcome::kBadData;
  if (outcome == 1) plan.outcome = JobPlan::Outcome::kFailsUser;
  if (outcome == 2) plan.outcome = JobPlan::Outcome::kOutgrowsMemory;
  const uint64_t wish = rng.Below(10);
  if (wish < 2) plan.wish = JobPlan::Wish::kCancel;
  if (wish >= 2 && wish < 5) plan.wish = JobPlan::Wish::kPauseAndResume;
  return plan;
}

v1::CreateJobRequest RequestOf(const JobPlan& plan) {
  v1::CreateJobRequest request;
  request.set_request_id(plan.request_id);
  v1::FineTune& tune = *request.mutable_job()->mutable_spec()->mutable_fine_tune();
  tune.set_base_model("models/base");
  tune.set_train_dataset("datasets/reviews");
  // Lengths differ, so that each job is checked by itself.
  const bool bad = plan.outcome == JobPlan::Outcome::kBadData;
  tune.mutable_text_classification()->set_max_length(
      bad ? kBadMaxLength : 16 + static_cast<int64_t>(plan.seed % 100));
  v1::Hyperparameters& h = *tune.mutable_hyperparameters();
  h.set_seed(plan.seed);
  h.set_max_steps(plan.steps);
  if (plan.outcome == JobPlan::Outcome::kFailsUser) h.set_weight_decay(kFailingWeightDecay);
  if (plan.outcome == JobPlan::Outcome::kOutgrowsMemory) h.set_batch_size(kTooLargeBatch);
  tune.mutable_checkpoints()->set_every_steps(plan.checkpoint_every);
  return request;
}

bool ChecksOut(const v1::FineTune& tune) {
  return tune.text_classification().max_length() != kBadMaxLength;
}

bool TrainerFails(double weight_decay) { return weight_decay == kFailingWeightDecay; }

bool OutgrowsMemory(int64_t batch_size) { return batch_size == kTooLargeBatch; }

uint64_t FirstTrainingState(uint64_t seed) { return Mix(seed + 1); }

uint64_t NextTrainingState(uint64_t state, int64_t step) {
  return Mix(state ^ static_cast<uint64_t>(step));
}

double LossOf(uint64_t state) { return static_cast<double>(state >> 11) * 0x1p-53; }

uint64_t TrainingStateAt(uint64_t seed, int64_t step) {
  uint64_t state = FirstTrainingState(seed);
  for (int64_t done = 1; done <= step; ++done) state = NextTrainingState(state, done);
  return state;
}

std::string ModelBytes(uint64_t final_state) { return absl::StrCat("weights ", final_state); }

}  // namespace attune
