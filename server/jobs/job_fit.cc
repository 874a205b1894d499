// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_fit.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/suggestion.h"
#include "server/jobs/field_checks.h"

namespace attune {
namespace {

void CheckHeldOut(const char* field, const std::optional<v1::Dataset>& dataset,
                  const v1::Dataset& train, FieldChecks& checks) {
  if (!dataset || LabelKindOf(*dataset) == LabelKindOf(train)) return;
  checks.Add(field,
             absl::StrCat("must have labels of the same kind as the training dataset: those "
                          "of ",
                          dataset->name(), " are ", LabelKindWord(LabelKindOf(*dataset)),
                          ", those of ", train.name(), " ", LabelKindWord(LabelKindOf(train))));
}

void CheckMetric(const std::string& metric, InputKind rows, v1::LabelKind kind,
                 FieldChecks& checks) {
  const std::vector<std::string> known = MetricsOf(rows, kind);
  if (metric.empty() || std::find(known.begin(), known.end(), metric) != known.end()) return;
  checks.Add("job.spec.fine_tune.evaluation.best_metric",
             absl::StrCat("must be one that ", LabelKindWord(kind), " labels of ", KindWord(rows),
                          " have: ", absl::StrJoin(known, ", "), "; got ", Echo(metric),
                          DidYouMean(metric, known)));
}

// What a job with another kind of rows, or on another kind of model, is to do instead.
std::string TaskRemedy(InputKind task) {
  return task == InputKind::kImages ? "name one of images, or use the task text_classification"
                                    : "name one of texts, or use the task image_classification";
}

void CheckRows(const char* field, const std::optional<v1::Dataset>& dataset, InputKind task,
               FieldChecks& checks) {
  if (!dataset || KindOf(*dataset) == task) return;
  checks.Add(field, absl::StrCat(dataset->name(), " holds ", KindWord(KindOf(*dataset)), ", and ",
                                 TaskOn(task), " needs ", KindWord(task), "; ", TaskRemedy(task)));
}

void CheckModel(const std::string& field, const v1::Model& model, InputKind rows,
                std::string_view remedy, FieldChecks& checks) {
  if (model.state() != v1::Model::READY || KindOf(model) == rows) return;
  checks.Add(field, absl::StrCat(model.name(), " (", model.model_type(), ") reads ",
                                 KindWord(KindOf(model)), ", not ", KindWord(rows), "; ",
                                 absl::string_view(remedy.data(), remedy.size())));
}

// Dataset, base, task and method are all of texts or all of images.
void CheckKinds(const v1::FineTune& tune, const JobInputs& inputs, FieldChecks& checks) {
  const InputKind task = tune.has_image_classification() ? InputKind::kImages : InputKind::kTexts;
  CheckRows("job.spec.fine_tune.train_dataset", inputs.train, task, checks);
  CheckRows("job.spec.fine_tune.eval_dataset", inputs.eval, task, checks);
  CheckRows("job.spec.fine_tune.test_dataset", inputs.test, task, checks);
  CheckModel("job.spec.fine_tune.base_model", inputs.model, task, TaskRemedy(task), checks);
  if (tune.has_lora() && task == InputKind::kImages) {
    checks.Add("job.spec.fine_tune.lora",
               "does not fit image_classification: LoRA adapts linear layers, which a "
               "convolutional network has none of; use full, head or partial");
  }
}

void CheckTune(const v1::FineTune& tune, const JobInputs& inputs, FieldChecks& checks) {
  CheckKinds(tune, inputs, checks);
  const v1::LabelKind kind = LabelKindOf(*inputs.train);
  if (kind == v1::LABEL_KIND_NONE) {
    checks.Add("job.spec.fine_tune.train_dataset",
               absl::StrCat(inputs.train->name(),
                            " has no labels (its label_kind is "
                            "LABEL_KIND_NONE); train on one that has"));
    return;
  }
  CheckHeldOut("job.spec.fine_tune.eval_dataset", inputs.eval, *inputs.train, checks);
  CheckHeldOut("job.spec.fine_tune.test_dataset", inputs.test, *inputs.train, checks);
  CheckMetric(tune.evaluation().best_metric(), KindOf(*inputs.train), kind, checks);
  if (tune.hyperparameters().label_smoothing() > 0 && kind != v1::LABEL_KIND_SINGLE) {
    checks.Add("job.spec.fine_tune.hyperparameters.label_smoothing",
               absl::StrCat("must be 0: the labels of ", inputs.train->name(), " are ",
                            LabelKindWord(kind), ", and only single-label ones can be smoothed"));
  }
  const bool images = tune.has_image_classification();
  const v1::ClassWeighting weighting = images ? tune.image_classification().class_weighting()
                                              : tune.text_classification().class_weighting();
  if (weighting != v1::CLASS_WEIGHTING_UNSPECIFIED && kind == v1::LABEL_KIND_NUMBER) {
    checks.Add(
        absl::StrCat("job.spec.fine_tune.", images ? "image_classification" : "text_classification",
                     ".class_weighting"),
        absl::StrCat("must not be set: the labels of ", inputs.train->name(),
                     " are numbers, which have no classes"));
  }
}

// The work needs a head that was trained before.
void CheckClassifier(const std::string& field, const v1::Model& model, FieldChecks& checks) {
  if (model.state() != v1::Model::READY || !model.labels().empty() ||
      absl::EndsWith(model.architecture(), "ForSequenceClassification")) {
    return;
  }
  checks.Add(field, absl::StrCat(model.name(), " has no classifier",
                                 model.architecture().empty() ? "" : " (it is a ",
                                 model.architecture(), model.architecture().empty() ? "" : ")",
                                 "; name a model that a fine-tuning job made, or tune it first"));
}

// What Evaluate and Predict have in common.
template <typename Work>
void CheckUse(const std::string& base, const Work& work, const JobInputs& inputs,
              FieldChecks& checks) {
  const InputKind rows = KindOf(*inputs.test);
  CheckModel(base + ".model", inputs.model, rows, "name another model or other data", checks);
  CheckClassifier(base + ".model", inputs.model, checks);
  if (work.max_length() > 0 && rows == InputKind::kImages) {
    checks.Add(base + ".max_length", absl::StrCat("must be 0: ", inputs.test->name(),
                                                  " holds images, which have no "
                                                  "tokens to cut"));
  }
}

void CheckEvaluate(const v1::Evaluate& evaluate, const JobInputs& inputs, FieldChecks& checks) {
  CheckUse("job.spec.evaluate", evaluate, inputs, checks);
  const v1::LabelKind kind = LabelKindOf(*inputs.test);
  if (kind == v1::LABEL_KIND_NONE) {
    checks.Add("job.spec.evaluate.dataset",
               absl::StrCat(inputs.test->name(),
                            " has no labels to measure against (its label_kind "
                            "is LABEL_KIND_NONE)"));
  } else if (inputs.model_label_kind && *inputs.model_label_kind != kind) {
    checks.Add("job.spec.evaluate.dataset",
               absl::StrCat("must have labels of the kind that the model was trained on: those of ",
                            inputs.test->name(), " are ", LabelKindWord(kind), ", those of ",
                            inputs.model.name(), " ", LabelKindWord(*inputs.model_label_kind)));
  }
  if (evaluate.compare_base() && !inputs.compare) {
    checks.Add("job.spec.evaluate.compare_base",
               absl::StrCat("must not be true: ", inputs.model.name(),
                            " was imported, so the base that it was tuned from is not known"));
  }
}

}  // namespace

std::string LabelKindWord(v1::LabelKind kind) {
  switch (kind) {
    case v1::LABEL_KIND_MULTI:
      return "multi-label";
    case v1::LABEL_KIND_NUMBER:
      return "number";
    case v1::LABEL_KIND_NONE:
      return "absent";
    default:
      return "single-label";
  }
}

std::vector<FieldViolation> CheckFit(const v1::JobSpec& spec, const JobInputs& inputs) {
  FieldChecks checks;
  switch (spec.work_case()) {
    case v1::JobSpec::kFineTune:
      CheckTune(spec.fine_tune(), inputs, checks);
      break;
    case v1::JobSpec::kEvaluate:
      CheckEvaluate(spec.evaluate(), inputs, checks);
      break;
    case v1::JobSpec::kPredict:
      CheckUse("job.spec.predict", spec.predict(), inputs, checks);
      break;
    case v1::JobSpec::WORK_NOT_SET:
      break;  // refused by the validator
  }
  return checks.Take();
}

std::vector<std::string> MetricsOf(InputKind rows, v1::LabelKind kind) {
  if (kind == v1::LABEL_KIND_MULTI) {
    return {"micro_f1", "subset_accuracy", "macro_f1", "auc", "loss"};
  }
  if (kind == v1::LABEL_KIND_NUMBER) return {"loss", "rmse", "mae", "spearman", "pearson", "r2"};
  std::vector<std::string> single = {
      "accuracy",     "micro_f1",           "macro_f1",        "weighted_f1", "macro_precision",
      "macro_recall", "weighted_precision", "weighted_recall", "auc",         "loss"};
  if (rows == InputKind::kImages) single.push_back("top5_accuracy");
  return single;
}

}  // namespace attune
