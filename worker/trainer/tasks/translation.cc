// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/translation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "ATen/ops/empty.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "worker/trainer/methods/tuning_method.h"
#include "worker/trainer/models/translate.h"
#include "worker/trainer/tasks/hold_out.h"
#include "worker/trainer/tasks/metrics.h"
#include "worker/trainer/tasks/objective.h"
#include "worker/trainer/tasks/translation_metrics.h"
#include "worker/trainer/tasks/translation_outputs.h"
#include "worker/trainer/tasks/translation_predictor.h"

namespace attune {
namespace {

constexpr size_t kProbeRows = 8, kSamples = 5;

// The family's own rate is 0.
DropoutRates RatesOf(const TrainerSpec& spec) {
  const double p = std::max(0.0, spec.hyperparameters.dropout);
  return {p, p, p, spec.method == "lora" ? spec.lora.dropout : 0};
}

std::vector<LabelledExample> Select(const std::vector<LabelledExample>& examples,
                                    const std::vector<int64_t>& rows) {
  std::vector<LabelledExample> selected;
  for (const int64_t row : rows) selected.push_back(examples[static_cast<size_t>(row)]);
  return selected;
}

void AddReferences(const std::vector<TokenLoss>& tokens, const PackedBatch& references,
                   std::vector<TranslationOutput>& outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const int64_t begin = references.offsets[i], end = references.offsets[i + 1];
    outputs[i].tokens = end - begin;
    for (int64_t t = begin; t < end; ++t) {
      outputs[i].loss += tokens[static_cast<size_t>(t)].plain;
      outputs[i].correct += tokens[static_cast<size_t>(t)].correct;
    }
  }
}

std::vector<double> SumsOf(const std::vector<TokenLoss>& tokens, const PackedBatch& targets) {
  std::vector<double> sums;
  for (size_t i = 0; i + 1 < targets.offsets.size(); ++i) {
    sums.push_back(std::accumulate(tokens.begin() + targets.offsets[i],
                                   tokens.begin() + targets.offsets[i + 1], 0.0,
                                   [](double sum, const TokenLoss& t) { return sum + t.loss; }));
  }
  return sums;
}

at::Tensor TensorOf(const std::vector<TranslationOutput>& outputs, int64_t width) {
  const at::Tensor rows = at::empty({static_cast<int64_t>(outputs.size()), width}, at::kFloat);
  float* row = rows.mutable_data_ptr<float>();
  for (const TranslationOutput& output : outputs) {
    WriteOutput(output, {row, static_cast<size_t>(width)});
    row += width;
  }
  return rows;
}

std::vector<TranslationOutput> OutputsOf(const at::Tensor& rows) {
  const auto width = static_cast<size_t>(rows.size(1));
  const float* row = rows.const_data_ptr<float>();
  std::vector<TranslationOutput> outputs;
  for (int64_t i = 0; i < rows.size(0); ++i, row += width) {
    outputs.push_back(ReadOutput({row, width}));
  }
  return outputs;
}

// Of the references' tokens.
std::map<std::string, double> TokenMetrics(const std::vector<TranslationOutput>& outputs) {
  double loss = 0, tokens = 0, correct = 0;
  for (const TranslationOutput& output : outputs) {
    loss += output.loss;
    tokens += static_cast<double>(output.tokens);
    correct += static_cast<double>(output.correct);
  }
  loss /= tokens;
  return {{"loss", loss}, {"perplexity", std::exp(loss)}, {"token_accuracy", correct / tokens}};
}

}  // namespace

Translation::Translation(const TrainerSpec& spec) : spec_(spec) {}

absl::StatusOr<std::unique_ptr<Translation>> Translation::Load(const LoopParts& parts) {
  std::unique_ptr<Translation> task(new Translation(parts.spec));
  ATTUNE_RETURN_IF_ERROR(task->LoadModel(parts.spec.base_model_dir, parts.stages));
  ATTUNE_RETURN_IF_ERROR(ApplyMethod(parts.spec, *task->model_));
  task->parameters_ = task->model_->trained_parameters();
  ATTUNE_RETURN_IF_ERROR(task->LoadTrainingData(parts.stages));
  return task;
}

absl::StatusOr<std::unique_ptr<Translation>> Translation::LoadForInference(
    const TrainerSpec& spec, const std::string& model_dir, StageClock& stages) {
  std::unique_ptr<Translation> task(new Translation(spec));
  DatasetSpec data = *spec.test;
  if (spec.work == "predict") data.label_kind = "none";
  ATTUNE_RETURN_IF_ERROR(task->LoadModel(model_dir, stages));
  ATTUNE_ASSIGN_OR_RETURN(task->test_, task->Read(data, stages));
  return task;
}

absl::Status Translation::LoadModel(const std::string& dir, StageClock& stages) {
  const StageClock::Scope scope(stages, "load");
  ATTUNE_ASSIGN_OR_RETURN(base_, TranslationFolder::Open(dir));
  ATTUNE_ASSIGN_OR_RETURN(tokenizer_, base_->OpenTokenizer());
  ATTUNE_ASSIGN_OR_RETURN(model_, TranslationModel::Load(*base_));
  max_length_ = KeptTokens(spec_.hyperparameters.max_length, base_->config().max_length);
  return absl::OkStatus();
}

Translation::Data Translation::DataFrom(const std::vector<LabelledExample>& examples,
                                        PairSides sides) const {
  Data data{.pairs = TextPairs::Make(examples, *tokenizer_, max_length_, sides)};
  for (const LabelledExample& example : examples) {
    if (sides == PairSides::kBoth) data.references.push_back(example.translation);
    if (data.sources.size() < kSamples) data.sources.push_back(example.texts[0]);
  }
  data.output_width = OutputWidth(LongestTranslation(data.pairs.longest_source(), max_length_));
  return data;
}

absl::StatusOr<Translation::Data> Translation::Read(const DatasetSpec& spec, StageClock& stages) {
  const StageClock::Scope scope(stages, "tokenize");
  ATTUNE_ASSIGN_OR_RETURN(const auto examples, LoadLabelledText(spec));
  KeepProbe(examples);
  return DataFrom(examples, spec.label_kind == "none" ? PairSides::kSourceOnly : PairSides::kBoth);
}

absl::Status Translation::LoadTrainingData(StageClock& stages) {
  {
    const StageClock::Scope scope(stages, "tokenize");
    ATTUNE_ASSIGN_OR_RETURN(auto examples, LoadLabelledText(spec_.train));
    KeepProbe(examples);
    if (!spec_.eval.has_value() && spec_.eval_fraction > 0) {
      ATTUNE_ASSIGN_OR_RETURN(
          const HeldOut rows,
          HoldOut(static_cast<int64_t>(examples.size()), spec_.eval_fraction,
                  [&](int64_t i) { return examples[static_cast<size_t>(i)].texts; }));
      eval_ = DataFrom(Select(examples, rows.held_out), PairSides::kBoth);
      examples = Select(examples, rows.kept);
    }
    train_ = TextPairs::Make(examples, *tokenizer_, max_length_, PairSides::kBoth);
  }
  if (spec_.eval.has_value()) {
    ATTUNE_ASSIGN_OR_RETURN(eval_, Read(*spec_.eval, stages));
  }
  if (spec_.test.has_value()) {
    ATTUNE_ASSIGN_OR_RETURN(test_, Read(*spec_.test, stages));
  }
  return absl::OkStatus();
}

const std::optional<Translation::Data>& Translation::DataOf(Split split) const {
  return split == Split::kEval ? eval_ : test_;
}

int64_t Translation::examples(Split split) const {
  const std::optional<Data>& data = DataOf(split);
  return data.has_value() ? data->pairs.size() : 0;
}

double Translation::TrainWeight(absl::Span<const int64_t> examples) const {
  int64_t tokens = 0;
  for (const int64_t example : examples) tokens += train_.target_tokens(example);
  return static_cast<double>(tokens);
}

absl::StatusOr<MicroBatchLoss> Translation::Forward(absl::Span<const int64_t> examples,
                                                    const StepKey& key) {
  batch_ = Pack(train_, examples);
  mode_ = {RatesOf(spec_), key};
  const std::vector<TokenLoss> tokens =
      model_->Forward(batch_, mode_, spec_.hyperparameters.label_smoothing, &activations_);
  return MicroBatchLoss{SumsOf(tokens, batch_.target),
                        batch_.source.tokens() + batch_.target.tokens()};
}

void Translation::Backward(double scale) { model_->Backward(batch_, mode_, activations_, scale); }

absl::StatusOr<OutputBatch> Translation::Predict(Split split, int64_t begin) {
  const Data& data = *DataOf(split);
  const int64_t end = BatchEnd(data.pairs, begin, spec_.decoding.beam_size);
  std::vector<int64_t> rows(static_cast<size_t>(end - begin));
  std::iota(rows.begin(), rows.end(), begin);
  const PairBatch batch = Pack(data.pairs, rows);
  int64_t tokens = batch.source.tokens() + batch.target.tokens();
  std::vector<TranslationOutput> outputs;
  for (Translated& row :
       Translate(*model_, batch.source, tokenizer_->end_id(), max_length_, spec_.decoding)) {
    // Without references, what is made is the other side.
    if (data.references.empty()) tokens += static_cast<int64_t>(row.ids.size()) + 1;
    outputs.push_back({.translation = std::move(row.ids)});
  }
  if (!data.references.empty()) {
    AddReferences(model_->Forward(batch, {}, /*label_smoothing=*/0, nullptr), batch.target,
                  outputs);
  }
  return OutputBatch{TensorOf(outputs, data.output_width), tokens};
}

EvaluationFrame Translation::Measure(Split split, const at::Tensor& outputs) const {
  const Data& data = *DataOf(split);
  const std::vector<TranslationOutput> rows = OutputsOf(outputs);
  std::vector<std::string> translations;
  for (const TranslationOutput& row : rows) {
    translations.push_back(tokenizer_->Decode(row.translation));
  }
  EvaluationFrame frame;
  frame.examples = data.pairs.size();
  frame.metrics = TokenMetrics(rows);
  frame.metrics["bleu"] = Bleu(translations, data.references);
  frame.metrics["chrf"] = Chrf(translations, data.references);
  DropUndefined(frame.metrics);
  frame.samples.emplace();
  for (size_t i = 0; i < data.sources.size(); ++i) {
    frame.samples->push_back({data.sources[i], data.references[i], translations[i]});
  }
  return frame;
}

std::string Translation::Prediction(Split split, int64_t row, const float* outputs) const {
  const Data& data = *DataOf(split);
  const TranslationOutput output = ReadOutput({outputs, static_cast<size_t>(data.output_width)});
  return PredictionLine(
      {{"line", data.pairs.line(row)}, {"translation", tokenizer_->Decode(output.translation)}});
}

std::string Translation::Origin(int64_t example) const {
  return absl::StrCat("line ", train_.line(example));
}

void Translation::KeepProbe(const std::vector<LabelledExample>& examples) {
  const size_t count = std::min(examples.size(), kProbeRows);
  probe_.assign(examples.begin(), examples.begin() + static_cast<int64_t>(count));
}

std::vector<ProbeRow> Translation::Probe() const {
  const TextPairs pairs =
      TextPairs::Make(probe_, *tokenizer_, base_->config().max_length, PairSides::kBoth);
  std::vector<ProbeRow> rows;
  for (int64_t i = 0; i < pairs.size(); ++i) {
    const LabelledExample& example = probe_[static_cast<size_t>(i)];
    const std::vector<TokenLoss> tokens = model_->Forward(Pack(pairs, {i}), {}, 0, nullptr);
    const nlohmann::json request = {{"text", example.texts[0]}, {"target", example.translation}};
    rows.push_back({request.dump(), PlainLosses(tokens)});
  }
  return rows;
}

absl::StatusOr<ExportedModel> Translation::WriteModel(const std::string& dir) {
  const std::vector<NamedTensor> values = model_->MergedValues();
  std::vector<TranslationTensor> tensors;
  for (const auto& [name, value] : values) {
    tensors.push_back({name,
                       value.sizes().vec(),
                       {value.const_data_ptr<float>(), static_cast<size_t>(value.numel())}});
  }
  ATTUNE_RETURN_IF_ERROR(WriteTranslationFolder(*base_, tensors, dir));
  ATTUNE_ASSIGN_OR_RETURN(const auto folder, TranslationFolder::Open(dir));
  return ExportedModel{.model_type = kMarianSsru,
                       .architecture = kMarianSsru,
                       .parameters = folder->parameters(),
                       .max_length = folder->config().max_length,
                       .formats = {{"merged", {"--logits", dir}}},
                       .probe = Probe()};
}

}  // namespace attune
