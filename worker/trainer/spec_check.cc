// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/spec_check.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/errors.h"
#include "formats/weights/image_model_config.h"
#include "formats/weights/pooling.h"
#include "worker/trainer/methods/tuning_method.h"
#include "worker/trainer/optimizer/schedule.h"
#include "worker/trainer/tasks/metrics.h"

namespace attune {
namespace {

class Violations {
 public:
  void Check(bool good, std::string_view field, std::string_view description) {
    if (!good) list_.push_back({std::string(field), std::string(description)});
  }
  void Add(std::vector<FieldViolation> more) {
    list_.insert(list_.end(), more.begin(), more.end());
  }
  absl::Status status() && {
    return list_.empty() ? absl::OkStatus() : InvalidFields(std::move(list_));
  }

 private:
  std::vector<FieldViolation> list_;
};

void CheckLabels(const TrainerSpec& spec, const std::string& kind, Violations& found) {
  if (kind == "single") found.Check(spec.labels.size() >= 2, "labels", "needs at least two");
  if (kind == "multi") found.Check(!spec.labels.empty(), "labels", "needs at least one");
  if (kind == "number") found.Check(spec.labels.size() <= 1, "labels", "has one output at most");
  if (kind == "text") found.Check(spec.labels.empty(), "labels", "must be empty for translation");
}

void CheckHyperparameters(const TrainerSpec& spec, Violations& found) {
  const HyperparameterSpec& h = spec.hyperparameters;
  const auto check = [&](bool good, std::string_view field, std::string_view description) {
    found.Check(good, absl::StrCat("hyperparameters.", std::string(field)), description);
  };
  check(IsSchedule(h.schedule), "schedule", "must be linear, cosine or constant");
  check(h.precision == "fp32" || h.precision == "bf16" || h.precision == "auto", "precision",
        "must be fp32, bf16 or auto");
  check(h.batch_size >= 1, "batch_size", "must be at least 1");
  check(h.gradient_accumulation_steps >= 1, "gradient_accumulation_steps", "must be at least 1");
  check(h.epochs > 0 || spec.max_steps > 0, "epochs", "must be above 0");
  check(h.learning_rate > 0, "learning_rate", "must be above 0");
  check(h.dropout < 1, "dropout", "must be below 1");
  const bool smooths = h.label_smoothing != 0;
  check(h.label_smoothing >= 0 && h.label_smoothing < 1, "label_smoothing",
        "must be at least 0 and below 1");
  const std::string& kind = spec.train.label_kind;
  check(!smooths || kind == "single" || kind == "text", "label_smoothing",
        "is for label_kind single or text");
  for (size_t i = 0; i < h.parameter_groups.size(); ++i) {
    check(h.parameter_groups[i].learning_rate > 0,
          absl::StrCat("parameter_groups[", i, "].learning_rate"), "must be above 0");
  }
}

void CheckEvaluation(const TrainerSpec& spec, Violations& found) {
  const std::vector<std::string> metrics = MetricsOf(spec.train.label_kind);
  const bool known = std::find(metrics.begin(), metrics.end(), spec.best_metric) != metrics.end();
  found.Check(known || metrics.empty(), "best_metric",
              absl::StrCat("must be one of ", absl::StrJoin(metrics, ", "), " for label_kind ",
                           spec.train.label_kind, ", got ", spec.best_metric));
  found.Check(spec.eval_fraction >= 0 && spec.eval_fraction < 1, "eval_fraction",
              "must be at least 0 and below 1");
  found.Check(spec.early_stopping_patience >= 0, "early_stopping_patience", "must be at least 0");
  found.Check(spec.early_stopping_min_delta >= 0, "early_stopping_min_delta", "must be at least 0");
  const bool evaluates = spec.eval.has_value() || spec.eval_fraction > 0;
  found.Check(spec.early_stopping_patience == 0 || evaluates, "early_stopping_patience",
              "needs eval data, or an eval_fraction");
}

bool IsOfImages(const TrainerSpec& spec) { return spec.task == "image_classification"; }
bool IsTranslation(const TrainerSpec& spec) { return spec.task == "translation"; }

void CheckKind(const TrainerSpec& spec, const DatasetSpec& data, std::string_view field,
               Violations& found) {
  const bool text = data.label_kind == "text";
  const bool good = IsTranslation(spec) ? text : !text && !MetricsOf(data.label_kind).empty();
  found.Check(
      good, absl::StrCat(std::string(field), ".label_kind"),
      IsTranslation(spec) ? "must be text for translation" : "must be single, multi or number");
}

// What only an encoder of texts with a head has.
void CheckNoTextClassifier(const TrainerSpec& spec, Violations& found) {
  found.Check(spec.pooling.empty(), "pooling", "is for text_classification");
  found.Check(spec.hyperparameters.precision == "fp32", "hyperparameters.precision",
              absl::StrCat("must be fp32 for ", spec.task));
}

void CheckDecoding(const DecodingSpec& decoding, Violations& found) {
  found.Check(decoding.beam_size >= 1 && decoding.beam_size <= 32, "decoding.beam_size",
              absl::StrCat("must be 1 to 32, got ", decoding.beam_size));
  found.Check(decoding.length_penalty >= 0 && decoding.length_penalty <= 4,
              "decoding.length_penalty",
              absl::StrCat("must be 0 to 4, got ", decoding.length_penalty));
}

void CheckImageTraining(const TrainerSpec& spec, Violations& found) {
  const ImageSpec& image = spec.image;
  found.Check(spec.method != "lora", "method",
              "lora is for encoders of texts: an EfficientNet's layers are convolutions. Use full, "
              "partial or head");
  CheckNoTextClassifier(spec, found);
  found.Check(image.min_crop_area >= 0 && image.min_crop_area <= 1, "image.min_crop_area",
              "must be at least 0 and at most 1");
  found.Check(image.brightness >= 0 && image.brightness < 1, "image.brightness",
              "must be at least 0 and below 1");
  found.Check(image.contrast >= 0 && image.contrast < 1, "image.contrast",
              "must be at least 0 and below 1");
  const std::string& norms = image.batch_norms;
  found.Check(norms == "fixed_statistics" || norms == "trained" || norms == "frozen",
              "image.batch_norms", "must be fixed_statistics, trained or frozen");
  found.Check(norms != "trained" || spec.method != "head", "image.batch_norms",
              "trained needs method full or partial: with head no block is trained");
}

void CheckFormats(const TrainerSpec& spec, Violations& found) {
  const int64_t size = spec.image.size;
  found.Check(!IsOfImages(spec) || size == 0 || (size >= kMinImageSide && size <= kMaxImageSide),
              "image.size",
              absl::StrCat("must be 0, or ", kMinImageSide, " to ", kMaxImageSide, ", got ", size));
  const auto check = [&](const DatasetSpec& data, const char* field) {
    found.Check((data.format == "images") == IsOfImages(spec), absl::StrCat(field, ".format"),
                absl::StrCat("must ", IsOfImages(spec) ? "" : "not ", "be images for ", spec.task));
    found.Check(!IsTranslation(spec) || data.text_columns.size() == 1,
                absl::StrCat(field, ".text_columns"),
                absl::StrCat("must be one column, what is to be translated, got ",
                             data.text_columns.size()));
  };
  if (spec.work == "fine_tune") check(spec.train, "train");
  if (spec.eval.has_value()) check(*spec.eval, "eval");
  if (spec.test.has_value()) check(*spec.test, "test");
}

void CheckFineTuning(const TrainerSpec& spec, Violations& found) {
  const std::string& kind = spec.train.label_kind;
  found.Check(!spec.train.path.empty(), "train", "is missing");
  CheckKind(spec, spec.train, "train", found);
  for (const auto& [name, data] : {std::pair("eval", &spec.eval), std::pair("test", &spec.test)}) {
    found.Check(!data->has_value() || (*data)->label_kind == kind,
                absl::StrCat(name, ".label_kind"), absl::StrCat("must be that of train, ", kind));
  }
  found.Check(spec.class_weighting.empty() || spec.class_weighting == "balanced", "class_weighting",
              "must be balanced, or empty");
  found.Check(spec.class_weighting.empty() || kind == "single", "class_weighting",
              "is for label_kind single");
  found.Check(spec.start_sha256.empty() ? spec.start_dir.empty() : IsSha256Hex(spec.start_sha256),
              "start_sha256", "must be the digest of manifest.json in start_dir");
  CheckLabels(spec, kind, found);
  CheckHyperparameters(spec, found);
  CheckEvaluation(spec, found);
  found.Add(MethodViolations(spec));
  if (IsOfImages(spec)) {
    CheckImageTraining(spec, found);
  } else if (IsTranslation(spec)) {
    found.Check(spec.method != "head", "method",
                "head is for classifiers: a translation model has no head. Use full, lora or "
                "partial");
    CheckNoTextClassifier(spec, found);
  } else {
    found.Check(spec.pooling.empty() || IsPooling(spec.pooling), "pooling",
                "must be first_token, mean, or empty");
  }
}

void CheckInference(const TrainerSpec& spec, Violations& found) {
  found.Check(spec.test.has_value(), "test", absl::StrCat("is what to ", spec.work));
  if (!spec.test.has_value() || spec.work == "predict") return;
  CheckKind(spec, *spec.test, "test", found);
  CheckLabels(spec, spec.test->label_kind, found);
}

}  // namespace

absl::Status CheckSpec(const TrainerSpec& spec) {
  Violations found;
  found.Check(spec.task == "text_classification" || IsOfImages(spec) || IsTranslation(spec), "task",
              "must be text_classification, image_classification or translation");
  if (IsTranslation(spec)) CheckDecoding(spec.decoding, found);
  CheckFormats(spec, found);
  found.Check(spec.device == "cpu", "device", "must be cpu");
  found.Check(spec.threads >= 1, "threads", "must be at least 1");
  if (spec.work == "fine_tune") {
    CheckFineTuning(spec, found);
  } else if (spec.work == "evaluate" || spec.work == "predict") {
    CheckInference(spec, found);
  } else {
    found.Check(false, "work", "must be fine_tune, evaluate or predict");
  }
  return std::move(found).status();
}

}  // namespace attune
