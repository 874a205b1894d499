// SPDX-License-Identifier: Apache-2.0
// `attune` as a function.
#pragma once

#include <string>
#include <vector>

#include "client/cli/session.h"

namespace attune {

// `arguments` without the program's name. Returns the exit code.
int RunCli(const std::vector<std::string>& arguments, Surroundings& surroundings);

}  // namespace attune
