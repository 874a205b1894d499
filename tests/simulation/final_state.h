// SPDX-License-Identifier: Apache-2.0
// Reads what the checker needs from a running server, between its events.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/simulation/history.h"

namespace attune {

class SimServer;
class Store;

std::map<std::string, FinalState::Job> ReadJobs(const Store& store);

// Jobs, models and blobs; what only the workers know is the caller's to add.
FinalState ReadFinalState(SimServer& server);

// "I11 …" for each job whose newest sound checkpoint is absent or does not verify, but for damage
// that the history tells of and nobody could have noticed.
std::vector<std::string> BrokenCheckpoints(SimServer& server, const History& history);

}  // namespace attune
