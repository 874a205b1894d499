// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/simulation/history_checker.h"

namespace attune {
namespace {

using v1::Job;

// Rows of the table of Job.State: where a job may go in one event.
const std::map<int, std::set<int>>& NextStates() {
  static const auto& table = *new std::map<int, std::set<int>>{
      {Job::STATE_UNSPECIFIED, {Job::VALIDATING}},
      {Job::VALIDATING, {Job::VALIDATING, Job::QUEUED, Job::FAILED, Job::CANCELLED, Job::PAUSED}},
      {Job::QUEUED, {Job::RUNNING, Job::CANCELLED, Job::PAUSED}},
      {Job::RUNNING,
       {Job::RUNNING, Job::SUCCEEDED, Job::FAILED, Job::QUEUED, Job::CANCELLING, Job::CANCELLED,
        Job::PAUSING, Job::PAUSED}},
      {Job::PAUSING, {Job::SUCCEEDED, Job::FAILED, Job::PAUSED, Job::CANCELLING}},
      {Job::PAUSED, {Job::CANCELLED, Job::QUEUED, Job::VALIDATING}},
      {Job::CANCELLING, {Job::CANCELLED}},
      {Job::SUCCEEDED, {}},
      {Job::FAILED, {}},
      {Job::CANCELLED, {}}};
  return table;
}

bool IsEnd(int state) {
  return state == Job::SUCCEEDED || state == Job::FAILED || state == Job::CANCELLED;
}

bool IsHeld(int state) {
  return state == Job::RUNNING || state == Job::PAUSING || state == Job::CANCELLING;
}

absl::Duration TimeOf(const v1::JobEvent& event) {
  return absl::Seconds(event.event_time().seconds()) +
         absl::Nanoseconds(event.event_time().nanos());
}

class LogReader {
 public:
  explicit LogReader(const FinalState::Job& job) : job_(job) {}

  std::vector<std::string> Read() {
    int64_t expected = 1;
    for (const v1::JobEvent& event : job_.events) {
      if (event.sequence() != expected++) {
        Add("I15", absl::StrCat("event ", event.sequence(), " is not the next one"));
      }
      event.has_state() ? OnState(event) : OnEffect(event);
    }
    CheckEnd();
    return std::move(violations_);
  }

 private:
  void Add(const char* invariant, const std::string& what) {
    violations_.push_back(absl::StrCat(invariant, " ", job_.record.job.name(), ": ", what));
  }
  void OnState(const v1::JobEvent& event);
  void OnGrant(const v1::JobEvent& event);
  void OnEffect(const v1::JobEvent& event);
  void OnDamage(const v1::JobEvent& event);
  void CheckEnd();
  void CheckBudget();

  const FinalState::Job& job_;
  int state_ = Job::STATE_UNSPECIFIED, reason_ = Job::STATE_REASON_UNSPECIFIED;
  int64_t attempt_ = 0, committed_ = 0, committed_by_ = 0;
  std::set<int64_t> registered_;  // steps of checkpoints that were never found damaged
  int ends_ = 0, backoffs_ = 0;
  absl::Duration not_before_ = -absl::InfiniteDuration();
  std::vector<std::string> violations_;
};

void LogReader::OnState(const v1::JobEvent& event) {
  const int next = event.state().state(), reason = event.state().reason();
  if (IsEnd(state_)) Add("I5", absl::StrCat("event ", event.sequence(), " follows the final one"));
  const bool silent = state_ == Job::RUNNING && reason_ == Job::WORKER_SILENT;
  const bool only_when_silent =
      state_ == Job::RUNNING && (next == Job::CANCELLED || next == Job::PAUSED);
  if (!NextStates().at(state_).contains(next) || (only_when_silent && !silent)) {
    Add("I6", absl::StrCat("event ", event.sequence(), " goes from ", state_, "/", reason_, " to ",
                           next, "/", reason));
  }
  const bool grant = next == Job::RUNNING && event.attempt() != attempt_;
  if (state_ == Job::QUEUED && next == Job::RUNNING && !grant) {
    Add("I6", absl::StrCat("event ", event.sequence(), " runs without a new attempt"));
  }
  if (grant && state_ == Job::RUNNING && !silent) {
    Add("I6", absl::StrCat("event ", event.sequence(), " replaces an attempt that is heard"));
  }
  if (grant) OnGrant(event);
  if (!grant && event.attempt() != attempt_) {
    Add("I12", absl::StrCat("event ", event.sequence(), " is of attempt ", event.attempt(),
                            " while ", attempt_, " holds the job"));
  }
  if (reason == Job::BACKOFF) {
    // A smaller micro-batch is tried soon, however often the worker was to blame before.
    const bool shrunk = absl::StrContains(event.state().message(), "once more with batch_size");
    const double seconds = shrunk ? 4 : std::min(5 * std::pow(2, backoffs_++), 600.0) * 0.8;
    not_before_ = TimeOf(event) + absl::Seconds(seconds);
  } else if (next != Job::RUNNING) {
    not_before_ = -absl::InfiniteDuration();  // a pause in between ends the backoff
  }
  ends_ += IsEnd(next) ? 1 : 0;
  state_ = next;
  reason_ = reason;
}

void LogReader::OnGrant(const v1::JobEvent& event) {
  if (TimeOf(event) < not_before_) {
    Add("I14", absl::StrCat("attempt ", event.attempt(), " begins before its backoff is over"));
  }
  if (event.attempt() != attempt_ + 1) {
    Add("I12", absl::StrCat("attempt ", event.attempt(), " follows attempt ", attempt_));
  }
  attempt_ = event.attempt();
  const auto row = std::find_if(job_.attempts.begin(), job_.attempts.end(),
                                [&](const AttemptRecord& a) { return a.attempt == attempt_; });
  if (row == job_.attempts.end()) return Add("I3", absl::StrCat("no row of attempt ", attempt_));
  if (row->start_step != committed_) {
    Add("I8", absl::StrCat("attempt ", attempt_, " starts at step ", row->start_step, ", but step ",
                           committed_, " is committed"));
  }
}

void LogReader::OnEffect(const v1::JobEvent& event) {
  if (!IsHeld(state_)) {
    Add("I4", absl::StrCat("event ", event.sequence(), " is an effect while nobody holds the job"));
  }
  if (event.attempt() != attempt_) {
    Add("I12", absl::StrCat("event ", event.sequence(), " is an effect of attempt ",
                            event.attempt(), " while ", attempt_, " holds the job"));
  }
  if (event.has_checkpoint_damage()) return OnDamage(event);
  if (!event.has_checkpoint()) return;
  if (event.checkpoint().step() <= committed_) {
    Add("I8", absl::StrCat("the committed step goes from ", committed_, " to ",
                           event.checkpoint().step()));
  }
  committed_ = event.checkpoint().step();
  registered_.insert(committed_);
  committed_by_ = attempt_;
}

// The one way for a committed step to fall: to that of the checkpoint before it.
void LogReader::OnDamage(const v1::JobEvent& event) {
  const v1::CheckpointDamage& damage = event.checkpoint_damage();
  if (damage.step() != committed_) {
    Add("I8", absl::StrCat("step ", damage.step(), " is given up while step ", committed_,
                           " is committed"));
  }
  if (!registered_.contains(damage.fallback_step()) && damage.fallback_step() != 0) {
    Add("I8", absl::StrCat("it falls back to step ", damage.fallback_step(),
                           ", of which there never was a checkpoint"));
  }
  if (damage.fallback_step() >= damage.step()) {
    Add("I8", absl::StrCat("it falls back from step ", damage.step(), " to step ",
                           damage.fallback_step()));
  }
  registered_.erase(damage.step());
  committed_ = damage.fallback_step();
  committed_by_ = attempt_ - 1;  // the count of ends without progress begins anew with this one
}

void LogReader::CheckEnd() {
  const Job& job = job_.record.job;
  if (ends_ != 1) Add("I5", absl::StrCat("it has ", ends_, " final events"));
  if (job.state() != state_ || job.reason() != reason_) {
    Add("I6", absl::StrCat("its row says ", static_cast<int>(job.state()), ", its last event says ",
                           state_));
  }
  if (job.committed_step() != committed_) {
    Add("I8",
        absl::StrCat("its row says step ", job.committed_step(), ", its log says ", committed_));
  }
  if (job_.record.attempt != attempt_) {
    Add("I12",
        absl::StrCat("its row says attempt ", job_.record.attempt, ", its log says ", attempt_));
  }
  CheckBudget();
}

void LogReader::CheckBudget() {
  const Job& job = job_.record.job;
  const int budget = job.spec().retry().max_infra_retries();
  int lost = 0, lost_since_commit = 0;
  for (const AttemptRecord& attempt : job_.attempts) {
    if (attempt.state != v1::Attempt::LOST && attempt.state != v1::Attempt::FAILED) continue;
    ++lost;
    lost_since_commit += attempt.attempt > committed_by_ ? 1 : 0;
  }
  if (backoffs_ > budget) Add("I14", absl::StrCat("it was retried ", backoffs_, " times"));
  if (state_ != Job::FAILED) return;
  if (job.failure().reason() == v1::NO_PROGRESS && lost_since_commit < 3) {
    Add("I14", absl::StrCat("NO_PROGRESS after ", lost_since_commit, " ends"));
  }
  if (job.failure().reason() == v1::RETRIES_EXHAUSTED && lost <= budget) {
    Add("I14", absl::StrCat("RETRIES_EXHAUSTED after ", lost, " ends"));
  }
}

}  // namespace

std::vector<std::string> CheckJobLog(const FinalState::Job& job) { return LogReader(job).Read(); }

}  // namespace attune
