// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/job_model.h"

#include "absl/strings/str_cat.h"
#include "formats/files/regular_file.h"
#include "formats/weights/image_model_config.h"
#include "formats/weights/translation_folder.h"

namespace attune {
namespace {

std::unique_ptr<JobModel> RefuseKind(const char* what, const char* remedy,
                                     const JobRequest& request, JobReport* report) {
  report->problems.Add(
      {"model", 0, 0, absl::StrCat("this is ", what, ", and the task is ", request.task), remedy});
  return nullptr;
}

}  // namespace

std::unique_ptr<JobModel> JobModel::Open(const JobRequest& request, JobReport* report) {
  const bool images = request.task == "image_classification";
  const bool translation = request.task == "translation";
  // What is of no known kind is told by the reader of the job's own.
  if (!images && HoldsImageModel(request.model_dir)) {
    return RefuseKind("a model of images", "Name a model of texts, or make it a job of images.",
                      request, report);
  }
  if (!translation && HoldsTranslationModel(request.model_dir)) {
    return RefuseKind("a translation model", "Name another model, or make it a job of translation.",
                      request, report);
  }
  if (translation) return OpenTranslation(request, report);
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
