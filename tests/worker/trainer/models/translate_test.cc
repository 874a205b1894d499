// SPDX-License-Identifier: Apache-2.0
// Searches against what the model says of whole targets.
#include "worker/trainer/models/translate.h"

#include <cmath>

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_translation_job.h"

namespace attune {
namespace {

using testing::TinyTranslationJob;

constexpr int32_t kEnd = 0;

class TranslateOf : public ::testing::Test {
 protected:
  TranslateOf() {
    // As long as the random model is undecided, its translations end by chance.
    for (const std::vector<int32_t>& ids : sources_) {
      batch_.Add(ids, std::vector<int32_t>(ids.size()));
    }
  }

  void MakeTheEndLikelier(float by) const {
    at::Tensor bias = model_->parameters()[1]->value;
    ASSERT_EQ(model_->parameters()[1]->parts[0].name, "final_logits_bias");
    bias[kEnd] += by;
  }
  double LogProbability(size_t source, const std::vector<int32_t>& target) const {
    PairBatch pair;
    pair.source.Add(sources_[source], std::vector<int32_t>(sources_[source].size()));
    pair.target.Add(target, std::vector<int32_t>(target.size()));
    double sum = 0;
    for (const TokenLoss& token : model_->Forward(pair, {}, 0, nullptr)) sum -= token.plain;
    return sum;
  }
  std::vector<Translated> Run(const DecodingSpec& decoding, int64_t max_length = 20) const {
    return Translate(*model_, batch_, kEnd, max_length, decoding);
  }
  // The likeliest token after these, by the model's losses of all that could follow.
  int32_t Next(size_t source, const std::vector<int32_t>& ids) const {
    int32_t best = 0;
    double highest = -INFINITY;
    for (int32_t id = 0; id < model_->config().vocab_size; ++id) {
      std::vector<int32_t> target = ids;
      target.push_back(id);
      const double log_p = LogProbability(source, target);
      if (log_p > highest) best = id;
      highest = std::max(highest, log_p);
    }
    return best;
  }
  // With </s> where it fits.
  static std::vector<int32_t> Whole(const Translated& translated, size_t longest) {
    std::vector<int32_t> ids = translated.ids;
    if (ids.size() < longest) ids.push_back(kEnd);
    return ids;
  }

  TinyTranslationJob job_;
  std::unique_ptr<TranslationModel> model_ = *TranslationModel::Load(*job_.OpenBase());
  const std::vector<std::vector<int32_t>> sources_ = {
      {5, 9, 3, 0}, {0}, {2, 2, 17, 20, 11, 8, 25, 4, 0}, {13, 0}};
  PackedBatch batch_;
};

TEST_F(TranslateOf, GreedyTakesTheLikeliestTokenEachTime) {
  MakeTheEndLikelier(1.5);
  const auto translations = Run({});
  ASSERT_EQ(translations.size(), sources_.size());
  bool some_end_early = false;
  for (size_t s = 0; s < sources_.size(); ++s) {
    const auto longest =
        static_cast<size_t>(LongestTranslation(static_cast<int64_t>(sources_[s].size()), 20));
    std::vector<int32_t> expected;
    while (expected.size() < longest) {
      const int32_t next = Next(s, expected);
      if (next == kEnd) break;
      expected.push_back(next);
    }
    some_end_early = some_end_early || expected.size() < longest;
    EXPECT_EQ(translations[s].ids, expected) << s;
    EXPECT_NEAR(translations[s].log_probability, LogProbability(s, Whole(translations[s], longest)),
                1e-4);
  }
  EXPECT_TRUE(some_end_early);
}

TEST_F(TranslateOf, ABeamAsWideAsTheVocabularyFindsTheBestPairOfTokens) {
  for (const double penalty : {0.0, 1.0, 3.0}) {
    const auto translations =
        Run({.beam_size = model_->config().vocab_size, .length_penalty = penalty}, 2);
    for (size_t s = 0; s < sources_.size(); ++s) {
      std::vector<int32_t> expected;
      double highest = LogProbability(s, {kEnd});
      for (int32_t first = 1; first < model_->config().vocab_size; ++first) {
        for (int32_t second = 0; second < model_->config().vocab_size; ++second) {
          const double score = LogProbability(s, {first, second}) / std::pow(2, penalty);
          if (score <= highest) continue;
          highest = score;
          expected = {first};
          if (second != kEnd) expected.push_back(second);
        }
      }
      EXPECT_EQ(translations[s].ids, expected) << s << " with penalty " << penalty;
    }
  }
}

TEST_F(TranslateOf, ABeamFindsLikelierTranslationsThanGreedy) {
  const auto greedy = Run({}), beam = Run({.beam_size = 6, .length_penalty = 0});
  double gained = 0;
  for (size_t s = 0; s < sources_.size(); ++s) {
    const auto longest =
        static_cast<size_t>(LongestTranslation(static_cast<int64_t>(sources_[s].size()), 20));
    EXPECT_NEAR(beam[s].log_probability, LogProbability(s, Whole(beam[s], longest)), 1e-4);
    gained += beam[s].log_probability - greedy[s].log_probability;
  }
  EXPECT_GT(gained, 0.1);
}

TEST_F(TranslateOf, ATranslationIsCutAtItsLongest) {
  MakeTheEndLikelier(-100);
  const auto translations = Run({}, 20);
  EXPECT_EQ(translations[0].ids.size(), 20);  // max_length
  EXPECT_EQ(translations[1].ids.size(), 19);  // 3 · 1 + 16
  for (const Translated& t : Run({.beam_size = 3}, 1000)) {
    EXPECT_LE(t.ids.size(), static_cast<size_t>(model_->config().max_length));
  }
}

TEST_F(TranslateOf, ASentenceDoesNotDependOnItsNeighbours) {
  MakeTheEndLikelier(1);
  const DecodingSpec decoding{.beam_size = 3};
  const auto together = Run(decoding);
  for (size_t s = 0; s < sources_.size(); ++s) {
    PackedBatch alone;
    alone.Add(sources_[s], std::vector<int32_t>(sources_[s].size()));
    const Translated translated = Translate(*model_, alone, kEnd, 20, decoding).front();
    EXPECT_EQ(translated.ids, together[s].ids);
    EXPECT_NEAR(translated.log_probability, together[s].log_probability, 1e-4);
  }
}

TEST_F(TranslateOf, TheSameIsFoundAgain) {
  const auto once = Run({.beam_size = 4}), again = Run({.beam_size = 4});
  for (size_t s = 0; s < sources_.size(); ++s) {
    EXPECT_EQ(once[s].ids, again[s].ids);
    EXPECT_EQ(once[s].log_probability, again[s].log_probability);
  }
}

}  // namespace
}  // namespace attune
