// SPDX-License-Identifier: Apache-2.0
// Asserts the invariants of the lifecycle (section 4) on what was seen and what is left. Shares no
// code with the rules it checks. Pure.
#pragma once

#include <string>
#include <vector>

#include "tests/simulation/history.h"

namespace attune {

// "I5 jobs/x: …", one for each violation; empty: all were kept. Checked are I1–I8, I10–I15 and
// I19–I21. I9 and I16–I18 need a clock of training or tenants; I22 needs real processes.
std::vector<std::string> CheckHistory(const History& history, const FinalState& state);

// The part that one job's log, attempts and rows tell by themselves (job_log_checker.cc).
std::vector<std::string> CheckJobLog(const FinalState::Job& job);

}  // namespace attune
