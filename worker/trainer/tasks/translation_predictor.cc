// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/translation_predictor.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/weights/translation_folder.h"
#include "worker/trainer/batching/text_pairs.h"
#include "worker/trainer/models/translate.h"
#include "worker/trainer/tasks/objective.h"

namespace attune {

std::vector<float> PlainLosses(const std::vector<TokenLoss>& tokens) {
  std::vector<float> losses;
  for (const TokenLoss& token : tokens) losses.push_back(static_cast<float>(token.plain));
  return losses;
}

absl::StatusOr<std::unique_ptr<TranslationPredictor>> TranslationPredictor::Load(
    const std::string& model_dir) {
  ATTUNE_ASSIGN_OR_RETURN(const auto folder, TranslationFolder::Open(model_dir));
  std::unique_ptr<TranslationPredictor> predictor(new TranslationPredictor);
  ATTUNE_ASSIGN_OR_RETURN(predictor->tokenizer_, folder->OpenTokenizer());
  ATTUNE_ASSIGN_OR_RETURN(predictor->model_, TranslationModel::Load(*folder));
  return predictor;
}

absl::StatusOr<std::vector<std::string>> TranslationPredictor::Predict(
    const std::vector<std::vector<std::string>>& rows, const PredictionOptions& options) const {
  std::vector<LabelledExample> examples;
  for (const std::vector<std::string>& texts : rows) {
    if (texts.size() != 1) {
      return InvalidFields({{absl::StrCat("rows[", examples.size(), "].texts"),
                             absl::StrCat("must be one text to translate, got ", texts.size())}});
    }
    examples.push_back({.texts = texts});
  }
  const int64_t max_length = KeptTokens(options.max_length, model_->config().max_length);
  const TextPairs pairs =
      TextPairs::Make(examples, *tokenizer_, max_length, PairSides::kSourceOnly);
  std::vector<std::string> lines;
  for (int64_t begin = 0, end = 0; begin < pairs.size(); begin = end) {
    end = BatchEnd(pairs, begin, options.decoding.beam_size);
    std::vector<int64_t> batch(static_cast<size_t>(end - begin));
    std::iota(batch.begin(), batch.end(), begin);
    for (const Translated& row : Translate(*model_, Pack(pairs, batch).source, tokenizer_->end_id(),
                                           max_length, options.decoding)) {
      lines.push_back(PredictionLine({{"translation", tokenizer_->Decode(row.ids)}}));
    }
  }
  return lines;
}

TranslationPredictor::Judged TranslationPredictor::Judge(const std::string& text,
                                                         const std::string& translation) const {
  LabelledExample example{.texts = {text}};
  example.translation = translation;
  const PairBatch batch = Pack(
      TextPairs::Make({example}, *tokenizer_, model_->config().max_length, PairSides::kBoth), {0});
  return {batch.source.ids, batch.target.ids, PlainLosses(model_->Forward(batch, {}, 0, nullptr))};
}

}  // namespace attune
