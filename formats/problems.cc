// SPDX-License-Identifier: Apache-2.0
#include "formats/problems.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {

std::string ToText(const Problem& problem) {
  std::string text = problem.where;
  if (problem.line > 0) {
    absl::StrAppend(&text, text.empty() ? "line " : ":", problem.line);
    if (problem.column > 0) absl::StrAppend(&text, ":", problem.column);
  }
  if (!text.empty()) text += ": ";
  absl::StrAppend(&text, problem.message);
  if (!problem.remedy.empty()) absl::StrAppend(&text, ". ", problem.remedy);
  return text;
}

void Problems::Add(Problem problem) {
  ++count_;
  if (first_.size() < kKept) first_.push_back(std::move(problem));
}

void Problems::Merge(const Problems& other, std::string_view where) {
  for (const Problem& problem : other.first_) {
    if (first_.size() == kKept) break;
    first_.push_back(problem);
    if (first_.back().where.empty()) first_.back().where = where;
  }
  count_ += other.count_;
}

void Problems::PlaceIn(std::string_view outer) {
  for (Problem& problem : first_) {
    problem.where =
        absl::StrCat(std::string(outer), problem.where.empty() ? "" : ": ", problem.where);
  }
}

absl::Status Problems::ToStatus(std::string_view reason, std::string_view what) const {
  if (empty()) return absl::OkStatus();
  constexpr size_t kListed = 5;
  std::string text = absl::StrCat(std::string(what), " is not usable (", count_,
                                  count_ == 1 ? " problem): " : " problems): ");
  const size_t listed = std::min(kListed, first_.size());
  for (size_t i = 0; i < listed; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " | ", ToText(first_[i]));
  }
  if (static_cast<int64_t>(listed) < count_) absl::StrAppend(&text, " | …");
  return MakeError(absl::StatusCode::kInvalidArgument, reason, text);
}

}  // namespace attune
