// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_inputs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/jobs/canonical_bytes.h"
#include "server/store/inputs_table.h"
#include "server/store/jobs_table.h"

namespace attune {
namespace {

absl::Status NotFound(std::string_view what, const std::string& name) {
  return MakeError(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                   absl::StrCat(absl::string_view(what.data(), what.size()), " ", name,
                                " does not exist; make it first, or correct the name"),
                   {{"resource", name}});
}

absl::Status NotReady(const std::string& name, const std::string& error_message) {
  const std::string first = error_message.substr(0, error_message.find('\n'));
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "INPUT_NOT_READY",
      absl::StrCat(name, " is INVALID: ", first, "; make a corrected one and name that instead"),
      {{"resource", name}});
}

absl::StatusOr<v1::Dataset> ReadDataset(const Snapshot& snapshot, const std::string& name) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("datasets", name));
  absl::StatusOr<v1::Dataset> dataset = GetDataset(snapshot, id);
  if (absl::IsNotFound(dataset.status())) return NotFound("dataset", name);
  return dataset;
}

absl::StatusOr<v1::Model> ReadModel(const Snapshot& snapshot, const std::string& name) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("models", name));
  absl::StatusOr<v1::Model> model = GetModel(snapshot, id);
  if (absl::IsNotFound(model.status())) return NotFound("model", name);
  return model;
}

absl::StatusOr<std::optional<v1::Dataset>> ReadIfNamed(const Snapshot& snapshot,
                                                       const std::string& name) {
  if (name.empty()) return std::nullopt;
  return ReadDataset(snapshot, name);
}

// The untuned base that an Evaluate also measures: where it is asked for, or is known and nobody
// said no.
absl::StatusOr<std::optional<v1::Model>> ReadCompare(const Snapshot& snapshot,
                                                     const v1::Evaluate& evaluate,
                                                     const v1::Model& model) {
  const bool unwanted = evaluate.has_compare_base() && !evaluate.compare_base();
  if (unwanted || model.base_model().empty()) return std::nullopt;
  absl::StatusOr<v1::Model> base = ReadModel(snapshot, model.base_model());
  if (absl::IsNotFound(base.status()) && !evaluate.has_compare_base()) return std::nullopt;
  return base;
}

// Follows a model to the dataset of the job that made it; nullopt where the trail ends.
absl::StatusOr<std::optional<v1::LabelKind>> ReadTrainedKind(const Snapshot& snapshot,
                                                             const v1::Model& model) {
  if (model.source_job().empty()) return std::nullopt;
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("jobs", model.source_job()));
  const absl::StatusOr<JobRecord> job = GetJob(snapshot, id);
  if (absl::IsNotFound(job.status())) return std::nullopt;
  if (!job.ok()) return job.status();
  const absl::StatusOr<v1::Dataset> dataset =
      ReadDataset(snapshot, job->job.spec().fine_tune().train_dataset());
  if (absl::IsNotFound(dataset.status())) return std::nullopt;
  if (!dataset.ok()) return dataset.status();
  return LabelKindOf(*dataset);
}

template <typename Work>
void SetDecoding(const Work& work, Work& part) {
  if (work.has_decoding()) *part.mutable_decoding() = work.decoding();
}

// What the check and its memory estimate depend on, beside the bytes of the inputs.
v1::JobSpec CheckedPart(const v1::JobSpec& spec) {
  v1::JobSpec part;
  if (spec.has_fine_tune()) {
    v1::FineTune& tune = *part.mutable_fine_tune();
    tune = spec.fine_tune();
    for (std::string* name : {tune.mutable_base_model(), tune.mutable_train_dataset(),
                              tune.mutable_eval_dataset(), tune.mutable_test_dataset()}) {
      name->clear();
    }
    const int64_t batch_size = spec.fine_tune().hyperparameters().batch_size();
    tune.clear_hyperparameters();
    tune.mutable_hyperparameters()->set_batch_size(batch_size);
    tune.clear_evaluation();
    tune.clear_checkpoints();
  } else if (spec.has_evaluate()) {
    part.mutable_evaluate()->set_max_length(spec.evaluate().max_length());
    SetDecoding(spec.evaluate(), *part.mutable_evaluate());
  } else {
    part.mutable_predict()->set_max_length(spec.predict().max_length());
    SetDecoding(spec.predict(), *part.mutable_predict());
  }
  return part;
}

// Lengths stand before the texts, so that no two lists of parts give the same bytes.
class KeyBuilder {
 public:
  void Add(std::string_view part) {
    hash_.Update(absl::StrCat(part.size(), ":"));
    hash_.Update(part);
  }
  void Add(const std::optional<v1::Dataset>& dataset) {
    if (!dataset) return Add("none");
    Add(dataset->file().sha256());
    Add(v1::Dataset::Format_Name(dataset->format()));
    Add(CanonicalBytes(dataset->columns()));
  }
  void Add(const std::optional<v1::Model>& model) {
    if (!model) return Add("none");
    std::vector<std::pair<std::string, std::string>> files;
    for (const v1::FileRef& file : model->files()) files.push_back({file.path(), file.sha256()});
    std::sort(files.begin(), files.end());
    Add(absl::StrCat(files.size()));
    for (const auto& [path, sha256] : files) {
      Add(path);
      Add(sha256);
    }
  }
  void Add(const char* part) { Add(std::string_view(part)); }
  void Add(const std::string& part) { Add(std::string_view(part)); }
  std::string Take() { return hash_.HexDigest(); }

 private:
  Sha256 hash_;
};

}  // namespace

std::vector<const v1::Dataset*> JobInputs::datasets() const {
  std::vector<const v1::Dataset*> all;
  for (const std::optional<v1::Dataset>* dataset : {&train, &eval, &test}) {
    if (*dataset) all.push_back(&**dataset);
  }
  return all;
}

bool JobInputs::checking() const {
  const std::vector<const v1::Dataset*> all = datasets();
  return model.state() == v1::Model::CHECKING ||
         (compare && compare->state() == v1::Model::CHECKING) ||
         std::any_of(all.begin(), all.end(), [](const v1::Dataset* dataset) {
           return dataset->state() == v1::Dataset::CHECKING;
         });
}

absl::Status JobInputs::RefuseInvalid() const {
  for (const v1::Model* one : {&model, compare ? &*compare : nullptr}) {
    if (one != nullptr && one->state() == v1::Model::INVALID) {
      return NotReady(one->name(), one->error_message());
    }
  }
  for (const v1::Dataset* dataset : datasets()) {
    if (dataset->state() == v1::Dataset::INVALID) {
      return NotReady(dataset->name(), dataset->error_message());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<JobInputs> ReadInputs(const Snapshot& snapshot, const v1::JobSpec& spec) {
  JobInputs inputs;
  ATTUNE_ASSIGN_OR_RETURN(inputs.model, ReadModel(snapshot, ModelNameOf(spec)));
  if (spec.has_fine_tune()) {
    const v1::FineTune& tune = spec.fine_tune();
    ATTUNE_ASSIGN_OR_RETURN(inputs.train, ReadDataset(snapshot, tune.train_dataset()));
    ATTUNE_ASSIGN_OR_RETURN(inputs.eval, ReadIfNamed(snapshot, tune.eval_dataset()));
    ATTUNE_ASSIGN_OR_RETURN(inputs.test, ReadIfNamed(snapshot, tune.test_dataset()));
    return inputs;
  }
  ATTUNE_ASSIGN_OR_RETURN(inputs.test, ReadDataset(snapshot, DatasetNameOf(spec)));
  ATTUNE_ASSIGN_OR_RETURN(inputs.model_label_kind, ReadTrainedKind(snapshot, inputs.model));
  if (spec.has_evaluate()) {
    ATTUNE_ASSIGN_OR_RETURN(inputs.compare, ReadCompare(snapshot, spec.evaluate(), inputs.model));
  }
  return inputs;
}

const std::string& ModelNameOf(const v1::JobSpec& spec) {
  return spec.has_evaluate()  ? spec.evaluate().model()
         : spec.has_predict() ? spec.predict().model()
                              : spec.fine_tune().base_model();
}

const std::string& DatasetNameOf(const v1::JobSpec& spec) {
  return spec.has_evaluate()  ? spec.evaluate().dataset()
         : spec.has_predict() ? spec.predict().dataset()
                              : spec.fine_tune().train_dataset();
}

v1::LabelKind LabelKindOf(const v1::Dataset& dataset) {
  const v1::LabelKind kind = dataset.columns().label_kind();
  return kind == v1::LABEL_KIND_UNSPECIFIED ? v1::LABEL_KIND_SINGLE : kind;
}

std::string CheckKey(const JobInputs& inputs, const v1::JobSpec& spec) {
  KeyBuilder key;
  key.Add(std::optional<v1::Model>(inputs.model));
  key.Add(inputs.compare);
  key.Add(inputs.train);
  key.Add(inputs.eval);
  key.Add(inputs.test);
  key.Add(CanonicalBytes(CheckedPart(spec)));
  return key.Take();
}

}  // namespace attune
