// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/inspect/job_model.h"
#include "formats/memory/image_memory.h"
#include "formats/weights/image_model_folder.h"

namespace attune {
namespace {

constexpr char kHeadWeight[] = "classifier.weight";

class ImageJobModel final : public JobModel {
 public:
  ImageJobModel(const JobRequest& request, JobReport* report,
                std::unique_ptr<ImageModelFolder> folder)
      : request_(request), report_(*report), folder_(std::move(folder)) {
    const int64_t own = folder_->config().transform.size;
    report_.image_size = request_.image.size == 0 ? own : request_.image.size;
    if (report_.image_size < kMinImageSide || report_.image_size > kMaxImageSide) {
      Refuse(absl::StrCat("image_size must be from ", kMinImageSide, " to ", kMaxImageSide,
                          ", got ", request_.image.size),
             absl::StrCat("Choose another image_size, or 0 for the model's, which is ", own, "."));
    }
    if (request_.method == "lora") {
      Refuse("method lora is for models of texts, and this is one of convolutions",
             "Choose the method full, partial or head.");
    }
  }

  absl::StatusOr<ModelHead> Head() const override { return HeadOf(*folder_, kHeadWeight); }

  RowSource& rows() override { return rows_; }

  MemoryEstimate Estimate(int64_t outputs) const override {
    ImageMemoryInputs inputs;
    inputs.plan = EfficientNetPlanOf(folder_->config().architecture).value_or(EfficientNetPlan());
    inputs.size = report_.image_size;
    inputs.outputs = outputs;
    inputs.work = request_.work;
    inputs.method = request_.method;
    inputs.top_layers = request_.top_layers;
    inputs.batch_size = request_.batch_size;
    inputs.batch_statistics = request_.image.batch_norms == "trained";
    inputs.largest_pixels = rows_.largest_image();
    for (const auto& [name, set] : report_.sets) {
      (name == "train" ? inputs.train_images : inputs.other_images) += set.rows.rows;
    }
    return EstimateImageMemory(inputs);
  }

 private:
  void Refuse(std::string message, std::string remedy) {
    report_.problems.Add({"model", 0, 0, std::move(message), std::move(remedy)});
  }

  const JobRequest& request_;
  JobReport& report_;
  const std::unique_ptr<ImageModelFolder> folder_;
  ImageRows rows_;
};

}  // namespace

std::unique_ptr<JobModel> JobModel::OpenImage(const JobRequest& request, JobReport* report) {
  Problems problems;
  std::unique_ptr<ImageModelFolder> folder = ImageModelFolder::Open(request.model_dir, problems);
  report->problems.Merge(problems, "model");
  if (folder == nullptr) return nullptr;
  return std::make_unique<ImageJobModel>(request, report, std::move(folder));
}

}  // namespace attune
