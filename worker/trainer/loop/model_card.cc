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
                               {"rmse", "RMSE"},         {"bleu", "BLEU"},
                               {"chrf", "chrF"},         {"token_accuracy", "token accuracy"},
                               {"loss", "loss"},         {"majority", "majority"}};

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

enum class Kind { kText, kImages, kTranslation };

Kind KindOf(const TrainerSpec& spec) {
  if (spec.task == "image_classification") return Kind::kImages;
  return spec.task == "translation" ? Kind::kTranslation : Kind::kText;
}

bool SitsOnMean(const TrainerSpec& spec) {
  return KindOf(spec) == Kind::kText && PoolingNamed(spec.pooling) == Pooling::kMean;
}

// What the words are that differ between tasks.
struct Words {
  const char *library, *pipeline, *model, *rows;
};

Words WordsOf(const TrainerSpec& spec) {
  switch (KindOf(spec)) {
    case Kind::kImages:
      return {"timm", "image-classification", "An image classifier", "images"};
    case Kind::kTranslation:
      return {"marian", "translation", "A translation model", "sentence pairs"};
    case Kind::kText:
      break;
  }
  return {SitsOnMean(spec) ? "sentence-transformers" : "transformers", "text-classification",
          "A text classifier", "sequences"};
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
  if (!SitsOnMean(spec)) return "- the head sits on the first token\n";
  return "- the head, one linear layer, sits on the mean of all tokens; "
         "`SentenceTransformer(FOLDER).encode(texts)` gives its logits\n";
}

std::string DecodingOf(const DecodingSpec& decoding) {
  if (decoding.beam_size == 1) return "- evaluated on greedy translations\n";
  return absl::StrFormat(
      "- evaluated on translations by beam search, beam size %d, length penalty "
      "%g\n",
      decoding.beam_size, decoding.length_penalty);
}

std::string TaskLine(const TrainerSpec& spec) {
  switch (KindOf(spec)) {
    case Kind::kImages:
      return ImagesOf(spec.image);
    case Kind::kTranslation:
      return DecodingOf(spec.decoding);
    case Kind::kText:
      break;
  }
  return HeadOf(spec);
}

std::string LabelsOf(const TrainerSpec& spec) {
  if (spec.labels.empty()) return "";
  return absl::StrCat("## Labels\n\n", absl::StrJoin(spec.labels, ", "), "\n\n");
}

std::string Adapters(const TrainerSpec& spec) {
  if (spec.method != "lora" || SitsOnMean(spec)) return "";
  if (KindOf(spec) == Kind::kTranslation) return "\nThe adapters are merged into the weights.\n";
  return "\n`adapter/` holds the adapters alone, for PEFT beside the base; in "
         "`model.safetensors` they are merged into its weights.\n";
}

std::string Measured(const TrainerSpec& spec, const TrainingState& state) {
  if (state.evaluations.empty()) return "";
  const bool translates = KindOf(spec) == Kind::kTranslation;
  const std::string base = !spec.start_sha256.empty()
                               ? absl::StrCat("with the weights of ", StartOf(spec))
                           : translates ? "the base"
                                        : "the base with a new classification head";
  const char* columns = translates ? "BLEU and chrF are sacrebleu's"
                                   : "majority is the share of the most frequent label";
  return absl::StrCat("\n## Measured\n\nTEST_BASE is the model as it starts: ", base, "; ", columns,
                      ".\n\n", Results(state));
}

}  // namespace

std::string ModelCard(const TrainerSpec& spec, const TrainingState& state, int64_t train_examples,
                      const BuildInfo& build) {
  const HyperparameterSpec& h = spec.hyperparameters;
  const Words words = WordsOf(spec);
  std::string card =
      absl::StrCat("---\nlibrary_name: ", words.library, "\npipeline_tag: ", words.pipeline,
                   "\n---\n\n# ", spec.job, "\n\n");
  absl::StrAppend(&card, words.model, ", fine-tuned from `", spec.base_model_name, "` by attune (",
                  MethodInWords(spec), ")",
                  spec.start_sha256.empty() ? "" : absl::StrCat(", started from ", StartOf(spec)),
                  ".\n\n", LabelsOf(spec), "## Training\n\n");
  absl::StrAppendFormat(
      &card,
      "- %d examples, %d steps of %d %s (%g epochs), the weights of step %d\n"
      "- AdamW, learning rate %g with %s schedule, warm-up %d steps, weight decay %g, gradients "
      "clipped at %g\n- dropout %g, seed %d, %s, torch %s\n",
      train_examples, state.total_steps, h.batch_size * h.gradient_accumulation_steps, words.rows,
      h.epochs, state.best.step >= 0 ? state.best.step : state.step, h.learning_rate, h.schedule,
      h.warmup_steps, h.weight_decay, h.max_grad_norm,
      KindOf(spec) == Kind::kText ? h.dropout : std::max(0.0, h.dropout), h.seed, build.dtype,
      build.torch_version);
  absl::StrAppend(&card, TaskLine(spec), Adapters(spec), Measured(spec, state));
  return card;
}

}  // namespace attune
