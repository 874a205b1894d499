// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/set_inspection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/labelled_text.h"
#include "formats/datasets/split.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"

namespace attune {

SetInspection::SetInspection(const Tokenizer& tokenizer, int64_t max_length,
                             const std::vector<std::string>& classes, JobReport* report)
    : tokenizer_(tokenizer),
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
  ATTUNE_ASSIGN_OR_RETURN(
      const LabelledTextScan scan, ScanLabelledText(spec, [&](const LabelledExample& example) {
        CheckLabels(example, &unknown);
        AddRow(example, IsHeldOut(example.texts, eval_fraction) ? "eval" : name);
      }));
  report_.problems.Merge(scan.problems, name);
  report_.problems.Merge(unknown, name);
  text_bytes_ = std::max(text_bytes_, scan.size_bytes);
  return absl::OkStatus();
}

void SetInspection::AddRow(const LabelledExample& example, const std::string& name) {
  Set& set = sets_.at(name);
  set.labels.Add(example);
  CountTokens(example.texts, &set.report);
  const uint64_t hash = SplitHash(example.texts);
  set.texts.try_emplace(hash, example.line);
  // The halves of a split share nothing: it goes by the same hash.
  if (!set.report.held_out) FindOverlap(name, hash, example.line);
}

void SetInspection::CheckLabels(const LabelledExample& example, Problems* problems) const {
  for (const std::string& label : example.labels) {
    if (known_.contains(label)) continue;
    problems->Add({"", example.line, 0,
                   absl::StrCat("label '", Printable(label),
                                "' is not among the labels: ", NameList(classes_)),
                   "Correct the row, or add the label to the job."});
  }
}

void SetInspection::CountTokens(const std::vector<std::string>& texts, SetReport* report) const {
  const Encoding encoding = texts.size() == 2 ? tokenizer_.EncodePair(texts[0], texts[1], 0)
                                              : tokenizer_.Encode(texts[0], 0);
  const auto length = static_cast<int64_t>(encoding.ids.size());
  report->token_lengths.Add(length);
  report->max_tokens = std::max(report->max_tokens, length);
  report->rows.Add(std::min(length, max_length_));
  if (length > max_length_) ++report->truncated;
}

void SetInspection::FindOverlap(const std::string& name, uint64_t hash, int64_t line) {
  for (const auto& entry : sets_) {
    const std::string& other = entry.first;
    const auto found = entry.second.texts.find(hash);
    if (other == name || found == entry.second.texts.end()) continue;
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
