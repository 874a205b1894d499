// SPDX-License-Identifier: Apache-2.0
// attune cancel, pause, resume: each takes jobs and says what state they are in then.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <vector>

#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/names.h"
#include "client/text/job_text.h"

namespace attune {
namespace {

template <typename Request>
using Method = grpc::Status (v1::JobService::Stub::*)(grpc::ClientContext*, const Request&,
                                                      v1::Job*);

template <typename Request>
absl::StatusOr<int> Change(Method<Request> method, const std::vector<std::string>& jobs,
                           Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  for (const std::string& argument : jobs) {
    Request request;
    ATTUNE_ASSIGN_OR_RETURN(*request.mutable_name(), NameFromArgument("jobs", argument));
    ATTUNE_ASSIGN_OR_RETURN(const v1::Job job, connection->Call(method, request));
    if (session.format() == OutputFormat::kTable) {
      session.out() << job.name() << " " << StateWords(job) << "\n";
    } else {
      PrintOne(session, job);
    }
  }
  return 0;
}

template <typename Request>
void AddChange(CLI::App& app, Command& chosen, const char* verb, const char* description,
               Method<Request> method) {
  CLI::App* command = app.add_subcommand(verb, description);
  const auto jobs = std::make_shared<std::vector<std::string>>();
  command->add_option("JOB", *jobs, "The jobs")->required();
  command->callback([jobs, method, &chosen] {
    chosen = [jobs, method](Session& s) { return Change<Request>(method, *jobs, s); };
  });
}

}  // namespace

void AddCancelPauseResume(CLI::App& app, Command& chosen) {
  AddChange<v1::CancelJobRequest>(app, chosen, "cancel", "Stop jobs for good",
                                  &v1::JobService::Stub::CancelJob);
  AddChange<v1::PauseJobRequest>(app, chosen, "pause", "Stop jobs so that they can go on later",
                                 &v1::JobService::Stub::PauseJob);
  AddChange<v1::ResumeJobRequest>(app, chosen, "resume", "Let paused jobs go on",
                                  &v1::JobService::Stub::ResumeJob);
}

}  // namespace attune
