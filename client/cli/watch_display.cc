// SPDX-License-Identifier: Apache-2.0
#include "client/cli/watch_display.h"

#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "attune/v1/job_service.pb.h"
#include "client/text/job_text.h"
#include "client/text/words.h"

namespace attune {

WatchDisplay::WatchDisplay(std::ostream& out, std::ostream& err, const Options& options,
                           const Clock& clock, std::function<absl::StatusOr<v1::Job>()> read_job)
    : out_(out), err_(err), options_(options), clock_(clock), read_job_(std::move(read_job)) {}

void WatchDisplay::OnEvent(const v1::JobEvent& event) {
  if (options_.format == OutputFormat::kJsonLines) {
    v1::WatchJobResponse update;
    *update.mutable_event() = event;
    out_ << ToOutput(update, OutputFormat::kJsonLines) << std::flush;
    return;
  }
  if (options_.format != OutputFormat::kTable) return;
  if (event.has_evaluation()) Update(view_, event.evaluation());
  PrintLine(EventLine(event, options_.terminal));
  const std::string sample = SampleLine(event.evaluation(), options_.terminal);
  if (!sample.empty()) PrintLine(sample);
}

void WatchDisplay::OnMetrics(const v1::StepMetrics& metrics) {
  if (options_.format == OutputFormat::kJsonLines) {
    v1::WatchJobResponse update;
    *update.mutable_metrics() = metrics;
    out_ << ToOutput(update, OutputFormat::kJsonLines) << std::flush;
    return;
  }
  if (options_.format != OutputFormat::kTable) return;
  LearnTotals(metrics);
  Update(view_, metrics);
  if (options_.terminal.live) {
    out_ << "\r" << LiveLine(view_, options_.terminal) << "\x1b[K" << std::flush;
    live_line_ = true;
    return;
  }
  const absl::Duration now = clock_.SinceBoot();
  if (now < next_plain_) return;
  next_plain_ = now + kPlainInterval;
  PrintLine(PlainLine(view_));
}

void WatchDisplay::OnDisconnected(const absl::Status& why) {
  ClearLiveLine();
  const absl::string_view message = why.message();
  err_ << " connection lost, trying again: "
       << (why.ok() ? "the stream ended" : Printable({message.data(), message.size()}))
       << std::endl;
}

void WatchDisplay::ClearLiveLine() {
  if (std::exchange(live_line_, false)) out_ << "\r\x1b[K" << std::flush;
}

void WatchDisplay::PrintLine(const std::string& line) {
  ClearLiveLine();
  out_ << line << std::endl;
}

void WatchDisplay::LearnTotals(const v1::StepMetrics& metrics) {
  if (view_.total_steps > 0 && attempt_ == metrics.attempt()) return;
  const auto job = read_job_();
  if (!job.ok()) return;
  view_ = ViewOf(job->progress());
  attempt_ = metrics.attempt();
}

}  // namespace attune
