// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/dataset_report.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/label_order.h"
#include "formats/datasets/labelled_text.h"
#include "formats/datasets/split.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

class Reporter {
 public:
  explicit Reporter(DatasetReport* report) : report_(*report) {}

  void Add(const LabelledExample& example) {
    ++report_.rows;
    int64_t characters = 0;
    for (const std::string& text : example.texts) characters += CountCharacters(text);
    report_.characters.Add(characters);
    if (!seen_.insert(SplitHash(example.texts)).second) ++report_.duplicates;
    CountLabel(example);
  }

  void Finish() {
    std::vector<std::string> names;
    for (const auto& [label, count] : labels_) names.push_back(label);
    for (const std::string& name : InClassOrder(std::move(names))) {
      report_.labels.push_back(labels_.at(name));
    }
    if (too_many_) {
      report_.problems.Add(
          absl::StrCat("more than ", kMaxClasses, " different labels"),
          "Check which column holds the label; numbers to predict are no classes.");
    }
    if (labels_.size() == 1) {
      report_.problems.Add(
          absl::StrCat("every row has the label '", Printable(labels_.begin()->first), "'"),
          "Add rows of at least one more class.");
    }
  }

 private:
  void CountLabel(const LabelledExample& example) {
    const auto found = labels_.find(example.label);
    if (found != labels_.end()) {
      ++found->second.count;
    } else if (labels_.size() < kMaxClasses) {
      labels_.insert({example.label, {example.label, 1, example.line}});
    } else {
      too_many_ = true;
    }
  }

  DatasetReport& report_;
  absl::flat_hash_set<uint64_t> seen_;
  absl::flat_hash_map<std::string, LabelCount> labels_;
  bool too_many_ = false;
};

}  // namespace

absl::StatusOr<DatasetReport> ReportDataset(const DatasetSpec& spec) {
  DatasetReport report;
  Reporter reporter(&report);
  ATTUNE_ASSIGN_OR_RETURN(LabelledTextScan scan,
                          ScanLabelledText(spec, [&reporter](const LabelledExample& example) {
                            reporter.Add(example);
                          }));
  report.problems = std::move(scan.problems);
  report.empty_texts = scan.empty_texts;
  report.size_bytes = scan.size_bytes;
  report.ignored_columns = std::move(scan.ignored_columns);
  reporter.Finish();
  return report;
}

}  // namespace attune
