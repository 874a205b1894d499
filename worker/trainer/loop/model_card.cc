// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/model_card.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "formats/weights/pooling.h"
#include "worker/trainer/methods/tuning_method.h"

namespace attune {
namespace {

struct Column {
  const char *metric, *title;
};
constexpr Column kColumns[] = {{"accuracy", "accuracy"}, {"top5_accuracy", "top-5 accuracy"},
                               {"macro_f1", "macro F1"}, {"micro_f1", "micro F1"},
                               {"auc", "AUC"},           {"spearman", "Spearman"},
                               {"rmse", "RMSE"},         {"loss", "loss"},
                               {"majority", "majority"}};

// Those that at least one evaluation has.
std::vector<Column> ColumnsOf(const TrainingState& state) {
  std::vector<Column> columns;
  for (const Column& column : kColumns) {
    const bool found =
        std::any_of(state.evaluations.begin(), state.evaluations.end(),
                    [&](const EvaluationFrame& e) { return e.metrics.contains(column.metric); });
    if (found) columns.push_back(column);
  }
  return columns;
}

std::string Results(const TrainingState& state) {
  const std::vector<Column> columns = ColumnsOf(state);
  std::string table = "| data | epoch | examples |", rule = "|---|---|---|";
  for (const Column& column : columns) {
    absl::StrAppend(&table, " ", column.title, " |");
    absl::StrAppend(&rule, "---|");
  }
  absl::StrAppend(&table, "\n", rule, "\n");
  for (const EvaluationFrame& e : state.evaluations) {
    absl::StrAppendFormat(&table, "| %s | %.2f | %d |", e.split, e.epoch, e.examples);
    for (const Column& column : columns) {
      const auto found = e.metrics.find(column.metric);
      absl::StrAppend(&table, " ",
                      found == e.metrics.end() ? "–" : absl::StrFormat("%.4f", found->second),
                      " |");
    }
    absl::StrAppend(&table, "\n");
  }
  return table;
}

std::string StartOf(const TrainerSpec& spec) {
  return absl::StrCat("step ", spec.start_step, " of ", spec.start_job);
}
bool IsOfImages(const TrainerSpec& spec) { return spec.task == "image_classification"; }

std::string LibraryOf(const TrainerSpec& spec) {
  if (IsOfImages(spec)) return "timm";
  return PoolingNamed(spec.pooling) == Pooling::kMean ? "sentence-transformers" : "transformers";
}

std::string ImagesOf(const ImageSpec& image) {
  std::string text = "- images";
  if (image.size > 0) absl::StrAppend(&text, " of ", image.size, " × ", image.size, " pixels");
  absl::StrAppend(&text, ", batch norms ", absl::StrReplaceAll(image.batch_norms, {{"_", " "}}));
  if (image.horizontal_flip) absl::StrAppend(&text, ", mirrored at random");
  if (image.min_crop_area > 0)
    absl::StrAppend(&text, ", crops of area ", image.min_crop_area, "–1");
  if (image.brightness > 0) absl::StrAppend(&text, ", brightness ±", image.brightness);
  if (image.contrast > 0) absl::StrAppend(&text, ", contrast ±", image.contrast);
  return text + "\n";
}

std::string HeadOf(const TrainerSpec& spec) {
  if (PoolingNamed(spec.pooling) == Pooling::kFirstToken) {
    return "- the head sits on the first token\n";
  }
  return "- the head, one linear layer, sits on the mean of all tokens; "
         "`SentenceTransformer(FOLDER).encode(texts)` gives its logits\n";
}

}  // namespace

std::string ModelCard(const TrainerSpec& spec, const TrainingState& state, int64_t train_examples,
                      const BuildInfo& build) {
  const HyperparameterSpec& h = spec.hyperparameters;
  const bool starts = !spec.start_sha256.empty();
  const bool mean = PoolingNamed(spec.pooling) == Pooling::kMean;
  const bool images = IsOfImages(spec);
  std::string card =
      absl::StrCat("---\nlibrary_name: ", LibraryOf(spec),
                   "\npipeline_tag: ", images ? "image" : "text", "-classification\n---\n\n");
  absl::StrAppend(&card, "# ", spec.job, "\n\n", images ? "An image" : "A text",
                  " classifier, fine-tuned from `", spec.base_model_name, "` by attune (",
                  MethodInWords(spec), ")",
                  starts ? absl::StrCat(", started from ", StartOf(spec)) : "",
                  ".\n\n## Labels\n\n", absl::StrJoin(spec.labels, ", "), "\n\n## Training\n\n");
  absl::StrAppendFormat(
      &card,
      "- %d examples, %d steps of %d %s (%g epochs), the weights of step %d\n"
      "- AdamW, learning rate %g with %s schedule, warm-up %d steps, weight decay %g, gradients "
      "clipped at %g\n- dropout %g, seed %d, %s, torch %s\n",
      train_examples, state.total_steps, h.batch_size * h.gradient_accumulation_steps,
      images ? "images" : "sequences", h.epochs,
      state.best.step >= 0 ? state.best.step : state.step, h.learning_rate, h.schedule,
      h.warmup_steps, h.weight_decay, h.max_grad_norm,
      images ? std::max(0.0, h.dropout) : h.dropout, h.seed, build.dtype, build.torch_version);
  absl::StrAppend(&card, images ? ImagesOf(spec.image) : HeadOf(spec));
  if (spec.method == "lora" && !mean) {
    absl::StrAppend(&card, "\n`adapter/` holds the adapters alone, for PEFT beside the base; in ",
                    "`model.safetensors` they are merged into its weights.\n");
  }
  if (!state.evaluations.empty()) {
    absl::StrAppend(&card, "\n## Measured\n\nTEST_BASE is the model as it starts: ",
                    starts ? absl::StrCat("with the weights of ", StartOf(spec))
                           : "the base with a new classification head",
                    "; majority is the share of the most frequent label.\n\n", Results(state));
  }
  return card;
}

}  // namespace attune
