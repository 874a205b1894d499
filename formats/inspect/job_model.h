// SPDX-License-Identifier: Apache-2.0
// The model that a job starts from or uses: what of a job's inspection depends on whether it is one
// of texts, of images, or one that translates. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/errors.h"
#include "formats/inspect/report.h"
#include "formats/inspect/request.h"
#include "formats/inspect/row_source.h"
#include "formats/weights/problem_type.h"

namespace attune {

// What a model that is used as it is makes of a row.
struct ModelHead {
  int64_t outputs = 0;              // 0: the model has no classifier
  std::string label_kind;           // what it was trained on, as DatasetSpec has it
  std::vector<std::string> labels;  // the names of its classes
};

// Of a ModelFolder or an ImageModelFolder; `weight` is what it calls the weight of its last layer.
template <typename Folder>
absl::StatusOr<ModelHead> HeadOf(const Folder& folder, const char* weight) {
  if (!folder.Has(weight)) return ModelHead();
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, folder.Shape(weight));
  ModelHead head{shape[0], KindOfProblem(folder.config().problem_type, shape[0]), {}};
  if (head.label_kind != "number") head.labels = folder.Labels();
  return head;
}

class JobModel {
 public:
  // Of the request's task. nullptr: what is wrong with the folder is in the report. Else what does
  // not fit is there, and what the report says of the model. All is borrowed.
  static std::unique_ptr<JobModel> Open(const JobRequest& request, JobReport* report);
  virtual ~JobModel() = default;

  virtual absl::StatusOr<ModelHead> Head() const = 0;
  virtual RowSource& rows() = 0;
  // Of a job whose sets were read, with a head of so many outputs.
  virtual MemoryEstimate Estimate(int64_t outputs) const = 0;

 protected:
  static std::unique_ptr<JobModel> OpenText(const JobRequest& request, JobReport* report);
  static std::unique_ptr<JobModel> OpenImage(const JobRequest& request, JobReport* report);
  static std::unique_ptr<JobModel> OpenTranslation(const JobRequest& request, JobReport* report);
};

// The dataset that a job is about: train, or what is evaluated or predicted.
const DatasetSpec& DataOf(const JobRequest& request);

// Whether the folder's config.json is that of an image model; false where it cannot be read.
bool HoldsImageModel(const std::string& dir);

}  // namespace attune
