// SPDX-License-Identifier: Apache-2.0
// The metrics of evaluations by their names. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace attune {

// What an evaluation may give for a kind of label, DatasetSpec::label_kind; {} for one that nothing
// can be measured on.
std::vector<std::string> MetricsOf(const std::string& kind);

// Whether a higher value of a metric is the better one.
bool HigherIsBetter(const std::string& metric);

// Drops those that are no finite number: they are undefined on these rows.
void DropUndefined(std::map<std::string, double>& metrics);

}  // namespace attune
