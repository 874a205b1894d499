// SPDX-License-Identifier: Apache-2.0
// attune queue: what waits, in which order, and why.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/paging.h"
#include "client/text/job_text.h"
#include "client/text/words.h"

namespace attune {
namespace {

Table QueueTable(const Repeated<v1::Job>& jobs, absl::Time now) {
  Table table({"POSITION", "NAME", "PRIORITY", "AGE", "WHY"});
  for (const v1::Job& job : jobs) {
    table.AddRow({absl::StrCat(job.queue().position()), job.name(), absl::StrCat(job.priority()),
                  AgeText(TimeOf(job.create_time()), now),
                  job.reason_message().empty() ? EnumWords(ReasonName(job.reason()))
                                               : job.reason_message()});
  }
  return table;
}

absl::StatusOr<int> RunQueue(Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::ListJobsRequest request;
  request.set_filter("state = QUEUED");
  v1::ListJobsResponse all;
  const auto on_page = [&](v1::ListJobsResponse& page) {
    for (v1::Job& job : *page.mutable_jobs()) *all.add_jobs() = std::move(job);
    return true;
  };
  ATTUNE_RETURN_IF_ERROR(
      ForEachPage(*connection, &v1::JobService::Stub::ListJobs, request, on_page));
  std::stable_sort(all.mutable_jobs()->begin(), all.mutable_jobs()->end(),
                   [](const v1::Job& a, const v1::Job& b) {
                     return a.queue().position() < b.queue().position();
                   });
  PrintList(session, all, all.jobs(), QueueTable(all.jobs(), session.surroundings().clock.Now()));
  return 0;
}

}  // namespace

void AddQueue(CLI::App& app, Command& chosen) {
  app.add_subcommand("queue", "List waiting jobs: position and why")->callback([&chosen] {
    chosen = RunQueue;
  });
}

}  // namespace attune
