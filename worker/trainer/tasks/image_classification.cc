// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/image_classification.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "formats/weights/problem_type.h"
#include "worker/trainer/batching/augmentation.h"
#include "worker/trainer/batching/image_batch.h"
#include "worker/trainer/features/image_rows.h"
#include "worker/trainer/methods/tuning_method.h"
#include "worker/trainer/models/weights_file.h"
#include "worker/trainer/tasks/hold_out.h"
#include "worker/trainer/tasks/model_outputs.h"

namespace attune {
namespace {

// Images that an export is read back with: this many, or fewer where they are large.
constexpr int64_t kProbeRows = 8, kProbeBytes = int64_t{16} << 20;

nlohmann::ordered_json ReadingOf(const ImageTransform& transform, double held_out) {
  nlohmann::ordered_json json = {{"size", transform.size}};
  if (held_out > 0) json["held_out"] = held_out;
  return json;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageClassification>> ImageClassification::Load(
    const LoopParts& parts) {
  std::unique_ptr<ImageClassification> task(new ImageClassification(parts.spec));
  task->kind_ = parts.spec.train.label_kind;
  ATTUNE_RETURN_IF_ERROR(task->LoadModel(parts.spec.base_model_dir, parts.stages));
  ATTUNE_RETURN_IF_ERROR(ApplyMethod(parts.spec, *task->model_));
  task->parameters_ = TrainableOf(task->model_->parameters());
  task->frozen_depth_ = FrozenDepth(parts.spec, task->model_->depth());
  ATTUNE_RETURN_IF_ERROR(task->LoadTrainingData(parts));
  if (task->train_.frozen.computed() && task->frozen_depth_ == task->model_->depth()) {
    task->alone_ = std::make_unique<ComputeAlone>();
  }
  task->objective_ = MakeObjective(parts.spec, task->kind_, task->train_.labels);
  return task;
}

absl::StatusOr<std::unique_ptr<ImageClassification>> ImageClassification::LoadForInference(
    const TrainerSpec& spec, const std::string& model_dir, bool fresh_head, StageClock& stages) {
  std::unique_ptr<ImageClassification> task(new ImageClassification(spec));
  DatasetSpec data = *spec.test;
  if (spec.work == "predict") data.label_kind = "none";
  task->kind_ = data.label_kind;
  ATTUNE_RETURN_IF_ERROR(task->LoadModel(model_dir, stages));
  const ImageModelConfig& config = task->base_->config();
  if (!fresh_head) {
    ATTUNE_RETURN_IF_ERROR(CheckOutputs({config.classes, config.labels, config.problem_type},
                                        spec.work, task->kind_, spec.labels));
  }
  ATTUNE_ASSIGN_OR_RETURN(task->test_, task->Read(data, stages));
  task->objective_ = MakeObjective(spec, task->kind_, {});
  return task;
}

absl::Status ImageClassification::LoadModel(const std::string& dir, StageClock& stages) {
  const StageClock::Scope scope(stages, "load");
  ATTUNE_ASSIGN_OR_RETURN(base_, ImageModelFolder::Open(dir));
  if (kind_ == "none") {
    kind_ = KindOfProblem(base_->config().problem_type, static_cast<int64_t>(spec_.labels.size()));
  }
  ATTUNE_ASSIGN_OR_RETURN(model_, ImageClassifier::Load(*base_, OutputsOf(kind_, spec_.labels),
                                                        spec_.hyperparameters.seed));
  transform_ = base_->config().transform;
  if (spec_.image.size > 0) transform_.size = spec_.image.size;
  return absl::OkStatus();
}

absl::StatusOr<ImageClassification::Data> ImageClassification::Read(const DatasetSpec& spec,
                                                                    StageClock& stages) const {
  const StageClock::Scope scope(stages, "read");
  ATTUNE_ASSIGN_OR_RETURN(std::shared_ptr<const ImageArchive> archive, ImageArchive::Open(spec));
  std::vector<LabelledExample> examples;
  for (const LabelledImage& image : archive->images()) examples.push_back(image.example);
  Data data;
  ATTUNE_ASSIGN_OR_RETURN(data.labels,
                          Labels::Make(spec.label_kind, examples, spec_.labels,
                                       [&](size_t i) { return archive->images()[i].name; }));
  data.images = ImageSet(std::move(archive));
  return data;
}

ImageClassification::Data ImageClassification::Data::Select(
    absl::Span<const int64_t> examples) const {
  return {images.Select(examples), labels.Select(examples), frozen.Select(examples)};
}

absl::Status ImageClassification::ComputeFrozen(const LoopParts& parts, const DatasetSpec& spec,
                                                double held_out, Data& data) const {
  if (!frozen_depth_.has_value()) return absl::OkStatus();
  const StageClock::Scope scope(parts.stages, "features");
  FeatureCache cache(parts.files, parts.spec.cache_dir, parts.events);
  const std::string key =
      FrozenRowsKey(parts.spec, spec, ReadingOf(transform_, held_out), *frozen_depth_, parts.build);
  const ImageRows source(*model_, *frozen_depth_, data.images, transform_);
  ATTUNE_ASSIGN_OR_RETURN(data.frozen, FrozenRows::Make(source, *frozen_depth_, key, cache,
                                                        [&] { return parts.control.stopping(); }));
  return absl::OkStatus();
}

absl::Status ImageClassification::HoldOut(StageClock& stages) {
  const StageClock::Scope scope(stages, "read");
  ATTUNE_ASSIGN_OR_RETURN(
      const HeldOut rows,
      attune::HoldOut(train_.images.size(), spec_.eval_fraction,
                      [&](int64_t i) -> absl::StatusOr<std::vector<std::string>> {
                        ATTUNE_ASSIGN_OR_RETURN(const std::string file, train_.images.Read(i));
                        return std::vector<std::string>{ImageDigest(file)};
                      }));
  eval_ = train_.Select(rows.held_out);
  train_ = train_.Select(rows.kept);
  return absl::OkStatus();
}

absl::Status ImageClassification::LoadTrainingData(const LoopParts& parts) {
  const bool varies = Augments(spec_.image);
  ATTUNE_ASSIGN_OR_RETURN(train_, Read(spec_.train, parts.stages));
  if (varies && frozen_depth_.has_value()) {
    train_.frozen = FrozenRows::Uncomputed(*frozen_depth_);
    parts.events.Emit(
        NoticeFrame{"INFO",
                    "With augmentation a training image is another one in each epoch: its frozen "
                    "blocks are computed in every step, not once."});
  } else {
    ATTUNE_RETURN_IF_ERROR(ComputeFrozen(parts, spec_.train, 0, train_));
  }
  if (spec_.eval.has_value()) {
    ATTUNE_ASSIGN_OR_RETURN(eval_, Read(*spec_.eval, parts.stages));
    ATTUNE_RETURN_IF_ERROR(ComputeFrozen(parts, *spec_.eval, 0, *eval_));
  } else if (spec_.eval_fraction > 0) {
    ATTUNE_RETURN_IF_ERROR(HoldOut(parts.stages));
    if (varies) {
      ATTUNE_RETURN_IF_ERROR(ComputeFrozen(parts, spec_.train, spec_.eval_fraction, *eval_));
    }
  }
  if (!spec_.test.has_value()) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(test_, Read(*spec_.test, parts.stages));
  return ComputeFrozen(parts, *spec_.test, 0, *test_);
}

const std::optional<ImageClassification::Data>& ImageClassification::DataOf(Split split) const {
  return split == Split::kEval ? eval_ : test_;
}

int64_t ImageClassification::examples(Split split) const {
  const std::optional<Data>& data = DataOf(split);
  return data.has_value() ? data->images.size() : 0;
}

std::vector<Parameter*> ImageClassification::buffers() {
  if (!TrainsStatistics(spec_)) return {};
  return model_->buffers();
}

double ImageClassification::TrainWeight(absl::Span<const int64_t> examples) const {
  double sum = 0;
  for (const int64_t example : examples) sum += objective_->Weight(train_.labels, example);
  return sum;
}

absl::StatusOr<at::Tensor> ImageClassification::Logits(
    const Data& data, absl::Span<const int64_t> examples, const ImageForwardMode& mode,
    std::unique_ptr<ImageActivations>* activations) {
  const std::optional<int64_t> depth = data.frozen.depth();
  if (data.frozen.computed()) {
    const auto count = static_cast<int64_t>(examples.size());
    return model_->ForwardFrom(*depth, data.frozen.Gather(examples).narrow(0, 0, count),
                               transform_.size, mode, activations);
  }
  ATTUNE_ASSIGN_OR_RETURN(const at::Tensor images,
                          activations == nullptr
                              ? FittedBatch(data.images, examples, transform_)
                              : VariedBatch(data.images, examples, transform_, spec_.image,
                                            mode.key.seed, mode.key.epoch));
  if (!depth.has_value()) return model_->Forward(images, mode, activations);
  return model_->ForwardFrom(*depth, model_->RowsAt(*depth, images), transform_.size, mode,
                             activations);
}

absl::StatusOr<MicroBatchLoss> ImageClassification::Forward(absl::Span<const int64_t> examples,
                                                            const StepKey& key) {
  examples_.assign(examples.begin(), examples.end());
  mode_ = {std::max(0.0, spec_.hyperparameters.dropout), key,
           TrainsStatistics(spec_) ? NormStatistics::kBatch : NormStatistics::kRunning};
  ATTUNE_ASSIGN_OR_RETURN(logits_, Logits(train_, examples, mode_, &activations_));
  return MicroBatchLoss{objective_->Losses(logits_, train_.labels, examples_), 0};
}

void ImageClassification::Backward(double scale) {
  model_->Backward(mode_, *activations_,
                   objective_->Gradient(logits_, train_.labels, examples_, scale));
}

absl::StatusOr<OutputBatch> ImageClassification::Predict(Split split, int64_t begin) {
  const Data& data = *DataOf(split);
  const int64_t end = std::min(begin + kImageBatch, data.images.size());
  std::vector<int64_t> rows(static_cast<size_t>(end - begin));
  std::iota(rows.begin(), rows.end(), begin);
  ATTUNE_ASSIGN_OR_RETURN(const at::Tensor logits, Logits(data, rows, {}, nullptr));
  return OutputBatch{logits, 0};
}

EvaluationFrame ImageClassification::Measure(Split split, const at::Tensor& outputs) const {
  return MeasureDefined(*objective_, outputs, DataOf(split)->labels);
}

std::string ImageClassification::Prediction(Split split, int64_t row, const float* outputs) const {
  nlohmann::ordered_json line = {{"file", DataOf(split)->images.image(row).name}};
  line.update(objective_->Prediction(outputs));
  return PredictionLine(line);
}

std::string ImageClassification::Origin(int64_t example) const {
  return train_.images.image(example).name;
}

absl::StatusOr<std::vector<ProbeRow>> ImageClassification::Probe() {
  const Data& data = test_.has_value() ? *test_ : eval_.has_value() ? *eval_ : train_;
  std::vector<ProbeRow> rows;
  int64_t bytes = 0;
  for (int64_t i = 0; i < std::min(kProbeRows, data.images.size()); ++i) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string file, data.images.Read(i));
    bytes += static_cast<int64_t>(file.size());
    if (i > 0 && bytes > kProbeBytes) break;
    ATTUNE_ASSIGN_OR_RETURN(const Image image, data.images.Decode(i));
    const at::Tensor logits = model_->Forward(FittedImage(image, transform_), {}, nullptr);
    const float* row = logits.const_data_ptr<float>();
    const nlohmann::json request = {{"image", absl::Base64Escape(file)}};
    rows.push_back({request.dump(), {row, row + logits.size(1)}});
  }
  return rows;
}

absl::StatusOr<ExportedModel> ImageClassification::WriteModel(const std::string& dir) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string config,
                          ConfigForImageClassifier(base_->config_json(), spec_.labels,
                                                   ProblemOfKind(kind_), transform_.size));
  ATTUNE_RETURN_IF_ERROR(
      PosixFileSystem().WriteFileAtomically(JoinPath(dir, "config.json"), config));
  std::vector<NamedTensor> values = ValuesOf(model_->parameters());
  const std::vector<NamedTensor> statistics = ValuesOf(model_->buffers());
  values.insert(values.end(), statistics.begin(), statistics.end());
  ATTUNE_RETURN_IF_ERROR(WriteTensors(JoinPath(dir, "model.safetensors"), values));
  ATTUNE_ASSIGN_OR_RETURN(const auto folder, ImageModelFolder::Open(dir));
  ExportedModel exported{.model_type = kEfficientNetLite,
                         .architecture = folder->config().architecture,
                         .parameters = folder->parameters(),
                         .labels = folder->config().labels,
                         .formats = {{"merged", {"--logits", dir}}}};
  ATTUNE_ASSIGN_OR_RETURN(exported.probe, Probe());
  return exported;
}

}  // namespace attune
