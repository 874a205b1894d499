// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/inspect/job_model.h"
#include "formats/memory/translation_memory.h"
#include "formats/weights/translation_folder.h"

namespace attune {
namespace {

class TranslationJobModel final : public JobModel {
 public:
  TranslationJobModel(const JobRequest& request, JobReport* report,
                      std::unique_ptr<TranslationFolder> folder,
                      std::unique_ptr<SentencePiece> pieces)
      : request_(request),
        report_(*report),
        folder_(std::move(folder)),
        pieces_(std::move(pieces)),
        rows_(*pieces_) {
    CheckLength(folder_->config().max_length);
    if (request_.method == "head") {
      Refuse("method head is for classifiers, and a translation model has no head",
             "Choose the method full, lora or partial.");
    }
  }

  // Its outputs are the vocabulary: it translates as it is.
  absl::StatusOr<ModelHead> Head() const override {
    return ModelHead{folder_->config().vocab_size, "text", {}};
  }

  RowSource& rows() override { return rows_; }

  MemoryEstimate Estimate(int64_t) const override {
    TranslationMemoryInputs inputs;
    inputs.model = folder_->config();
    inputs.work = request_.work;
    inputs.method = request_.method;
    inputs.lora = request_.lora;
    inputs.top_layers = request_.top_layers;
    inputs.batch_size = request_.batch_size;
    inputs.beam_size = request_.beam_size;
    inputs.text_bytes = rows_.largest_file();
    for (const auto& [name, set] : report_.sets) {
      SideTokens& side = name == "train" ? inputs.train : inputs.evaluated;
      side.source.Add(set.rows);
      side.target.Add(set.targets);
    }
    return EstimateTranslationMemory(inputs);
  }

 private:
  void Refuse(std::string message, std::string remedy) {
    report_.problems.Add({"model", 0, 0, std::move(message), std::move(remedy)});
  }

  void CheckLength(int64_t longest) {
    constexpr int64_t kLeast = 2;  // a token and the end
    report_.max_length = request_.max_length == 0 ? longest : request_.max_length;
    if (report_.max_length >= kLeast && report_.max_length <= longest) return;
    Refuse(absl::StrCat("max_length must be from ", kLeast, " to ", longest, ", got ",
                        request_.max_length),
           "Choose another max_length, or 0 for the model's.");
  }

  const JobRequest& request_;
  JobReport& report_;
  const std::unique_ptr<TranslationFolder> folder_;
  const std::unique_ptr<SentencePiece> pieces_;
  TranslationRows rows_;
};

}  // namespace

std::unique_ptr<JobModel> JobModel::OpenTranslation(const JobRequest& request, JobReport* report) {
  Problems problems;
  std::unique_ptr<TranslationFolder> folder = TranslationFolder::Open(request.model_dir, problems);
  report->problems.Merge(problems, "model");
  if (folder == nullptr) return nullptr;
  auto pieces = folder->OpenTokenizer();
  if (!pieces.ok()) {
    report->problems.Add({"model", 0, 0, std::string(pieces.status().message()),
                          "Hand in the vocabulary that belongs to the model."});
    return nullptr;
  }
  return std::make_unique<TranslationJobModel>(request, report, std::move(folder),
                                               *std::move(pieces));
}

}  // namespace attune
