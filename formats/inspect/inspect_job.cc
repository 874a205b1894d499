// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/dataset_report.h"
#include "formats/datasets/labelled_text.h"
#include "formats/datasets/split.h"
#include "formats/inspect/inspections.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"
#include "formats/weights/model_folder.h"

namespace attune {
namespace {

class JobInspection {
 public:
  JobInspection(const JobRequest& request, JobReport* report)
      : request_(request),
        report_(*report),
        labels_(request.labels.begin(), request.labels.end()) {}

  // False: there is no model to go on with.
  bool OpenModel() {
    Problems problems;
    const std::unique_ptr<ModelFolder> folder = ModelFolder::Open(request_.model_dir, problems);
    report_.problems.Merge(problems, "model");
    if (folder == nullptr) return false;
    auto tokenizer = folder->OpenTokenizer();
    if (!tokenizer.ok()) {
      report_.problems.Add({"model", 0, 0, std::string(tokenizer.status().message()),
                            "Hand in the tokenizer files that belong to the model."});
      return false;
    }
    tokenizer_ = *std::move(tokenizer);
    return CheckLimits(folder->config().max_positions);
  }

  absl::Status ReadSplits() {
    ATTUNE_RETURN_IF_ERROR(ReadTrain());
    if (request_.eval.has_value()) {
      ATTUNE_RETURN_IF_ERROR(
          ReadOther(*request_.eval, "eval", &report_.eval_examples, &report_.overlap_train_eval));
    }
    if (request_.test.has_value()) {
      ATTUNE_RETURN_IF_ERROR(
          ReadOther(*request_.test, "test", &report_.test_examples, &report_.overlap_train_test));
    }
    CheckCounts();
    return absl::OkStatus();
  }

 private:
  bool CheckLimits(int64_t max_positions) {
    const int64_t least = tokenizer_->special_count(request_.train.text_columns.size() == 2) + 1;
    max_length_ = request_.max_length == 0 ? max_positions : request_.max_length;
    if (max_length_ < least || max_length_ > max_positions) {
      report_.problems.Add({"model", 0, 0,
                            absl::StrCat("max_length must be from ", least, " to ", max_positions,
                                         ", got ", request_.max_length),
                            "Choose another max_length, or 0 for the model's."});
    }
    if (labels_.size() < 2 || labels_.size() != request_.labels.size() ||
        labels_.size() > kMaxClasses) {
      report_.problems.Add({"", 0, 0,
                            absl::StrCat("expected 2 to ", kMaxClasses, " different labels, got ",
                                         request_.labels.size()),
                            "Name each class once."});
    }
    if (!(request_.eval_fraction >= 0 && request_.eval_fraction < 1)) {
      report_.problems.Add({"", 0, 0, "eval_fraction must be at least 0 and below 1",
                            "Use 0.05, for example, or name an eval dataset."});
    }
    return report_.problems.empty();
  }

  absl::Status ReadTrain() {
    const double held_out = request_.eval.has_value() ? 0 : request_.eval_fraction;
    return Read(request_.train, "train", [&](const LabelledExample& example) {
      if (IsHeldOut(example.texts, held_out)) {
        ++report_.eval_examples;
        return;
      }
      ++report_.train_examples;
      train_.insert(SplitHash(example.texts));
      CountTokens(example.texts);
    });
  }

  absl::Status ReadOther(const DatasetSpec& spec, const char* split, int64_t* examples,
                         int64_t* overlap) {
    if (spec.text_columns.size() != request_.train.text_columns.size()) {
      report_.problems.Add({split, 0, 0, "as many text columns are needed as in train",
                            "Name one text column in each split, or two."});
      return absl::OkStatus();
    }
    return Read(spec, split, [&](const LabelledExample& example) {
      ++*examples;
      if (train_.contains(SplitHash(example.texts))) ++*overlap;
    });
  }

  absl::Status Read(const DatasetSpec& spec, const char* split,
                    absl::FunctionRef<void(const LabelledExample&)> on_example) {
    Problems unknown;
    ATTUNE_ASSIGN_OR_RETURN(const LabelledTextScan scan,
                            ScanLabelledText(spec, [&](const LabelledExample& example) {
                              CheckLabel(example, &unknown);
                              on_example(example);
                            }));
    report_.problems.Merge(scan.problems, split);
    report_.problems.Merge(unknown, split);
    return absl::OkStatus();
  }

  void CheckLabel(const LabelledExample& example, Problems* problems) {
    if (labels_.contains(example.label)) return;
    problems->Add({"", example.line, 0,
                   absl::StrCat("label '", Printable(example.label),
                                "' is not among the labels: ", NameList(request_.labels)),
                   "Correct the row, or add the label to the job."});
  }

  void CountTokens(const std::vector<std::string>& texts) {
    const Encoding encoding = texts.size() == 2 ? tokenizer_->EncodePair(texts[0], texts[1], 0)
                                                : tokenizer_->Encode(texts[0], 0);
    const auto length = static_cast<int64_t>(encoding.ids.size());
    report_.token_lengths.Add(length);
    report_.max_tokens = std::max(report_.max_tokens, length);
    report_.tokens += std::min(length, max_length_);
    if (length > max_length_) ++report_.truncated;
  }

  void CheckCounts() {
    if (!report_.problems.empty()) return;
    if (report_.train_examples == 0) {
      report_.problems.Add({"train", 0, 0, "no example is left for training",
                            "Add rows, or hold out a smaller part for evaluation."});
    }
    const bool wants_eval = request_.eval.has_value() || request_.eval_fraction > 0;
    if (wants_eval && report_.eval_examples == 0) {
      report_.problems.Add({"eval", 0, 0, "no example is held out for evaluation",
                            "Add rows, hold out a larger part, or name an eval dataset."});
    }
  }

  const JobRequest& request_;
  JobReport& report_;
  const absl::flat_hash_set<std::string> labels_;
  std::unique_ptr<Tokenizer> tokenizer_;
  int64_t max_length_ = 0;
  absl::flat_hash_set<uint64_t> train_;
};

}  // namespace

absl::StatusOr<JobReport> InspectJob(const JobRequest& request) {
  JobReport report;
  JobInspection inspection(request, &report);
  if (inspection.OpenModel()) ATTUNE_RETURN_IF_ERROR(inspection.ReadSplits());
  return report;
}

}  // namespace attune
