// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/optimizer/parameter_groups.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr size_t kMaxBeginnings = 40;  // that a message names

bool Fits(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix)) return false;
  return prefix.size() == name.size() || prefix.ends_with('.') || name[prefix.size()] == '.';
}

// "bert.encoder.layer.3.output.dense.bias" → "bert.encoder.layer.3", where a user would draw a
// line; without a numbered layer the first two components of three, else the first.
std::string Beginning(const std::string& name) {
  const std::vector<std::string> components = absl::StrSplit(name, '.');
  size_t kept = components.size() > 2 ? 2 : 1;
  for (size_t i = 0; i + 1 < components.size(); ++i) {
    if (std::isdigit(static_cast<unsigned char>(components[i].c_str()[0])) != 0) kept = i + 1;
  }
  return absl::StrJoin(components.begin(), components.begin() + static_cast<int64_t>(kept), ".");
}

absl::Status NoneFits(const std::string& field, const std::vector<Parameter*>& parameters) {
  std::vector<std::string> beginnings;
  for (const Parameter* p : parameters) {
    for (const ParameterPart& part : p->parts) {
      const std::string beginning = Beginning(part.name);
      const bool known =
          std::find(beginnings.begin(), beginnings.end(), beginning) != beginnings.end();
      if (!known && beginnings.size() < kMaxBeginnings) beginnings.push_back(beginning);
    }
  }
  return InvalidFields({{field, absl::StrCat("fits no parameter that is trained; their names "
                                             "begin with ",
                                             absl::StrJoin(beginnings, ", "))}});
}

}  // namespace

absl::StatusOr<PartRates> PeakRates(const HyperparameterSpec& hyperparameters,
                                    const std::vector<Parameter*>& parameters) {
  const std::vector<ParameterGroupSpec>& groups = hyperparameters.parameter_groups;
  std::vector<bool> used(groups.size(), false);
  PartRates rates;
  for (const Parameter* p : parameters) {
    std::vector<double>& of_parts = rates.emplace_back();
    for (const ParameterPart& part : p->parts) {
      double rate = hyperparameters.learning_rate;
      size_t longest = 0;
      for (size_t g = 0; g < groups.size(); ++g) {
        if (!Fits(groups[g].prefix, part.name)) continue;
        used[g] = true;
        if (groups[g].prefix.size() < longest) continue;
        longest = groups[g].prefix.size();
        rate = groups[g].learning_rate;
      }
      of_parts.push_back(rate);
    }
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    if (used[g]) continue;
    return NoneFits(absl::StrCat("hyperparameters.parameter_groups[", g, "].prefix"), parameters);
  }
  return rates;
}

}  // namespace attune
