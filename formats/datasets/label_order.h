// SPDX-License-Identifier: Apache-2.0
// The order of classes: class id i is the i-th label. Pure.
#pragma once

#include <string>
#include <vector>

namespace attune {

// By value when every label is an integer ("2" before "10"), else by bytes. Labels are distinct.
std::vector<std::string> InClassOrder(std::vector<std::string> labels);

}  // namespace attune
