// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/text_classification.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "formats/datasets/labelled_text.h"
#include "formats/weights/problem_type.h"
#include "worker/trainer/features/text_rows.h"
#include "worker/trainer/methods/adapter_folder.h"
#include "worker/trainer/methods/tuning_method.h"
#include "worker/trainer/models/model_folder_writer.h"
#include "worker/trainer/tasks/hold_out.h"
#include "worker/trainer/tasks/model_outputs.h"

namespace attune {
namespace {

constexpr size_t kProbeRows = 8;

DropoutRates RatesOf(const TrainerSpec& spec, const EncoderConfig& config) {
  const double p = spec.hyperparameters.dropout;
  const double adapter = spec.method == "lora" ? spec.lora.dropout : 0;
  if (p >= 0) return {p, p, p, adapter};
  return {config.hidden_dropout, config.attention_dropout, config.classifier_dropout, adapter};
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextClassification>> TextClassification::Load(
    const LoopParts& parts) {
  const TrainerSpec& spec = parts.spec;
  std::unique_ptr<TextClassification> task(new TextClassification);
  task->spec_ = spec;
  task->precision_ = parts.precision;
  task->kind_ = spec.train.label_kind;
  ATTUNE_RETURN_IF_ERROR(
      task->LoadModel(spec, spec.base_model_dir, PoolingNamed(spec.pooling), parts.stages));
  ATTUNE_RETURN_IF_ERROR(ApplyMethod(spec, *task->model_));
  task->parameters_ = task->model_->trained_parameters();
  ATTUNE_RETURN_IF_ERROR(task->LoadTrainingData(parts));
  const FrozenRows& frozen = task->train_.frozen;
  if (frozen.computed() && frozen.depth() == task->base_->config().layers) {
    task->alone_ = std::make_unique<ComputeAlone>();
  }
  task->objective_ = MakeObjective(spec, task->kind_, task->train_.labels);
  return task;
}

absl::StatusOr<std::unique_ptr<TextClassification>> TextClassification::LoadForInference(
    const TrainerSpec& spec, const std::string& model_dir, bool fresh_head, StageClock& stages) {
  std::unique_ptr<TextClassification> task(new TextClassification);
  DatasetSpec data = *spec.test;
  if (spec.work == "predict") data.label_kind = "none";
  task->kind_ = data.label_kind;
  std::optional<Pooling> pooling;
  if (fresh_head) {
    ATTUNE_ASSIGN_OR_RETURN(const auto model, ModelFolder::Open(spec.base_model_dir));
    pooling = model->head_pooling();
  }
  ATTUNE_RETURN_IF_ERROR(task->LoadModel(spec, model_dir, pooling, stages));
  if (!fresh_head) ATTUNE_RETURN_IF_ERROR(task->CheckHead(spec));
  const StageClock::Scope scope(stages, "tokenize");
  ATTUNE_ASSIGN_OR_RETURN(task->test_, task->Read(data));
  task->objective_ = MakeObjective(spec, task->kind_, {});
  return task;
}

absl::Status TextClassification::LoadModel(const TrainerSpec& spec, const std::string& dir,
                                           std::optional<Pooling> pooling, StageClock& stages) {
  const StageClock::Scope scope(stages, "load");
  labels_ = spec.labels;
  ATTUNE_ASSIGN_OR_RETURN(base_, ModelFolder::Open(dir));
  ATTUNE_ASSIGN_OR_RETURN(tokenizer_, base_->OpenTokenizer());
  if (kind_ == "none") {
    kind_ = KindOfProblem(base_->config().problem_type, static_cast<int64_t>(labels_.size()));
  }
  pooling_ = pooling.value_or(base_->head_pooling());
  ATTUNE_ASSIGN_OR_RETURN(model_, TextClassifier::Load(*base_, OutputsOf(kind_, labels_),
                                                       spec.hyperparameters.seed, pooling_));
  rates_ = RatesOf(spec, base_->config());
  max_length_ = KeptTokens(spec.hyperparameters.max_length, base_->config().max_length());
  return absl::OkStatus();
}

absl::Status TextClassification::CheckHead(const TrainerSpec& spec) const {
  ModelOutputs outputs{.labels = base_->config().labels,
                       .problem_type = base_->config().problem_type};
  if (base_->Has("head.out.weight")) {
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, base_->Shape("head.out.weight"));
    outputs.count = shape.front();
  }
  return CheckOutputs(outputs, spec.work, kind_, labels_);
}

absl::StatusOr<TextClassification::Data> TextClassification::Tokenize(
    const std::vector<LabelledExample>& examples, const std::string& kind) const {
  Data data;
  ATTUNE_ASSIGN_OR_RETURN(data.labels, Labels::Make(kind, examples, labels_));
  data.text = TokenizedText::Make(examples, *tokenizer_, max_length_);
  return data;
}

absl::StatusOr<TextClassification::Data> TextClassification::Read(const DatasetSpec& spec) const {
  ATTUNE_ASSIGN_OR_RETURN(const auto examples, LoadLabelledText(spec));
  return Tokenize(examples, spec.label_kind);
}

TextClassification::Data TextClassification::Data::Select(
    absl::Span<const int64_t> examples) const {
  return {text.Select(examples), labels.Select(examples), frozen.Select(examples)};
}

absl::StatusOr<TextClassification::Data> TextClassification::ReadForTraining(
    const LoopParts& parts, const DatasetSpec& spec,
    const std::vector<LabelledExample>& examples) const {
  Data data;
  {
    const StageClock::Scope scope(parts.stages, "tokenize");
    ATTUNE_ASSIGN_OR_RETURN(data, Tokenize(examples, spec.label_kind));
  }
  const std::optional<int64_t> depth = FrozenDepth(parts.spec, base_->config().layers);
  if (!depth.has_value()) return data;
  const StageClock::Scope scope(parts.stages, "features");
  FeatureCache cache(parts.files, parts.spec.cache_dir, parts.events);
  const nlohmann::ordered_json reading = {
      {"text", spec.text_columns}, {"max_length", max_length_}, {"pooling", PoolingName(pooling_)}};
  const std::string key = FrozenRowsKey(parts.spec, spec, reading, *depth, parts.build);
  ATTUNE_ASSIGN_OR_RETURN(data.frozen,
                          FrozenRows::Make(TextRows(*model_, *depth, data.text), *depth, key, cache,
                                           [&] { return parts.control.stopping(); }));
  return data;
}

void TextClassification::KeepProbe(const std::vector<LabelledExample>& examples) {
  probe_texts_.clear();
  for (size_t i = 0; i < std::min(examples.size(), kProbeRows); ++i) {
    probe_texts_.push_back(examples[i].texts);
  }
}

absl::Status TextClassification::LoadTrainingData(const LoopParts& parts) {
  const TrainerSpec& spec = parts.spec;
  const auto read = [&](const DatasetSpec& dataset) -> absl::StatusOr<Data> {
    ATTUNE_ASSIGN_OR_RETURN(const auto examples, LoadLabelledText(dataset));
    KeepProbe(examples);
    return ReadForTraining(parts, dataset, examples);
  };
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<LabelledExample> examples,
                          LoadLabelledText(spec.train));
  KeepProbe(examples);
  ATTUNE_ASSIGN_OR_RETURN(train_, ReadForTraining(parts, spec.train, examples));
  if (spec.eval.has_value()) {
    ATTUNE_ASSIGN_OR_RETURN(eval_, read(*spec.eval));
  } else if (spec.eval_fraction > 0) {
    ATTUNE_ASSIGN_OR_RETURN(const HeldOut rows,
                            HoldOut(train_.text.size(), spec.eval_fraction, [&](int64_t i) {
                              return examples[static_cast<size_t>(i)].texts;
                            }));
    eval_ = train_.Select(rows.held_out);
    train_ = train_.Select(rows.kept);
  }
  if (spec.test.has_value()) {
    ATTUNE_ASSIGN_OR_RETURN(test_, read(*spec.test));
  }
  return absl::OkStatus();
}

const std::optional<TextClassification::Data>& TextClassification::DataOf(Split split) const {
  return split == Split::kEval ? eval_ : test_;
}

int64_t TextClassification::examples(Split split) const {
  const std::optional<Data>& data = DataOf(split);
  return data.has_value() ? data->text.size() : 0;
}

double TextClassification::TrainWeight(absl::Span<const int64_t> examples) const {
  double sum = 0;
  for (const int64_t example : examples) sum += objective_->Weight(train_.labels, example);
  return sum;
}

at::Tensor TextClassification::Logits(const Data& data, absl::Span<const int64_t> examples,
                                      const PackedBatch& batch, const ForwardMode& mode,
                                      ClassifierActivations* activations) const {
  const std::optional<int64_t> depth = data.frozen.depth();
  if (!depth.has_value()) return model_->Forward(batch, mode, activations);
  const at::Tensor rows =
      data.frozen.computed() ? data.frozen.Gather(examples) : model_->RowsAt(*depth, batch);
  return model_->ForwardFrom(*depth, rows, batch, mode, activations);
}

absl::StatusOr<MicroBatchLoss> TextClassification::Forward(absl::Span<const int64_t> examples,
                                                           const StepKey& key) {
  examples_.assign(examples.begin(), examples.end());
  batch_ = Pack(train_.text, examples);
  mode_ = {rates_, key, precision_};
  logits_ = Logits(train_, examples, batch_, mode_, &activations_);
  return MicroBatchLoss{objective_->Losses(logits_, train_.labels, examples_), batch_.tokens()};
}

void TextClassification::Backward(double scale) {
  model_->Backward(batch_, mode_, activations_,
                   objective_->Gradient(logits_, train_.labels, examples_, scale));
}

absl::StatusOr<OutputBatch> TextClassification::Predict(Split split, int64_t begin) {
  const Data& data = *DataOf(split);
  std::vector<int64_t> rows(static_cast<size_t>(BatchEnd(data.text, begin) - begin));
  std::iota(rows.begin(), rows.end(), begin);
  const PackedBatch batch = Pack(data.text, rows);
  return OutputBatch{Logits(data, rows, batch, {}, nullptr), batch.tokens()};
}

EvaluationFrame TextClassification::Measure(Split split, const at::Tensor& outputs) const {
  return MeasureDefined(*objective_, outputs, DataOf(split)->labels);
}

std::string TextClassification::Prediction(Split split, int64_t row, const float* outputs) const {
  nlohmann::ordered_json line = {{"line", DataOf(split)->text.line(row)}};
  line.update(objective_->Prediction(outputs));
  return PredictionLine(line);
}

std::string TextClassification::Origin(int64_t example) const {
  return absl::StrCat("line ", train_.text.line(example));
}

std::vector<ProbeRow> TextClassification::Probe() const {
  std::vector<ProbeRow> rows;
  for (const std::vector<std::string>& texts : probe_texts_) {
    const int64_t longest = base_->config().max_length();
    const Encoding encoding = texts.size() == 2
                                  ? tokenizer_->EncodePair(texts[0], texts[1], longest)
                                  : tokenizer_->Encode(texts[0], longest);
    PackedBatch batch;
    batch.Add(encoding.ids, encoding.type_ids);
    const at::Tensor logits = model_->Forward(batch, {}, nullptr);
    const float* row = logits.const_data_ptr<float>();
    const nlohmann::json request =
        texts.size() == 2 ? nlohmann::json{{"texts", texts}} : nlohmann::json{{"text", texts[0]}};
    rows.push_back({request.dump(), {row, row + logits.size(1)}});
  }
  return rows;
}

absl::StatusOr<ExportedModel> TextClassification::WriteModel(const std::string& dir) {
  ATTUNE_RETURN_IF_ERROR(WriteModelFolder(*base_, pooling_, {labels_, ProblemOfKind(kind_)},
                                          model_->MergedValues(), dir));
  ATTUNE_ASSIGN_OR_RETURN(const auto folder, ModelFolder::Open(dir));
  ExportedModel exported{.model_type = folder->config().model_type,
                         .architecture = folder->config().architecture,
                         .parameters = folder->parameters(),
                         .max_length = folder->config().max_length(),
                         .labels = folder->config().labels,
                         .formats = {{"merged", {"--logits", dir}}},
                         .probe = Probe()};
  // PEFT names an adapter's model by a class of transformers, which a head on the mean has not.
  if (spec_.method == "lora" && pooling_ == Pooling::kFirstToken) {
    const std::string adapter = JoinPath(dir, "adapter");
    ATTUNE_RETURN_IF_ERROR(PosixFileSystem().MakeDirs(adapter));
    ATTUNE_RETURN_IF_ERROR(WriteAdapterFolder(spec_, *model_, adapter));
    exported.formats.push_back({"adapter", {"--logits", base_->dir(), "--adapter", adapter}});
  }
  return exported;
}

}  // namespace attune
