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
  if (!dataset || KindOf(*dataset) != KindOf(train)) return;  // refused as such
  if (LabelKindOf(*dataset) == LabelKindOf(train)) return;
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
  const std::string owner =
      rows == InputKind::kPairs
          ? "translations have"
          : absl::StrCat(LabelKindWord(kind), " labels of ", KindWord(rows), " have");
  checks.Add("job.spec.fine_tune.evaluation.best_metric",
             absl::StrCat("must be one that ", owner, ": ", absl::StrJoin(known, ", "), "; got ",
                          Echo(metric), DidYouMean(metric, known)));
}

void CheckRows(const char* field, const std::optional<v1::Dataset>& dataset, InputKind task,
               FieldChecks& checks) {
  if (!dataset || KindOf(*dataset) == task) return;
  const InputKind rows = KindOf(*dataset);
  checks.Add(
      field,
      absl::StrCat(dataset->name(), " holds ", KindWord(rows), ", and ", TaskOn(task), " needs ",
                   KindWord(task), task == InputKind::kPairs ? " (label_kind LABEL_KIND_TEXT)" : "",
                   "; name one of ", KindWord(task), ", or use the task ", TaskOn(rows)));
}

// "models/x (bert) reads texts".
std::string InWords(const v1::Model& model) {
  return absl::StrCat(model.name(), " (", model.model_type(), ") ", ModelWord(KindOf(model)));
}

void CheckBase(const v1::Model& model, InputKind task, FieldChecks& checks) {
  if (model.state() != v1::Model::READY || KindOf(model) == task) return;
  checks.Add(
      "job.spec.fine_tune.base_model",
      absl::StrCat(InWords(model), ", and ", TaskOn(task), " needs a model that ", ModelWord(task),
                   "; name such a one, or use the task ", TaskOn(KindOf(model))));
}

// Dataset, base, task and method are all of texts, all of images or all of translation.
void CheckKinds(const v1::FineTune& tune, const JobInputs& inputs, FieldChecks& checks) {
  const InputKind task = KindOf(tune);
  CheckRows("job.spec.fine_tune.train_dataset", inputs.train, task, checks);
  CheckRows("job.spec.fine_tune.eval_dataset", inputs.eval, task, checks);
  CheckRows("job.spec.fine_tune.test_dataset", inputs.test, task, checks);
  CheckBase(inputs.model, task, checks);
  if (tune.has_lora() && task == InputKind::kImages) {
    checks.Add("job.spec.fine_tune.lora",
               "does not fit image_classification: LoRA adapts linear layers, which a "
               "convolutional network has none of; use full, head or partial");
  }
  if (tune.has_head() && task == InputKind::kPairs) {
    checks.Add("job.spec.fine_tune.head",
               "does not fit translation: a translation model has no head; use full, lora or "
               "partial");
  }
}

void CheckWeighting(const v1::FineTune& tune, const v1::Dataset& train, FieldChecks& checks) {
  const bool images = tune.has_image_classification();
  const v1::ClassWeighting weighting = images ? tune.image_classification().class_weighting()
                                              : tune.text_classification().class_weighting();
  if (weighting == v1::CLASS_WEIGHTING_UNSPECIFIED || LabelKindOf(train) != v1::LABEL_KIND_NUMBER) {
    return;
  }
  checks.Add(
      absl::StrCat("job.spec.fine_tune.", images ? "image_classification" : "text_classification",
                   ".class_weighting"),
      absl::StrCat("must not be set: the labels of ", train.name(),
                   " are numbers, which have no classes"));
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
  if (tune.hyperparameters().label_smoothing() > 0 && kind != v1::LABEL_KIND_SINGLE &&
      kind != v1::LABEL_KIND_TEXT) {
    checks.Add("job.spec.fine_tune.hyperparameters.label_smoothing",
               absl::StrCat("must be 0: the labels of ", inputs.train->name(), " are ",
                            LabelKindWord(kind),
                            ", and only single-label ones and translations can be smoothed"));
  }
  CheckWeighting(tune, *inputs.train, checks);
}

// The work needs a head that was trained before.
void CheckClassifier(const std::string& field, const v1::Model& model, FieldChecks& checks) {
  if (model.state() != v1::Model::READY || KindOf(model) == InputKind::kPairs ||
      !model.labels().empty() ||
      absl::EndsWith(model.architecture(), "ForSequenceClassification")) {
    return;
  }
  checks.Add(field, absl::StrCat(model.name(), " has no classifier",
                                 model.architecture().empty() ? "" : " (it is a ",
                                 model.architecture(), model.architecture().empty() ? "" : ")",
                                 "; name a model that a fine-tuning job made, or tune it first"));
}

// Of a text, whose label is not read, every model of texts can say something.
bool CanPredict(InputKind model, InputKind rows) {
  return (model == InputKind::kImages) == (rows == InputKind::kImages);
}

// What hangs on whether the model translates.
template <typename Work>
void CheckTranslation(const std::string& base, const Work& work, const JobInputs& inputs,
                      FieldChecks& checks) {
  const bool translates = KindOf(inputs.model) == InputKind::kPairs;
  if (inputs.model.state() != v1::Model::READY) return;
  if (work.has_decoding() && !translates) {
    checks.Add(base + ".decoding", absl::StrCat("must not be set: ", InWords(inputs.model),
                                                "; decoding is what a translation model does"));
  }
  if (const int texts = inputs.test->columns().text_size(); translates && texts > 1) {
    checks.Add(
        base + ".dataset",
        absl::StrCat("must have one text column, which is translated; ", inputs.test->name(),
                     " has ", texts, ": add the file again with the column of the source alone"));
  }
}

// What Evaluate and Predict have in common. `fits`: the model's kind and that of the rows.
template <typename Work>
void CheckUse(const std::string& base, const Work& work, const JobInputs& inputs,
              bool (*fits)(InputKind, InputKind), FieldChecks& checks) {
  const InputKind rows = KindOf(*inputs.test);
  if (inputs.model.state() == v1::Model::READY && !fits(KindOf(inputs.model), rows)) {
    checks.Add(base + ".model",
               absl::StrCat(InWords(inputs.model), ", and ", inputs.test->name(), " holds ",
                            KindWord(rows), "; name another model or other data"));
  }
  CheckClassifier(base + ".model", inputs.model, checks);
  CheckTranslation(base, work, inputs, checks);
  if (work.max_length() > 0 && rows == InputKind::kImages) {
    checks.Add(base + ".max_length", absl::StrCat("must be 0: ", inputs.test->name(),
                                                  " holds images, which have no "
                                                  "tokens to cut"));
  }
}

void CheckEvaluate(const v1::Evaluate& evaluate, const JobInputs& inputs, FieldChecks& checks) {
  const auto same = [](InputKind model, InputKind rows) { return model == rows; };
  CheckUse("job.spec.evaluate", evaluate, inputs, same, checks);
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
    case v1::LABEL_KIND_TEXT:
      return "translations";
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
      CheckUse("job.spec.predict", spec.predict(), inputs, CanPredict, checks);
      break;
    case v1::JobSpec::WORK_NOT_SET:
      break;  // refused by the validator
  }
  return checks.Take();
}

std::vector<std::string> MetricsOf(InputKind rows, v1::LabelKind kind) {
  if (rows == InputKind::kPairs) return {"chrf", "bleu", "token_accuracy", "loss", "perplexity"};
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
