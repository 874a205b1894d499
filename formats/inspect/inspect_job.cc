// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/inspect/inspections.h"
#include "formats/inspect/job_model.h"
#include "formats/inspect/set_inspection.h"

namespace attune {
namespace {

class JobInspection {
 public:
  JobInspection(const JobRequest& request, JobReport* report)
      : request_(request),
        tuning_(request.work == "fine_tune"),
        data_(DataOf(request)),
        classes_(request.labels),
        report_(*report) {
    report_.work = request.work;
  }

  // False: there is no model to go on with, or it does not fit.
  absl::StatusOr<bool> OpenModel() {
    model_ = JobModel::Open(request_, &report_);
    if (model_ == nullptr) return false;
    const bool rows_fit = CheckRows(data_, tuning_ ? "train" : "test");
    if (tuning_) {
      CheckTuning();
    } else if (rows_fit) {
      ATTUNE_RETURN_IF_ERROR(CheckHead());
    }
    return report_.problems.empty();
  }

  absl::Status ReadSets() {
    SetInspection sets(model_->rows(), report_.max_length, classes_, &report_);
    if (tuning_) {
      const double held_out = request_.eval.has_value() ? 0 : request_.eval_fraction;
      ATTUNE_RETURN_IF_ERROR(sets.Read(*request_.train, "train", held_out));
      if (request_.eval.has_value())
        ATTUNE_RETURN_IF_ERROR(ReadOther(*request_.eval, "eval", &sets));
    }
    if (request_.test.has_value()) ATTUNE_RETURN_IF_ERROR(ReadOther(*request_.test, "test", &sets));
    sets.Finish();
    CheckCounts();
    if (report_.problems.empty()) report_.memory = model_->Estimate(outputs_);
    return absl::OkStatus();
  }

 private:
  void Refuse(std::string where, std::string message, std::string remedy) {
    report_.problems.Add({std::move(where), 0, 0, std::move(message), std::move(remedy)});
  }

  void CheckTuning() {
    const std::string& kind = data_.label_kind;
    outputs_ = kind == "number" ? 1 : static_cast<int64_t>(classes_.size());
    const std::set<std::string> different(classes_.begin(), classes_.end());
    const size_t least = kind == "multi" ? 1 : 2;
    const bool wants_classes = kind == "single" || kind == "multi";
    if (kind == "none") {
      Refuse("train", "label kind none has nothing to learn", "Name a dataset with labels.");
    }
    if (wants_classes && (different.size() < least || different.size() != classes_.size() ||
                          classes_.size() > kMaxClasses)) {
      Refuse("",
             absl::StrCat("expected ", least, " to ", kMaxClasses, " different labels, got ",
                          classes_.size()),
             "Name each class once.");
    }
    if (!(request_.eval_fraction >= 0 && request_.eval_fraction < 1)) {
      Refuse("", "eval_fraction must be at least 0 and below 1",
             "Use 0.05, for example, or name an eval dataset.");
    }
  }

  // Of a model that is used as it is.
  absl::Status CheckHead() {
    ATTUNE_ASSIGN_OR_RETURN(const ModelHead head, model_->Head());
    if (head.outputs == 0) {
      Refuse("model", "the model has no classifier", "Fine-tune it first, and name the result.");
      return absl::OkStatus();
    }
    outputs_ = head.outputs;
    classes_ = head.labels;
    report_.model_labels = classes_;
    if (request_.work == "evaluate" && data_.label_kind != head.label_kind) {
      Refuse("test",
             absl::StrCat("the labels are of kind ", data_.label_kind, ", the model's of kind ",
                          head.label_kind),
             "Name a dataset of the kind that the model was trained on.");
    }
    return absl::OkStatus();
  }

  // Whether the dataset holds what the task is about.
  bool CheckRows(const DatasetSpec& spec, const char* name) {
    const bool images = request_.task == "image_classification";
    if (images == (spec.format == "images")) return CheckTexts(spec, name);
    Refuse(name,
           absl::StrCat("the dataset is one of ", images ? "texts" : "images", ", and the task is ",
                        request_.task),
           absl::StrCat("Name a dataset of ", images ? "images" : "texts", ", or another task."));
    return false;
  }

  bool CheckTexts(const DatasetSpec& spec, const char* name) {
    const bool translation = request_.task == "translation";
    if (translation && spec.text_columns.size() != 1) {
      Refuse(name,
             absl::StrCat("translation needs one text column, the source; got ",
                          spec.text_columns.size()),
             "Name the column of the source text alone.");
      return false;
    }
    if (spec.label_kind == "none" || translation == (spec.label_kind == "text")) return true;
    Refuse(name,
           absl::StrCat("the labels are of kind ", spec.label_kind, ", and the task is ",
                        request_.task),
           translation ? "Read the dataset with label kind text: its label is the translation."
                       : "Make it a job of translation, or read the dataset with another label "
                         "kind.");
    return false;
  }

  absl::Status ReadOther(const DatasetSpec& spec, const char* name, SetInspection* sets) {
    if (!CheckRows(spec, name)) return absl::OkStatus();
    if (spec.text_columns.size() != data_.text_columns.size()) {
      Refuse(name, "as many text columns are needed as in train",
             "Name one text column in each set, or two.");
      return absl::OkStatus();
    }
    if (spec.label_kind != data_.label_kind) {
      Refuse(name,
             absl::StrCat("the labels are of kind ", spec.label_kind, ", those of train of kind ",
                          data_.label_kind),
             "Read all sets with the same label kind.");
      return absl::OkStatus();
    }
    return sets->Read(spec, name);
  }

  int64_t RowsOf(const char* name) const {
    const auto found = report_.sets.find(name);
    return found == report_.sets.end() ? 0 : found->second.rows.rows;
  }

  void CheckCounts() {
    if (!report_.problems.empty() || !tuning_) return;
    if (RowsOf("train") == 0) {
      Refuse("train", "no example is left for training",
             "Add rows, or hold out a smaller part for evaluation.");
    }
    const bool wants_eval = request_.eval.has_value() || request_.eval_fraction > 0;
    if (wants_eval && RowsOf("eval") == 0) {
      Refuse("eval", "no example is held out for evaluation",
             "Add rows, hold out a larger part, or name an eval dataset.");
    }
  }

  const JobRequest& request_;
  const bool tuning_;
  const DatasetSpec& data_;  // what the work is about
  std::vector<std::string> classes_;
  JobReport& report_;
  std::unique_ptr<JobModel> model_;
  int64_t outputs_ = 0;
};

}  // namespace

absl::StatusOr<JobReport> InspectJob(const JobRequest& request) {
  JobReport report;
  JobInspection inspection(request, &report);
  ATTUNE_ASSIGN_OR_RETURN(const bool fits, inspection.OpenModel());
  if (fits) ATTUNE_RETURN_IF_ERROR(inspection.ReadSets());
  return report;
}

}  // namespace attune
