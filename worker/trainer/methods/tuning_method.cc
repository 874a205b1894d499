// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/methods/tuning_method.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "worker/trainer/methods/lora.h"

namespace attune {
namespace {

absl::Status CheckTopLayers(int64_t top_layers, int64_t layers, const char* what) {
  if (top_layers >= 1 && top_layers <= layers) return absl::OkStatus();
  return InvalidFields({{"top_layers", absl::StrCat("must be 1 to ", layers, ", the ", what,
                                                    " of this base, got ", top_layers)}});
}

// The head stays as it is: its dense layer is on top of the trained layers.
void FreezeBelow(int64_t depth, TextClassifier& model) {
  Freeze(model.encoder().embedding_parameters());
  for (int64_t i = 0; i < depth; ++i) Freeze(model.encoder().layer(i).parameters());
}

// The same; at full depth only the head is left.
void FreezeBelow(int64_t depth, ImageClassifier& model) {
  Freeze(model.stem_parameters());
  for (int64_t i = 0; i < depth; ++i) Freeze(model.block_parameters(i));
  if (depth == model.depth()) Freeze(model.top_parameters());
}

}  // namespace

std::vector<FieldViolation> MethodViolations(const TrainerSpec& spec) {
  std::vector<FieldViolation> violations;
  const auto check = [&](bool good, const char* field, std::string_view description) {
    if (!good) violations.push_back({field, std::string(description)});
  };
  const std::string& method = spec.method;
  check(method == "full" || method == "lora" || method == "partial" || method == "head", "method",
        "must be full, lora, partial or head");
  if (method == "lora") {
    check(spec.lora.rank >= 1 && spec.lora.rank <= 1024, "lora.rank", "must be 1 to 1024");
    check(spec.lora.alpha > 0, "lora.alpha", "must be above 0");
    check(spec.lora.dropout >= 0 && spec.lora.dropout < 1, "lora.dropout",
          "must be at least 0 and below 1");
    check(!spec.lora.target_modules.empty(), "lora.target_modules", "must name at least one");
  }
  check(method != "partial" || spec.top_layers >= 1, "top_layers", "must be at least 1");
  return violations;
}

absl::Status ApplyMethod(const TrainerSpec& spec, TextClassifier& model) {
  if (spec.method == "lora") {
    ATTUNE_RETURN_IF_ERROR(AddAdapters(spec.lora, spec.hyperparameters.seed, model));
  } else if (spec.method == "partial") {
    ATTUNE_RETURN_IF_ERROR(
        CheckTopLayers(spec.top_layers, model.config().layers, "encoder layers"));
    FreezeBelow(model.config().layers - spec.top_layers, model);
  } else if (spec.method == "head") {
    model.FreezeButHead();
  }
  AllocateMoments(model.trained_parameters());
  return absl::OkStatus();
}

absl::Status ApplyMethod(const TrainerSpec& spec, ImageClassifier& model) {
  if (spec.method == "partial") {
    ATTUNE_RETURN_IF_ERROR(CheckTopLayers(spec.top_layers, model.depth(), "blocks"));
  }
  const std::optional<int64_t> depth = FrozenDepth(spec, model.depth());
  if (depth.has_value()) FreezeBelow(*depth, model);
  if (spec.image.batch_norms == "frozen") Freeze(model.norm_parameters());
  AllocateMoments(TrainableOf(model.parameters()));
  return absl::OkStatus();
}

absl::Status ApplyMethod(const TrainerSpec& spec, TranslationModel& model) {
  if (spec.method == "lora") {
    ATTUNE_RETURN_IF_ERROR(AddAdapters(spec.lora, spec.hyperparameters.seed, model));
  } else if (spec.method == "partial") {
    ATTUNE_RETURN_IF_ERROR(
        CheckTopLayers(spec.top_layers, model.config().decoder_layers, "decoder layers"));
    model.FreezeButTopLayers(spec.top_layers);
  }
  AllocateMoments(model.trained_parameters());
  return absl::OkStatus();
}

bool TrainsStatistics(const TrainerSpec& spec) {
  return spec.image.batch_norms == "trained" && spec.method != "head";
}

std::optional<int64_t> FrozenDepth(const TrainerSpec& spec, int64_t layers) {
  if (spec.method == "head") return layers;
  if (spec.method == "partial") return layers - spec.top_layers;
  return std::nullopt;
}

std::string MethodInWords(const TrainerSpec& spec) {
  const bool translates = spec.task == "translation";
  if (spec.method == "head") return "the head alone";
  if (spec.method == "partial") {
    const char* layers = spec.task == "image_classification" ? " blocks"
                         : translates                        ? " decoder layers"
                                                             : " encoder layers";
    return absl::StrCat("the top ", spec.top_layers, layers, translates ? "" : " and the head");
  }
  if (spec.method != "lora") return "all weights";
  return absl::StrFormat("%s adapters of rank %d, alpha %g and dropout %g on %s%s",
                         spec.lora.rslora ? "rsLoRA" : "LoRA", spec.lora.rank, spec.lora.alpha,
                         spec.lora.dropout, absl::StrJoin(spec.lora.target_modules, ", "),
                         translates ? "" : ", and the head");
}

}  // namespace attune
