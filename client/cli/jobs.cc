// SPDX-License-Identifier: Apache-2.0
// attune jobs: the list of jobs, newest first.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/suggestion.h"
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/paging.h"
#include "client/client_errors.h"

namespace attune {
namespace {

struct JobsOptions {
  std::string state;
  std::string filter;
  int limit = 0;
};

std::vector<std::string> StateNames() {
  std::vector<std::string> names;
  const auto* type = v1::Job::State_descriptor();
  for (int i = 1; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
  return names;
}

absl::StatusOr<std::string> FilterOf(const JobsOptions& options) {
  if (options.state.empty()) return options.filter;
  const std::string state = absl::AsciiStrToUpper(options.state);
  v1::Job::State known;
  if (!v1::Job::State_Parse(state, &known)) {
    return ClientError(
        ClientReason::kUsage,
        absl::StrCat("unknown state '", options.state, "'", DidYouMean(state, StateNames())),
        absl::StrCat("states: ", absl::StrJoin(StateNames(), ", ")));
  }
  return absl::StrCat("state = ", state, options.filter.empty() ? "" : " AND ", options.filter);
}

absl::StatusOr<int> RunJobs(const JobsOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::ListJobsRequest request;
  ATTUNE_ASSIGN_OR_RETURN(*request.mutable_filter(), FilterOf(options));
  v1::ListJobsResponse all;
  const auto on_page = [&](v1::ListJobsResponse& page) {
    for (v1::Job& job : *page.mutable_jobs()) {
      if (options.limit > 0 && all.jobs_size() == options.limit) return false;
      *all.add_jobs() = std::move(job);
    }
    return true;
  };
  ATTUNE_RETURN_IF_ERROR(
      ForEachPage(*connection, &v1::JobService::Stub::ListJobs, request, on_page));
  PrintList(session, all, all.jobs(), TableOf(all.jobs(), session.surroundings().clock.Now()));
  return 0;
}

}  // namespace

void AddJobs(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("jobs", "List jobs, newest first");
  const auto options = std::make_shared<JobsOptions>();
  command->add_option("--state", options->state, "Only jobs in this state");
  command->add_option("--filter", options->filter,
                      "Only jobs that match: 'state = RUNNING AND labels.team = \"nlp\"'");
  command->add_option("--limit", options->limit, "At most so many (default: all)")
      ->check(CLI::NonNegativeNumber);
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunJobs(*options, s); }; });
}

}  // namespace attune
