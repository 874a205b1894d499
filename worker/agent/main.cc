// SPDX-License-Identifier: Apache-2.0
// attune-worker: takes jobs from attuned and runs attune-trainer for each.
#include <cstdio>

#include "base/logging.h"
#include "worker/agent/options.h"
#include "worker/agent/worker_process.h"

int main(int argc, char** argv) {
  attune::EarlyExit early;
  const absl::StatusOr<attune::WorkerOptions> options =
      attune::ParseWorkerOptions(argc, argv, early);
  if (!options.ok()) {
    std::fputs(early.text.c_str(), early.code == 0 ? stdout : stderr);
    return early.code;
  }
  attune::LogOptions log;
  log.json = options->json_logs;
  if (const absl::Status status = attune::InitLogging("attune-worker", log); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return options->print_inventory ? attune::PrintInventory(*options) : attune::RunWorker(*options);
}
