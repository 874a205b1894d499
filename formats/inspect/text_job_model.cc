// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/inspect/job_model.h"
#include "formats/weights/model_folder.h"
#include "formats/weights/pooling.h"

namespace attune {
namespace {

constexpr char kHeadWeight[] = "head.out.weight";

class TextJobModel final : public JobModel {
 public:
  TextJobModel(const JobRequest& request, JobReport* report, std::unique_ptr<ModelFolder> folder,
               std::unique_ptr<Tokenizer> tokenizer)
      : request_(request),
        report_(*report),
        folder_(std::move(folder)),
        tokenizer_(std::move(tokenizer)),
        rows_(*tokenizer_) {
    CheckLength(folder_->config().max_length());
    pooling_ =
        request_.work == "fine_tune"
            ? ChoosePooling(request_.pooling, request_.method, folder_->base_pooling()).pooling
            : folder_->head_pooling();
    report_.pooling = PoolingName(pooling_);
  }

  absl::StatusOr<ModelHead> Head() const override { return HeadOf(*folder_, kHeadWeight); }

  RowSource& rows() override { return rows_; }

  MemoryEstimate Estimate(int64_t outputs) const override {
    MemoryInputs inputs;
    inputs.model = folder_->config();
    inputs.outputs = outputs;
    inputs.work = request_.work;
    inputs.method = request_.method;
    inputs.lora = request_.lora;
    inputs.top_layers = request_.top_layers;
    inputs.mean_pooling = pooling_ == Pooling::kMean;
    inputs.batch_size = request_.batch_size;
    inputs.text_bytes = rows_.largest_file();
    for (const auto& [name, set] : report_.sets) {
      if (name == "train") {
        inputs.train = set.rows;
      } else if (set.rows.tokens > inputs.evaluated.tokens) {
        inputs.evaluated = set.rows;
      }
      inputs.all.Add(set.rows);
    }
    return EstimateMemory(inputs);
  }

 private:
  void CheckLength(int64_t longest) {
    const int64_t least = tokenizer_->special_count(DataOf(request_).text_columns.size() == 2) + 1;
    report_.max_length = request_.max_length == 0 ? longest : request_.max_length;
    if (report_.max_length >= least && report_.max_length <= longest) return;
    report_.problems.Add({"model", 0, 0,
                          absl::StrCat("max_length must be from ", least, " to ", longest, ", got ",
                                       request_.max_length),
                          "Choose another max_length, or 0 for the model's."});
  }

  const JobRequest& request_;
  JobReport& report_;
  const std::unique_ptr<ModelFolder> folder_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  TextRows rows_;
  Pooling pooling_ = Pooling::kFirstToken;
};

}  // namespace

std::unique_ptr<JobModel> JobModel::OpenText(const JobRequest& request, JobReport* report) {
  Problems problems;
  std::unique_ptr<ModelFolder> folder = ModelFolder::Open(request.model_dir, problems);
  report->problems.Merge(problems, "model");
  if (folder == nullptr) return nullptr;
  auto tokenizer = folder->OpenTokenizer();
  if (!tokenizer.ok()) {
    report->problems.Add({"model", 0, 0, std::string(tokenizer.status().message()),
                          "Hand in the tokenizer files that belong to the model."});
    return nullptr;
  }
  return std::make_unique<TextJobModel>(request, report, std::move(folder), *std::move(tokenizer));
}

}  // namespace attune
