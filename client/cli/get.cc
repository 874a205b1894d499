// SPDX-License-Identifier: Apache-2.0
// attune get: one job, dataset, model or worker.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/names.h"
#include "client/text/job_text.h"
#include "client/text/words.h"

namespace attune {
namespace {

template <typename Stub, typename Request, typename Resource>
absl::StatusOr<int> Show(Session& session,
                         grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                      Resource*),
                         const std::string& name) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  Request request;
  request.set_name(name);
  ATTUNE_ASSIGN_OR_RETURN(const Resource resource, connection->Call(method, request));
  PrintOne(session, resource);
  return 0;
}

// The row, and what does not fit into it.
absl::StatusOr<int> ShowJob(Session& session, const std::string& name) {
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  v1::GetJobRequest request;
  request.set_name(name);
  ATTUNE_ASSIGN_OR_RETURN(const v1::Job job,
                          connection->Call(&v1::JobService::Stub::GetJob, request));
  PrintOne(session, job);
  if (session.format() != OutputFormat::kTable) return 0;
  if (!job.reason_message().empty()) {
    session.out() << "  why      " << Printable(job.reason_message()) << "\n";
  }
  if (job.has_end_time()) session.out() << Summary(job, session.surroundings().out_terminal);
  return 0;
}

absl::StatusOr<int> RunGet(const std::string& argument, Session& session) {
  if (absl::StartsWith(argument, "datasets/")) {
    ATTUNE_ASSIGN_OR_RETURN(const auto name, NameFromArgument("datasets", argument));
    return Show(session, &v1::DatasetService::Stub::GetDataset, name);
  }
  if (absl::StartsWith(argument, "models/")) {
    ATTUNE_ASSIGN_OR_RETURN(const auto name, NameFromArgument("models", argument));
    return Show(session, &v1::ModelService::Stub::GetModel, name);
  }
  if (absl::StartsWith(argument, "workers/")) {
    ATTUNE_ASSIGN_OR_RETURN(const auto name, NameFromArgument("workers", argument));
    return Show(session, &v1::WorkerService::Stub::GetWorker, name);
  }
  ATTUNE_ASSIGN_OR_RETURN(const auto name, NameFromArgument("jobs", argument));
  return ShowJob(session, name);
}

}  // namespace

void AddGet(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("get", "Show one job, dataset, model or worker");
  const auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "jobs/ID (or ID), datasets/ID, models/ID, workers/ID")
      ->required();
  command->callback([name, &chosen] { chosen = [name](Session& s) { return RunGet(*name, s); }; });
}

}  // namespace attune
