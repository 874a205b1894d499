// SPDX-License-Identifier: Apache-2.0
// What attune-trainer can be asked to do, each to the end of the process: the exit code.
#pragma once

#include <string>

namespace attune {

// Runs one attempt for the agent at the other end of this descriptor and exits after its last word:
// the agent takes the death of this process as the proof that the slot is free.
[[noreturn]] void ServeAgent(int fd);

// Answers predictions for the agent at the other end of this descriptor until that closes it.
[[noreturn]] void ServePredictions(int fd);

// Runs one spec alone; events as JSON lines on stdout. 0: succeeded; 1: failed or stopped. SIGINT
// and SIGTERM stop it as "drain".
int RunSpecFile(const std::string& path, char** argv);

// One JSON object: what this trainer can do, for the agent's inventory.
int PrintInventory();

// AnswerLogits (logits.h) of what comes on stdin.
int PrintLogits(const std::string& model_dir, const std::string& adapter_dir);

}  // namespace attune
