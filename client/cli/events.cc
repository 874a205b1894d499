// SPDX-License-Identifier: Apache-2.0
// attune events: the durable events of a job, oldest first.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/names.h"
#include "client/cli/paging.h"
#include "client/text/job_text.h"

namespace attune {
namespace {

Table EventTable(const Repeated<v1::JobEvent>& events) {
  Table table({"SEQUENCE", "TIME", "ATTEMPT", "EVENT"});
  const Terminal plain;
  for (const v1::JobEvent& event : events) {
    const std::string line = EventLine(event, plain);
    table.AddRow(
        {absl::StrCat(event.sequence()),
         absl::FormatTime("%Y-%m-%d %H:%M:%S", TimeOf(event.event_time()), absl::LocalTimeZone()),
         event.attempt() == 0 ? "" : absl::StrCat(event.attempt()),
         std::string(absl::StripAsciiWhitespace(line))});
  }
  return table;
}

absl::StatusOr<int> RunEvents(const std::string& job, Session& session) {
  v1::ListJobEventsRequest request;
  ATTUNE_ASSIGN_OR_RETURN(*request.mutable_name(), NameFromArgument("jobs", job));
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  request.set_page_size(kPageSize);
  v1::ListJobEventsResponse all;
  do {
    ATTUNE_ASSIGN_OR_RETURN(auto page,
                            connection->Call(&v1::JobService::Stub::ListJobEvents, request));
    for (v1::JobEvent& event : *page.mutable_events()) *all.add_events() = std::move(event);
    request.set_after_sequence(page.next_after_sequence());
  } while (request.after_sequence() > 0);
  PrintList(session, all, all.events(), EventTable(all.events()));
  return 0;
}

}  // namespace

void AddEvents(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("events", "List a job's events, oldest first");
  const auto job = std::make_shared<std::string>();
  command->add_option("JOB", *job, "The job")->required();
  command->callback([job, &chosen] { chosen = [job](Session& s) { return RunEvents(*job, s); }; });
}

}  // namespace attune
