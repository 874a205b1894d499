// SPDX-License-Identifier: Apache-2.0
// attune-worker as a process: builds the parts bottom-up, waits for a signal, drains top-down.
#pragma once

#include "worker/agent/options.h"

namespace attune {

// Until SIGTERM or SIGINT: then every trainer checkpoints and stops; a second signal ends at once.
// The exit code: 0 asked to stop, 1 failure, 75 work folder in use, 78 configuration.
int RunWorker(const WorkerOptions& options);

// `attune-worker --inventory`.
int PrintInventory(const WorkerOptions& options);

}  // namespace attune
