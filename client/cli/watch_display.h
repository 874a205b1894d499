// SPDX-License-Identifier: Apache-2.0
// Shows a watched job: events as lines of their own; progress as one live line on a terminal, as a
// whole line every few seconds elsewhere; as JSON lines for programs. Used by one thread.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/job_watcher.h"
#include "client/text/message_output.h"
#include "client/text/progress_line.h"
#include "client/text/terminal.h"

namespace attune {

class WatchDisplay final : public WatchObserver {
 public:
  static constexpr absl::Duration kPlainInterval = absl::Seconds(5);

  struct Options {
    OutputFormat format = OutputFormat::kTable;
    Terminal terminal;
  };

  // Borrows out, err and clock. `read_job` asks the server for what step metrics do not say:
  // totals.
  WatchDisplay(std::ostream& out, std::ostream& err, const Options& options, const Clock& clock,
               std::function<absl::StatusOr<v1::Job>()> read_job);

  void OnEvent(const v1::JobEvent& event) override;
  void OnMetrics(const v1::StepMetrics& metrics) override;
  void OnDisconnected(const absl::Status& why) override;

  void ClearLiveLine();  // before anything else is printed

 private:
  void PrintLine(const std::string& line);
  void LearnTotals(const v1::StepMetrics& metrics);

  std::ostream& out_;
  std::ostream& err_;
  const Options options_;
  const Clock& clock_;
  const std::function<absl::StatusOr<v1::Job>()> read_job_;
  ProgressView view_;
  int64_t attempt_ = 0;                               // that the totals are of
  bool live_line_ = false;                            // the cursor stands on it
  absl::Duration next_plain_ = absl::ZeroDuration();  // since boot
};

}  // namespace attune
