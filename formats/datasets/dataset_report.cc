// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/dataset_report.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/labelled_text.h"
#include "formats/datasets/split.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

class Reporter {
 public:
  Reporter(const DatasetSpec& spec, DatasetReport* report)
      : report_(*report), labels_(spec.label_kind) {}

  void Add(const LabelledExample& example) {
    ++report_.rows;
    int64_t characters = 0;
    for (const std::string& text : example.texts) characters += CountCharacters(text);
    report_.characters.Add(characters);
    if (!seen_.insert(SplitHash(example.texts)).second) ++report_.duplicates;
    labels_.Add(example);
  }

  void Finish() {
    report_.labels = labels_.Summary();
    if (report_.rows == 0 || report_.labels.kind == "none") return;
    report_.labels.kind == "number" ? CheckTargets() : CheckClasses();
  }

 private:
  void CheckTargets() {
    const TargetRange& range = *report_.labels.targets;
    if (range.min < range.max) return;
    report_.problems.Add(absl::StrCat("every row has the number ", range.min),
                         "Add rows with other numbers.");
  }

  void CheckClasses() {
    const std::vector<LabelCount>& classes = report_.labels.classes;
    if (labels_.too_many()) {
      report_.problems.Add(absl::StrCat("more than ", kMaxClasses, " different labels"),
                           "Check which column holds the label; numbers to predict are no "
                           "classes, they are label kind number.");
    }
    if (classes.empty()) {
      report_.problems.Add("no row has a label", "Add rows of at least one class.");
    } else if (classes.size() == 1 && report_.labels.kind == "single") {
      report_.problems.Add(
          absl::StrCat("every row has the label '", Printable(classes[0].label), "'"),
          "Add rows of at least one more class.");
    }
  }

  DatasetReport& report_;
  LabelTally labels_;
  absl::flat_hash_set<uint64_t> seen_;
};

}  // namespace

absl::StatusOr<DatasetReport> ReportDataset(const DatasetSpec& spec) {
  DatasetReport report;
  Reporter reporter(spec, &report);
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
