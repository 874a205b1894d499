// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/job_model.h"

#include "absl/strings/str_cat.h"
#include "formats/files/regular_file.h"
#include "formats/weights/image_model_config.h"

namespace attune {

std::unique_ptr<JobModel> JobModel::Open(const JobRequest& request, JobReport* report) {
  const bool images = request.task == "image_classification";
  // A folder without a config.json is told by the reader of the job's own kind.
  const bool other_kind = HoldsImageModel(request.model_dir) && !images;
  if (other_kind) {
    report->problems.Add({"model", 0, 0,
                          absl::StrCat("this is a model of images, and the task is ", request.task),
                          "Name a model of texts, or make it a job of images."});
    return nullptr;
  }
  return images ? OpenImage(request, report) : OpenText(request, report);
}

const DatasetSpec& DataOf(const JobRequest& request) {
  return request.work == "fine_tune" ? *request.train : *request.test;
}

bool HoldsImageModel(const std::string& dir) {
  constexpr int64_t kMaxConfigBytes = 1 << 20;
  const auto file = RegularFile::OpenIn(dir, "config.json");
  if (!file.ok()) return false;
  const auto json = file->ReadAll(kMaxConfigBytes);
  return json.ok() && IsImageModelConfig(*json);
}

}  // namespace attune
