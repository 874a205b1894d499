// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/labels.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"

namespace attune {
namespace {

absl::Status Refused(const std::string& origin, const std::string& what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_DATASET",
                   absl::StrCat(origin, ": ", what));
}

}  // namespace

absl::StatusOr<Labels> Labels::Make(const std::string& kind,
                                    const std::vector<LabelledExample>& examples,
                                    const std::vector<std::string>& names,
                                    const std::function<std::string(size_t i)>& origin) {
  const auto origin_of = [&](size_t i) {
    return origin ? origin(i) : absl::StrCat("line ", examples[i].line);
  };
  std::map<std::string, int32_t> class_of;
  for (const std::string& name : names) {
    class_of.emplace(name, static_cast<int32_t>(class_of.size()));
  }
  const bool named = kind == "single" || kind == "multi";
  Labels result;
  for (size_t i = 0; i < examples.size(); ++i) {
    const LabelledExample& example = examples[i];
    if (kind == "single" && example.labels.size() != 1) {
      return Refused(origin_of(i),
                     absl::StrCat("expected one label, found ", example.labels.size()));
    }
    for (const std::string& label : named ? example.labels : std::vector<std::string>()) {
      const auto found = class_of.find(label);
      if (found == class_of.end()) {
        return Refused(
            origin_of(i),
            absl::StrCat("the label is '", label, "', which is not among the job's labels (",
                         absl::StrJoin(names, ", "),
                         "). Correct the row, or add the label to the job."));
      }
      result.classes_.push_back(found->second);
    }
    std::sort(result.classes_.begin() + static_cast<int64_t>(result.offsets_.back()),
              result.classes_.end());
    result.offsets_.push_back(result.classes_.size());
    result.values_.push_back(kind == "number" ? example.target : 0);
  }
  return result;
}

Labels Labels::Select(absl::Span<const int64_t> examples) const {
  Labels selected;
  for (const int64_t i : examples) {
    selected.classes_.insert(selected.classes_.end(), classes(i).begin(), classes(i).end());
    selected.offsets_.push_back(selected.classes_.size());
    selected.values_.push_back(value(i));
  }
  return selected;
}

}  // namespace attune
