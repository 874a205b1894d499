// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/text_classification.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/labelled_text.h"
#include "formats/datasets/split.h"
#include "worker/trainer/layers/cross_entropy.h"
#include "worker/trainer/models/weights_file.h"
#include "worker/trainer/tasks/classification_metrics.h"

namespace attune {
namespace {

constexpr int64_t kEvaluationTokens = 2048;  // a batch, unless one sequence alone is longer

// The end of the batch that begins with example `begin`.
int64_t BatchEnd(const TokenizedText& text, int64_t begin) {
  auto tokens = static_cast<int64_t>(text.ids(begin).size());
  int64_t end = begin + 1;
  while (end < text.size()) {
    tokens += static_cast<int64_t>(text.ids(end).size());
    if (tokens > kEvaluationTokens) break;
    ++end;
  }
  return end;
}

int32_t ArgMax(const float* row, int64_t classes) {
  return static_cast<int32_t>(std::max_element(row, row + classes) - row);
}

DropoutRates RatesOf(const TrainerSpec& spec, const BertConfig& config) {
  const double p = spec.hyperparameters.dropout;
  if (p >= 0) return {p, p, p};
  return {config.hidden_dropout, config.attention_dropout, config.classifier_dropout};
}

absl::Status Refused(std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_DATASET", message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextClassification>> TextClassification::Load(
    const TrainerSpec& spec, StageClock& stages) {
  std::unique_ptr<TextClassification> task(new TextClassification);
  task->labels_ = spec.labels;
  std::unique_ptr<Tokenizer> tokenizer;
  {
    const StageClock::Scope scope(stages, "load");
    ATTUNE_ASSIGN_OR_RETURN(task->base_, ModelFolder::Open(spec.base_model_dir));
    ATTUNE_ASSIGN_OR_RETURN(tokenizer, LoadTokenizer(spec.base_model_dir));
    ATTUNE_ASSIGN_OR_RETURN(
        task->model_, BertClassifier::Load(*task->base_, static_cast<int64_t>(spec.labels.size()),
                                           spec.hyperparameters.seed));
  }
  task->rates_ = RatesOf(spec, task->base_->config());
  const StageClock::Scope scope(stages, "tokenize");
  ATTUNE_RETURN_IF_ERROR(task->LoadData(spec, *tokenizer));
  return task;
}

absl::Status TextClassification::LoadData(const TrainerSpec& spec, const Tokenizer& tokenizer) {
  const int64_t positions = base_->config().max_positions;
  const int64_t wanted = spec.hyperparameters.max_length;
  const int64_t max_length = wanted > 0 ? std::min(wanted, positions) : positions;
  const auto tokenize = [&](const std::vector<LabelledExample>& examples) {
    return TokenizedText::Make(examples, labels_, tokenizer, max_length);
  };
  const auto load = [&](const DatasetSpec& data) -> absl::StatusOr<TokenizedText> {
    ATTUNE_ASSIGN_OR_RETURN(const auto examples, LoadLabelledText(data));
    return tokenize(examples);
  };

  ATTUNE_ASSIGN_OR_RETURN(std::vector<LabelledExample> train, LoadLabelledText(spec.train));
  if (spec.eval.has_value()) {
    ATTUNE_ASSIGN_OR_RETURN(eval_, load(*spec.eval));
  } else if (spec.eval_fraction > 0) {
    const auto held_out = std::stable_partition(
        train.begin(), train.end(),
        [&](const LabelledExample& e) { return !IsHeldOut(e.texts, spec.eval_fraction); });
    ATTUNE_ASSIGN_OR_RETURN(eval_, tokenize(std::vector<LabelledExample>(held_out, train.end())));
    train.erase(held_out, train.end());
  }
  if (spec.test.has_value()) {
    ATTUNE_ASSIGN_OR_RETURN(test_, load(*spec.test));
  }
  ATTUNE_ASSIGN_OR_RETURN(train_, tokenize(train));
  if (train_.size() == 0) {
    return Refused(absl::StrCat("No training example is left beside the held-out ",
                                spec.eval_fraction, " of the data. Lower eval_fraction."));
  }
  return absl::OkStatus();
}

const std::optional<TokenizedText>& TextClassification::DataOf(Split split) const {
  return split == Split::kEval ? eval_ : test_;
}

int64_t TextClassification::examples(Split split) const {
  const std::optional<TokenizedText>& data = DataOf(split);
  return data.has_value() ? data->size() : 0;
}

MicroBatchLoss TextClassification::Forward(absl::Span<const int64_t> examples, const StepKey& key) {
  batch_ = Pack(train_, examples);
  mode_ = {rates_, key};
  logits_ = model_->Forward(batch_, mode_, &activations_);
  return {CrossEntropy(logits_, batch_.labels), batch_.tokens()};
}

void TextClassification::Backward(double scale) {
  model_->Backward(batch_, mode_, activations_,
                   CrossEntropyBackward(logits_, batch_.labels, scale));
}

absl::StatusOr<EvaluationFrame> TextClassification::Evaluate(
    Split split, const std::function<bool()>& stopping) {
  const TokenizedText& text = *DataOf(split);
  ClassificationCounts counts(static_cast<int64_t>(labels_.size()));
  for (int64_t begin = 0, end = 0; begin < text.size(); begin = end) {
    if (stopping()) return absl::CancelledError("stopped while evaluating");
    end = BatchEnd(text, begin);
    std::vector<int64_t> examples;
    for (int64_t i = begin; i < end; ++i) examples.push_back(i);
    const PackedBatch batch = Pack(text, examples);
    const at::Tensor logits = model_->Forward(batch, {}, nullptr);
    const std::vector<double> losses = CrossEntropy(logits, batch.labels);
    const float* row = logits.const_data_ptr<float>();
    for (size_t i = 0; i < losses.size(); ++i, row += logits.size(1)) {
      counts.Add(batch.labels[i], ArgMax(row, logits.size(1)), losses[i]);
    }
  }
  EvaluationFrame frame;
  frame.examples = counts.examples();
  frame.metrics = counts.Metrics();
  frame.confusion = counts.confusion();
  return frame;
}

std::string TextClassification::Origin(int64_t example) const {
  return absl::StrCat("line ", train_.line(example));
}

absl::Status TextClassification::WriteModel(const std::string& dir) {
  return WriteModelFolder(*base_, labels_, parameters(), dir);
}

}  // namespace attune
