// SPDX-License-Identifier: Apache-2.0
// attune metrics: the step metrics of a job.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/names.h"
#include "client/cli/paging.h"
#include "client/text/words.h"

namespace attune {
namespace {

Table MetricsTable(const Repeated<v1::StepMetrics>& rows) {
  Table table({"STEP", "EPOCH", "LOSS", "LR", "GRAD", "TOK/S", "ATTEMPT"});
  for (const v1::StepMetrics& row : rows) {
    table.AddRow({absl::StrCat(row.step()), absl::StrFormat("%.2f", row.epoch()),
                  absl::StrFormat("%.4f", row.loss()), absl::StrFormat("%.3g", row.learning_rate()),
                  MetricText(row.grad_norm()), RateText(row.tokens_per_second()),
                  absl::StrCat(row.attempt())});
  }
  return table;
}

absl::StatusOr<int> RunMetrics(const std::string& job, Session& session) {
  v1::ListMetricsRequest request;
  ATTUNE_ASSIGN_OR_RETURN(*request.mutable_name(), NameFromArgument("jobs", job));
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  request.set_page_size(kPageSize);
  v1::ListMetricsResponse all;
  do {
    ATTUNE_ASSIGN_OR_RETURN(auto page,
                            connection->Call(&v1::JobService::Stub::ListMetrics, request));
    for (v1::StepMetrics& row : *page.mutable_metrics()) *all.add_metrics() = std::move(row);
    request.set_after_step(page.next_after_step());
  } while (request.after_step() > 0);
  PrintList(session, all, all.metrics(), MetricsTable(all.metrics()));
  return 0;
}

}  // namespace

void AddMetrics(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("metrics", "Print a job's metrics by step");
  const auto job = std::make_shared<std::string>();
  command->add_option("JOB", *job, "The job")->required();
  command->callback([job, &chosen] { chosen = [job](Session& s) { return RunMetrics(*job, s); }; });
}

}  // namespace attune
