// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/sim_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/jobs/job_lifecycle.h"
#include "server/jobs/job_state.h"

namespace attune {
namespace {

// What a repetition of the same call would only say again.
bool IsAnswer(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
      return true;
    default:
      return false;
  }
}

std::string IdOf(const std::string& job) { return job.substr(5); }  // after "jobs/"

}  // namespace

void SimClient::Change(const std::string& what, const SimServer::JobCall& call, Changed done) {
  network_.Call<JobView>(
      [&server = server_, call](Respond<JobView> respond) {
        server.ChangeJob(call, std::move(respond));
      },
      [this, what, call, done](const absl::StatusOr<JobView>& answer) {
        trace_.Line(name_, " ", what, ": ",
                    answer.ok() ? absl::StrCat(answer->job.name(), " ",
                                               v1::Job::State_Name(answer->job.state()))
                                : answer.status().ToString());
        if (IsAnswer(answer.status())) return done(answer);
        lane_.PostAfter(Within(5), [this, what, call, done] { Change(what, call, done); });
      });
}

void SimClient::Know(const std::string& job, int64_t sequence) {
  known_[job] = std::max(known_[job], sequence);
}

void SimClient::SubmitLater(const JobPlan& plan, absl::Duration after) {
  ++open_;
  history_.submits[plan.request_id].plan = plan;
  lane_.PostAfter(after, [this, plan] { Submit(plan); });
}

void SimClient::Submit(const JobPlan& plan) {
  Change(
      "submits",
      [request = RequestOf(plan)](JobLifecycle& lifecycle, Transaction& transaction) {
        return lifecycle.Create(transaction, request);
      },
      [this, plan](const absl::StatusOr<JobView>& answer) {
        if (answer.ok()) return OnSubmitted(plan, *answer);
        history_.broken.push_back(
            absl::StrCat("I2 a submit was refused: ", answer.status().ToString()));
      });
}

void SimClient::OnSubmitted(const JobPlan& plan, const JobView& view) {
  const std::string job = view.job.name();
  std::vector<std::string>& known = history_.submits[plan.request_id].acknowledged;
  const bool first = known.empty();
  known.push_back(job);
  Know(job, view.sequence);
  LookAt(job);
  if (!first) return;
  Watch(job);
  // Somebody who lost the reply sends the request again, perhaps much later.
  if (rng_.Below(4) == 0) lane_.PostAfter(Within(120), [this, plan] { Submit(plan); });
  if (plan.wish == JobPlan::Wish::kCancel) {
    lane_.PostAfter(Within(60), [this, job] { Cancel(job); });
  } else if (plan.wish == JobPlan::Wish::kPauseAndResume) {
    lane_.PostAfter(Within(40), [this, job] { Pause(job); });
  }
}

void SimClient::Cancel(const std::string& job) {
  Change(
      "cancels",
      [id = IdOf(job)](JobLifecycle& lifecycle, Transaction& transaction) {
        return lifecycle.Cancel(transaction, id);
      },
      [this, job](const absl::StatusOr<JobView>& answer) {
        if (absl::IsNotFound(answer.status())) history_.broken.push_back("I1 lost " + job);
        if (!answer.ok()) return;
        history_.cancelled.insert(job);
        Know(job, answer->sequence);
        LookAt(job);
      });
}

void SimClient::Pause(const std::string& job) {
  Change(
      "pauses",
      [id = IdOf(job)](JobLifecycle& lifecycle, Transaction& transaction) {
        return lifecycle.Pause(transaction, id);
      },
      [this, job](const absl::StatusOr<JobView>& answer) {
        if (absl::IsNotFound(answer.status())) history_.broken.push_back("I1 lost " + job);
        if (!answer.ok()) return;
        Know(job, answer->sequence);
        LookAt(job);
      });
}

void SimClient::Resume(const std::string& job) {
  Change(
      "resumes",
      [id = IdOf(job)](JobLifecycle& lifecycle, Transaction& transaction) {
        return lifecycle.Resume(transaction, id);
      },
      [this, job](const absl::StatusOr<JobView>& answer) {
        if (!answer.ok()) return;
        Know(job, answer->sequence);
        LookAt(job);
      });
}

void SimClient::LookAt(const std::string& job) {
  network_.Call<JobView>(
      [&server = server_, job](Respond<JobView> respond) { server.GetJob(job, respond); },
      [this, job, known = known_[job]](const absl::StatusOr<JobView>& answer) {
        if (absl::IsNotFound(answer.status())) history_.broken.push_back("I1 lost " + job);
        if (!answer.ok()) return;
        history_.looks.push_back({name_, job, known, answer->sequence});
        Know(job, answer->sequence);
        // Nobody leaves a job paused for ever: a pause may also come late, by a delayed request.
        if (answer->job.state() != v1::Job::PAUSED) return;
        lane_.PostAfter(Within(20), [this, job] { Resume(job); });
      });
}

void SimClient::Watch(const std::string& job) {
  const std::vector<v1::JobEvent>& seen = history_.watched[job];
  const int64_t after = seen.empty() ? 0 : seen.back().sequence();
  network_.Call<std::vector<v1::JobEvent>>(
      [&server = server_, job, after](Respond<std::vector<v1::JobEvent>> respond) {
        server.ListEvents(job, after, respond);
      },
      [this, job](const absl::StatusOr<std::vector<v1::JobEvent>>& events) {
        OnEvents(job, events.value_or(std::vector<v1::JobEvent>()));
      });
}

void SimClient::OnEvents(const std::string& job, const std::vector<v1::JobEvent>& events) {
  bool final = false;
  for (const v1::JobEvent& event : events) {
    history_.watched[job].push_back(event);
    final = final || IsFinal(static_cast<v1::Job::State>(event.state().state()));
  }
  if (final) {
    --open_;
    return;
  }
  if (rng_.Below(3) == 0) LookAt(job);
  lane_.PostAfter(Within(4), [this, job] { Watch(job); });
}

}  // namespace attune
