// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/logits.h"

#include <memory>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/errors.h"
#include "formats/json/strict_json.h"
#include "formats/tokenizers/tokenizer.h"
#include "formats/weights/model_folder.h"
#include "formats/weights/translation_folder.h"
#include "nlohmann/json.hpp"
#include "worker/trainer/methods/adapter_folder.h"
#include "worker/trainer/models/text_classifier.h"
#include "worker/trainer/tasks/image_predictor.h"
#include "worker/trainer/tasks/translation_predictor.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

std::vector<float> FirstRow(const at::Tensor& logits) {
  const float* row = logits.const_data_ptr<float>();
  return {row, row + logits.size(1)};
}

absl::StatusOr<Json> TextAnswer(const Json& request, const Tokenizer& tokenizer,
                                const TextClassifier& model) {
  const int64_t longest = model.config().max_length();
  Encoding encoding;
  if (request.contains("text")) {
    encoding = tokenizer.Encode(request["text"].get<std::string>(), longest);
  } else if (request.contains("texts") && request["texts"].size() == 2) {
    encoding = tokenizer.EncodePair(request["texts"][0].get<std::string>(),
                                    request["texts"][1].get<std::string>(), longest);
  } else {
    return absl::InvalidArgumentError("expected {\"text\": …} or {\"texts\": [a, b]} on each line");
  }
  PackedBatch batch;
  batch.Add(encoding.ids, encoding.type_ids);
  return Json{{"ids", encoding.ids}, {"logits", FirstRow(model.Forward(batch, {}, nullptr))}};
}

absl::StatusOr<Json> ImageAnswer(const Json& request, const ImagePredictor& model) {
  if (!request.contains("image") || !request["image"].is_string()) {
    return absl::InvalidArgumentError("expected {\"image\": a file in base64} on each line");
  }
  ATTUNE_ASSIGN_OR_RETURN(const at::Tensor logits,
                          model.Logits(request["image"].get<std::string>()));
  return Json{{"logits", FirstRow(logits)}};
}

absl::StatusOr<Json> TranslationAnswer(const Json& request, const TranslationPredictor& model) {
  for (const char* key : {"text", "target"}) {
    if (!request.contains(key) || !request[key].is_string()) {
      return absl::InvalidArgumentError(
          "expected {\"text\": …, \"target\": its translation} on each line");
    }
  }
  const TranslationPredictor::Judged judged =
      model.Judge(request["text"].get<std::string>(), request["target"].get<std::string>());
  return Json{{"ids", judged.ids}, {"target_ids", judged.target_ids}, {"logits", judged.losses}};
}

absl::Status AnswerLines(std::istream& in, std::ostream& out,
                         absl::FunctionRef<absl::StatusOr<Json>(const Json&)> answer_of) {
  for (std::string line; std::getline(in, line);) {
    ATTUNE_ASSIGN_OR_RETURN(const Json request, ParseJsonFile(line, "stdin"));
    ATTUNE_ASSIGN_OR_RETURN(const Json answer, answer_of(request));
    out << answer.dump() << "\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<TextClassifier>> LoadClassifier(const ModelFolder& folder,
                                                               const std::string& adapter_dir) {
  if (!adapter_dir.empty()) return LoadWithAdapter(folder, adapter_dir);
  if (!folder.Has("head.out.weight")) {
    return absl::InvalidArgumentError("the folder holds no classifier");
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, folder.Shape("head.out.weight"));
  return TextClassifier::Load(folder, shape.front(), 0);
}

}  // namespace

absl::Status AnswerLogits(const std::string& model_dir, const std::string& adapter_dir,
                          std::istream& in, std::ostream& out) {
  if (HoldsImageModel(model_dir)) {
    ATTUNE_ASSIGN_OR_RETURN(const auto model, ImagePredictor::Load(model_dir));
    return AnswerLines(in, out, [&](const Json& line) { return ImageAnswer(line, *model); });
  }
  if (HoldsTranslationModel(model_dir)) {
    ATTUNE_ASSIGN_OR_RETURN(const auto model, TranslationPredictor::Load(model_dir));
    return AnswerLines(in, out, [&](const Json& line) { return TranslationAnswer(line, *model); });
  }
  ATTUNE_ASSIGN_OR_RETURN(const auto folder, ModelFolder::Open(model_dir));
  ATTUNE_ASSIGN_OR_RETURN(const auto tokenizer, folder->OpenTokenizer());
  ATTUNE_ASSIGN_OR_RETURN(const auto model, LoadClassifier(*folder, adapter_dir));
  return AnswerLines(in, out,
                     [&](const Json& line) { return TextAnswer(line, *tokenizer, *model); });
}

}  // namespace attune
