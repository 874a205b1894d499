// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/set_inspection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/split.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"

namespace attune {

SetInspection::SetInspection(RowSource& rows, int64_t max_length,
                             const std::vector<std::string>& classes, JobReport* report)
    : rows_(rows),
      max_length_(max_length),
      classes_(classes),
      known_(classes.begin(), classes.end()),
      report_(*report) {}

absl::Status SetInspection::Read(const DatasetSpec& spec, const std::string& name,
                                 double eval_fraction) {
  sets_.try_emplace(name, spec.label_kind);
  if (eval_fraction > 0) {
    sets_.try_emplace("eval", spec.label_kind).first->second.report.held_out = true;
  }
  Problems unknown;
  ATTUNE_ASSIGN_OR_RETURN(Problems problems, rows_.Read(spec, [&](const InspectedRow& row) {
    CheckLabels(row, &unknown);
    AddRow(row, IsHeldOut(row.content, eval_fraction) ? "eval" : name);
  }));
  problems.Merge(unknown);
  problems.PlaceIn(name);
  report_.problems.Merge(problems);
  return absl::OkStatus();
}

void SetInspection::AddRow(const InspectedRow& row, const std::string& name) {
  Set& set = sets_.at(name);
  set.labels.Add(row.example);
  CountTokens(row, &set.report);
  const uint64_t hash = SplitHash(row.content);
  set.contents.try_emplace(hash, row.example.line);
  // The halves of a split share nothing: it goes by the same hash.
  if (!set.report.held_out) FindOverlap(name, hash, row.example.line);
}

void SetInspection::CheckLabels(const InspectedRow& row, Problems* problems) const {
  for (const std::string& label : row.example.labels) {
    if (known_.contains(label)) continue;
    Problem problem = row.place;
    problem.message = absl::StrCat("label '", Printable(label),
                                   "' is not among the labels: ", NameList(classes_));
    problem.remedy = "Correct the row, or add the label to the job.";
    problems->Add(std::move(problem));
  }
}

void SetInspection::CountTokens(const InspectedRow& row, SetReport* report) const {
  report->token_lengths.Add(row.tokens);
  report->max_tokens = std::max(report->max_tokens, row.tokens);
  report->rows.Add(std::min(row.tokens, max_length_));
  if (row.target_tokens > 0) {
    report->target_lengths.Add(row.target_tokens);
    report->max_target_tokens = std::max(report->max_target_tokens, row.target_tokens);
    report->targets.Add(std::min(row.target_tokens, max_length_));
  }
  if (std::max(row.tokens, row.target_tokens) > max_length_) ++report->truncated;
}

void SetInspection::FindOverlap(const std::string& name, uint64_t hash, int64_t line) {
  for (const auto& entry : sets_) {
    const std::string& other = entry.first;
    const auto found = entry.second.contents.find(hash);
    if (other == name || found == entry.second.contents.end()) continue;
    auto overlap =
        std::find_if(report_.overlaps.begin(), report_.overlaps.end(),
                     [&](const SetOverlap& o) { return o.first == other && o.second == name; });
    if (overlap == report_.overlaps.end()) {
      overlap = report_.overlaps.insert(overlap, {other, name, 0, {}});
    }
    ++overlap->rows;
    if (overlap->first_lines.size() < SetOverlap::kFirstLines) {
      overlap->first_lines.push_back({found->second, line});
    }
  }
}

void SetInspection::Finish() {
  for (auto& [name, set] : sets_) {
    set.report.labels = set.labels.Summary(classes_);
    report_.sets[name] = std::move(set.report);
  }
}

}  // namespace attune
