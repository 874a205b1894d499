// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/inspect/inspections.h"
#include "formats/inspect/set_inspection.h"
#include "formats/weights/model_folder.h"
#include "formats/weights/problem_type.h"

namespace attune {
namespace {

constexpr char kHeadWeight[] = "head.out.weight";

class JobInspection {
 public:
  JobInspection(const JobRequest& request, JobReport* report)
      : request_(request),
        tuning_(request.work == "fine_tune"),
        data_(tuning_ ? *request.train : *request.test),
        classes_(request.labels),
        report_(*report) {
    report_.work = request.work;
  }

  // False: there is no model to go on with, or it does not fit.
  absl::StatusOr<bool> OpenModel() {
    Problems problems;
    folder_ = ModelFolder::Open(request_.model_dir, problems);
    report_.problems.Merge(problems, "model");
    if (folder_ == nullptr) return false;
    auto tokenizer = folder_->OpenTokenizer();
    if (!tokenizer.ok()) {
      Refuse("model", std::string(tokenizer.status().message()),
             "Hand in the tokenizer files that belong to the model.");
      return false;
    }
    tokenizer_ = *std::move(tokenizer);
    CheckLength(folder_->config().max_length());
    if (tuning_) {
      CheckTuning();
    } else {
      ATTUNE_RETURN_IF_ERROR(CheckHead());
    }
    return report_.problems.empty();
  }

  absl::Status ReadSets() {
    SetInspection sets(*tokenizer_, report_.max_length, classes_, &report_);
    if (tuning_) {
      const double held_out = request_.eval.has_value() ? 0 : request_.eval_fraction;
      ATTUNE_RETURN_IF_ERROR(sets.Read(*request_.train, "train", held_out));
      if (request_.eval.has_value())
        ATTUNE_RETURN_IF_ERROR(ReadOther(*request_.eval, "eval", &sets));
    }
    if (request_.test.has_value()) ATTUNE_RETURN_IF_ERROR(ReadOther(*request_.test, "test", &sets));
    sets.Finish();
    CheckCounts();
    if (report_.problems.empty()) Estimate(sets.text_bytes());
    return absl::OkStatus();
  }

 private:
  void Refuse(std::string where, std::string message, std::string remedy) {
    report_.problems.Add({std::move(where), 0, 0, std::move(message), std::move(remedy)});
  }

  void CheckLength(int64_t longest) {
    const int64_t least = tokenizer_->special_count(data_.text_columns.size() == 2) + 1;
    report_.max_length = request_.max_length == 0 ? longest : request_.max_length;
    if (report_.max_length >= least && report_.max_length <= longest) return;
    Refuse("model",
           absl::StrCat("max_length must be from ", least, " to ", longest, ", got ",
                        request_.max_length),
           "Choose another max_length, or 0 for the model's.");
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
    if (!folder_->Has(kHeadWeight)) {
      Refuse("model", "the model has no classifier", "Fine-tune it first, and name the result.");
      return absl::OkStatus();
    }
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, folder_->Shape(kHeadWeight));
    outputs_ = shape[0];
    const EncoderConfig& config = folder_->config();
    const std::string kind = KindOfProblem(config.problem_type, outputs_);
    if (kind != "number") classes_ = config.labels;
    for (int64_t i = 0; kind != "number" && config.labels.empty() && i < outputs_; ++i) {
      classes_.push_back(absl::StrCat("LABEL_", i));
    }
    report_.model_labels = classes_;
    if (request_.work == "evaluate" && data_.label_kind != kind) {
      Refuse(
          "test",
          absl::StrCat("the labels are of kind ", data_.label_kind, ", the model's of kind ", kind),
          "Name a dataset of the kind that the model was trained on.");
    }
    return absl::OkStatus();
  }

  absl::Status ReadOther(const DatasetSpec& spec, const char* name, SetInspection* sets) {
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

  void Estimate(int64_t text_bytes) {
    MemoryInputs inputs;
    inputs.model = folder_->config();
    inputs.outputs = outputs_;
    inputs.work = request_.work;
    inputs.method = request_.method;
    inputs.lora = request_.lora;
    inputs.top_layers = request_.top_layers;
    inputs.batch_size = request_.batch_size;
    inputs.text_bytes = text_bytes;
    for (const auto& [name, set] : report_.sets) {
      if (name == "train") {
        inputs.train = set.rows;
      } else if (set.rows.tokens > inputs.evaluated.tokens) {
        inputs.evaluated = set.rows;
      }
      inputs.all.Add(set.rows);
    }
    report_.memory = EstimateMemory(inputs);
  }

  const JobRequest& request_;
  const bool tuning_;
  const DatasetSpec& data_;  // what the work is about
  std::vector<std::string> classes_;
  JobReport& report_;
  std::unique_ptr<ModelFolder> folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
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
