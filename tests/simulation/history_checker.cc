// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/history_checker.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"

namespace attune {
namespace {

using v1::Job;

class Checker {
 public:
  Checker(const History& history, const FinalState& state) : history_(history), state_(state) {}

  std::vector<std::string> Check() {
    violations_ = history_.broken;
    CheckSubmits();
    CheckFences();
    CheckReports();
    CheckTrainers();
    for (const auto& [name, job] : state_.jobs) {
      std::vector<std::string> found = CheckJobLog(job);
      std::move(found.begin(), found.end(), std::back_inserter(violations_));
      CheckWatch(name, job);
      CheckCheckpoints(name, job);
    }
    for (const auto& [request_id, submit] : history_.submits) CheckOutcome(submit);
    CheckLooks();
    CheckQuiet();
    return std::move(violations_);
  }

 private:
  template <typename... Parts>
  void Add(const Parts&... parts) {
    violations_.push_back(absl::StrCat(parts...));
  }
  const FinalState::Job* Find(const std::string& name) const {
    const auto found = state_.jobs.find(name);
    return found == state_.jobs.end() ? nullptr : &found->second;
  }
  const AttemptRecord* FindAttempt(const std::string& name, int64_t attempt) const {
    const FinalState::Job* job = Find(name);
    if (job == nullptr) return nullptr;
    for (const AttemptRecord& row : job->attempts) {
      if (row.attempt == attempt) return &row;
    }
    return nullptr;
  }

  void CheckSubmits();
  void CheckFences();
  void CheckReports();
  void CheckTrainers();
  void CheckWatch(const std::string& name, const FinalState::Job& job);
  void CheckCheckpoints(const std::string& name, const FinalState::Job& job);
  void CheckOutcome(const History::Submit& submit);
  void CheckFailure(const JobPlan& plan, const Job& job);
  void CheckModel(const JobPlan& plan, const FinalState::Job& job);
  void CheckTraining(const JobPlan& plan, const FinalState::Job& job);
  void CheckLooks();
  void CheckQuiet();

  const History& history_;
  const FinalState& state_;
  std::vector<std::string> violations_;
};

void Checker::CheckSubmits() {
  std::set<std::string> requests;
  for (const auto& [name, job] : state_.jobs) {
    const std::string& request = job.record.request_id;
    if (!history_.submits.contains(request)) Add("I1 ", name, ": nobody asked for it");
    if (!requests.insert(request).second) Add("I2 ", name, ": a second job of one request");
  }
  for (const auto& [request, submit] : history_.submits) {
    for (const std::string& name : submit.acknowledged) {
      const FinalState::Job* job = Find(name);
      if (job == nullptr) {
        Add("I1 ", name, ": was acknowledged and is not there");
      } else if (job->record.request_id != request) {
        Add("I2 ", name, ": was the answer to another request");
      }
    }
  }
}

void Checker::CheckFences() {
  std::map<int64_t, std::string> owners;
  for (const auto& [name, job] : state_.jobs) {
    int64_t last = 0;
    for (const AttemptRecord& attempt : job.attempts) {
      if (attempt.fence <= last) Add("I3 ", name, ": fence ", attempt.fence, " after ", last);
      last = attempt.fence;
      const auto [owner, is_new] = owners.emplace(attempt.fence, name);
      if (!is_new) Add("I3 ", name, ": has fence ", attempt.fence, " of ", owner->second);
    }
  }
}

void Checker::CheckReports() {
  std::map<std::string, int64_t> newest;
  for (const History::Applied& applied : history_.applied) {
    const AttemptRecord* attempt = FindAttempt(applied.job, applied.attempt);
    if (attempt == nullptr || attempt->fence != applied.fence) {
      Add("I4 ", applied.job, ": reports of fence ", applied.fence, " were accepted as attempt ",
          applied.attempt);
    } else if (attempt->next_index < applied.end_index) {
      Add("I1 ", applied.job, ": report ", applied.end_index - 1, " of fence ", applied.fence,
          " was acknowledged and is lost");
    }
    int64_t& fence = newest[applied.job];
    if (applied.fence < fence) {
      Add("I12 ", applied.job, ": reports of fence ", applied.fence, " after those of ", fence);
    }
    fence = std::max(fence, applied.fence);
  }
}

void Checker::CheckTrainers() {
  for (const History::TrainerStart& start : history_.trainer_starts) {
    if (start.alive > start.slots) {
      Add("I13 ", start.worker, ": ", start.alive, " trainers in ", start.slots, " slots");
    }
    const AttemptRecord* attempt = FindAttempt(start.job, start.attempt);
    if (attempt == nullptr || attempt->fence != start.fence) {
      Add("I3 ", start.job, ": a trainer has fence ", start.fence, ", which was never granted");
    } else if (attempt->start_step != start.start_step) {
      Add("I8 ", start.job, ": the trainer of fence ", start.fence, " starts at step ",
          start.start_step, " instead of ", attempt->start_step);
    }
  }
}

void Checker::CheckWatch(const std::string& name, const FinalState::Job& job) {
  const auto watched = history_.watched.find(name);
  if (watched == history_.watched.end()) return;
  const std::vector<v1::JobEvent>& seen = watched->second;
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i].sequence() != static_cast<int64_t>(i) + 1) {
      Add("I15 ", name, ": a watcher got event ", seen[i].sequence(), " as number ", i + 1);
    } else if (i >= job.events.size() ||
               seen[i].SerializeAsString() != job.events[i].SerializeAsString()) {
      Add("I15 ", name, ": a watcher got another event ", i + 1);
    }
  }
  if (state_.settled && seen.size() < job.events.size()) {
    Add("I15 ", name, ": a watcher got ", seen.size(), " of ", job.events.size(), " events");
  }
}

void Checker::CheckCheckpoints(const std::string& name, const FinalState::Job& job) {
  for (const CheckpointRecord& row : job.checkpoints) {
    for (const v1::FileRef& file : row.checkpoint.files()) {
      if (row.bad || state_.sound_blobs.contains(file.sha256())) continue;
      if (history_.damaged_blobs.contains(file.sha256())) continue;
      Add("I11 ", name, ": ", file.path(), " of step ", row.checkpoint.step(), " does not verify");
    }
  }
}

void Checker::CheckOutcome(const History::Submit& submit) {
  for (const auto& [name, job] : state_.jobs) {
    if (job.record.request_id != submit.plan.request_id) continue;
    const Job& row = job.record.job;
    if (history_.cancelled.contains(name) && row.state() == Job::SUCCEEDED) {
      Add("I7 ", name, ": succeeded after its cancel was acknowledged");
    }
    if (row.state() == Job::CANCELLED && submit.plan.wish != JobPlan::Wish::kCancel) {
      Add("I6 ", name, ": nobody cancelled it");
    }
    if (row.state() == Job::FAILED) CheckFailure(submit.plan, row);
    if (row.state() == Job::SUCCEEDED) CheckModel(submit.plan, job);
    CheckTraining(submit.plan, job);
  }
}

void Checker::CheckFailure(const JobPlan& plan, const Job& job) {
  const v1::ErrorReason reason = job.failure().reason();
  const bool spent = reason == v1::NO_PROGRESS || reason == v1::RETRIES_EXHAUSTED;
  const bool bad_data = plan.outcome == JobPlan::Outcome::kBadData && reason == v1::INVALID_DATASET;
  const bool fails = plan.outcome == JobPlan::Outcome::kFailsUser && reason == v1::NON_FINITE_LOSS;
  if (spent || bad_data || fails) return;
  Add("I6 ", job.name(), ": failed without a cause: ", v1::ErrorReason_Name(reason), " ",
      job.failure().message());
}

void Checker::CheckModel(const JobPlan& plan, const FinalState::Job& job) {
  const Job& row = job.record.job;
  const bool outgrows = plan.outcome == JobPlan::Outcome::kOutgrowsMemory;
  if (plan.outcome != JobPlan::Outcome::kTrains && !outgrows) {
    Add("I6 ", row.name(), ": cannot have succeeded");
  }
  if (job.record.micro_batch_divisor != (outgrows ? 2 : 1)) {
    Add("R9 ", row.name(), ": its micro-batch was divided by ", job.record.micro_batch_divisor);
  }
  const auto model = state_.models.find(row.output_model());
  if (model == state_.models.end()) {
    return Add("I20 ", row.name(), ": its model is not there");
  }
  const std::string expected = Sha256::Hex(ModelBytes(TrainingStateAt(plan.seed, plan.steps)));
  if (model->second.source_job() != row.name() || model->second.files_size() != 1 ||
      model->second.files(0).sha256() != expected || !state_.sound_blobs.contains(expected)) {
    Add("I20 ", row.name(), ": its model is not what its training comes to");
  }
  if (job.events.back().state().output_model() != row.output_model()) {
    Add("I20 ", row.name(), ": its final event names another model");
  }
  if (static_cast<int64_t>(job.metrics.size()) != plan.steps) {
    Add("I10 ", row.name(), ": ", job.metrics.size(), " rows of ", plan.steps, " steps");
  }
}

// Step by step as the run that was never killed.
void Checker::CheckTraining(const JobPlan& plan, const FinalState::Job& job) {
  int64_t step = 0;
  for (const v1::StepMetrics& row : job.metrics) {
    if (row.step() != ++step) {
      return Add("I10 ", job.record.job.name(), ": row of step ", row.step(), " instead of ", step);
    }
    if (row.loss() != LossOf(TrainingStateAt(plan.seed, step))) {
      return Add("I10 ", job.record.job.name(), ": step ", step, " has another loss");
    }
  }
}

void Checker::CheckLooks() {
  for (const History::Look& look : history_.looks) {
    if (look.answered >= look.known) continue;
    Add("I21 ", look.job, ": ", look.client, " knew of event ", look.known, " and was shown ",
        look.answered);
  }
}

void Checker::CheckQuiet() {
  if (!state_.settled) Add("I19 not every job became final");
  for (const std::string& left : state_.leftovers) Add("I19 left over: ", left);
  for (const auto& [name, job] : state_.jobs) {
    for (const AttemptRecord& attempt : job.attempts) {
      const bool ended =
          attempt.state == v1::Attempt::SUCCEEDED || attempt.state == v1::Attempt::FAILED ||
          attempt.state == v1::Attempt::STOPPED || attempt.state == v1::Attempt::LOST;
      if (!ended) Add("I19 ", name, ": attempt ", attempt.attempt, " has not ended");
    }
  }
}

}  // namespace

std::vector<std::string> CheckHistory(const History& history, const FinalState& state) {
  return Checker(history, state).Check();
}

}  // namespace attune
