// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_inputs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/digest.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/store/inputs_table.h"

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

// Lengths stand before the texts, so that no two lists of parts give the same bytes.
class KeyBuilder {
 public:
  void Add(std::string_view part) {
    hash_.Update(absl::StrCat(part.size(), ":"));
    hash_.Update(part);
  }
  void Add(const v1::Dataset& dataset) {
    Add(dataset.file().sha256());
    Add(v1::Dataset::Format_Name(dataset.format()));
    Add(absl::StrCat(dataset.columns().text_size()));
    for (const std::string& column : dataset.columns().text()) Add(column);
    Add(dataset.columns().label());
  }
  void Add(const std::optional<v1::Dataset>& dataset) {
    if (dataset) {
      Add(*dataset);
    } else {
      Add(std::string_view("none"));
    }
  }
  std::string Take() { return hash_.HexDigest(); }

 private:
  Sha256 hash_;
};

}  // namespace

bool JobInputs::checking() const {
  const auto open = [](const v1::Dataset& d) { return d.state() == v1::Dataset::CHECKING; };
  return base.state() == v1::Model::CHECKING || open(train) || (eval && open(*eval)) ||
         (test && open(*test));
}

absl::Status JobInputs::RefuseInvalid() const {
  if (base.state() == v1::Model::INVALID) return NotReady(base.name(), base.error_message());
  for (const v1::Dataset* dataset : {&train, eval ? &*eval : nullptr, test ? &*test : nullptr}) {
    if (dataset != nullptr && dataset->state() == v1::Dataset::INVALID) {
      return NotReady(dataset->name(), dataset->error_message());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<JobInputs> ReadInputs(const Snapshot& snapshot, const v1::FineTune& tune) {
  JobInputs inputs;
  ATTUNE_ASSIGN_OR_RETURN(inputs.base, ReadModel(snapshot, tune.base_model()));
  ATTUNE_ASSIGN_OR_RETURN(inputs.train, ReadDataset(snapshot, tune.train_dataset()));
  if (!tune.eval_dataset().empty()) {
    ATTUNE_ASSIGN_OR_RETURN(inputs.eval, ReadDataset(snapshot, tune.eval_dataset()));
  }
  if (!tune.test_dataset().empty()) {
    ATTUNE_ASSIGN_OR_RETURN(inputs.test, ReadDataset(snapshot, tune.test_dataset()));
  }
  return inputs;
}

std::string CheckKey(const JobInputs& inputs, const v1::FineTune& tune) {
  KeyBuilder key;
  std::vector<std::pair<std::string, std::string>> files;
  for (const v1::FileRef& file : inputs.base.files()) files.push_back({file.path(), file.sha256()});
  std::sort(files.begin(), files.end());
  key.Add(absl::StrCat(files.size()));
  for (const auto& [path, sha256] : files) {
    key.Add(path);
    key.Add(sha256);
  }
  key.Add(inputs.train);
  key.Add(inputs.eval);
  key.Add(inputs.test);
  key.Add(absl::StrFormat("%.17g", tune.eval_fraction()));
  key.Add(absl::StrCat(static_cast<int>(tune.task_case())));
  key.Add(absl::StrCat(tune.text_classification().max_length()));
  return key.Take();
}

}  // namespace attune
