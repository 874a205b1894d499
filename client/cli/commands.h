// SPDX-License-Identifier: Apache-2.0
// The verbs of `attune`, one file each. Add… makes the subcommand; when the command line chooses
// it, `chosen` is set to what it does. A command returns an exit code, or an error to print.
#pragma once

#include <functional>

#include "absl/status/statusor.h"

namespace CLI {
class App;
}

namespace attune {

class Session;

using Command = std::function<absl::StatusOr<int>(Session&)>;

void AddSubmit(CLI::App& app, Command& chosen);
void AddJobs(CLI::App& app, Command& chosen);
void AddGet(CLI::App& app, Command& chosen);
void AddWatch(CLI::App& app, Command& chosen);
void AddLogs(CLI::App& app, Command& chosen);
void AddEvents(CLI::App& app, Command& chosen);
void AddMetrics(CLI::App& app, Command& chosen);
void AddCancelPauseResume(CLI::App& app, Command& chosen);
void AddWait(CLI::App& app, Command& chosen);
void AddDownload(CLI::App& app, Command& chosen);
void AddExport(CLI::App& app, Command& chosen);
void AddEvaluate(CLI::App& app, Command& chosen);
void AddPredict(CLI::App& app, Command& chosen);
void AddDatasets(CLI::App& app, Command& chosen);
void AddModels(CLI::App& app, Command& chosen);
void AddWorkers(CLI::App& app, Command& chosen);
void AddQueue(CLI::App& app, Command& chosen);
void AddAdmin(CLI::App& app, Command& chosen);
void AddVersion(CLI::App& app, Command& chosen);

}  // namespace attune
