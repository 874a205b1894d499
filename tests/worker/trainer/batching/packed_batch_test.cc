// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/packed_batch.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

TEST(PackedBatch, HoldsNothingButTheTokens) {
  PackedBatch batch;
  batch.Add({7, 8, 9}, {0, 0, 1});
  batch.Add({5}, {0});
  EXPECT_THAT(batch.ids, ElementsAre(7, 8, 9, 5));
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(batch.type_ids, ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(batch.offsets, ElementsAre(0, 3, 4));
  EXPECT_THAT(batch.first_tokens(), ElementsAre(0, 3));
  EXPECT_EQ(batch.tokens(), 4);
  EXPECT_EQ(batch.sequences(), 2);
}

// Every character is a token.
class Characters final : public Tokenizer {
 public:
  Encoding Encode(std::string_view text, int64_t) const override {
    return {std::vector<int32_t>(text.begin(), text.end()), std::vector<int32_t>(text.size(), 0)};
  }
  Encoding EncodePair(std::string_view first, std::string_view, int64_t n) const override {
    return Encode(first, n);
  }
  std::string_view kind() const override { return "characters"; }
  int64_t vocab_size() const override { return 128; }
  int64_t special_count(bool) const override { return 0; }
  int32_t pad_id() const override { return 0; }
  int32_t unknown_id() const override { return -1; }
};

TokenizedText TextOf(const std::vector<size_t>& lengths) {
  std::vector<LabelledExample> examples;
  for (const size_t length : lengths) {
    LabelledExample& example = examples.emplace_back();
    example.texts = {std::string(length, 'x')};
    example.line = static_cast<int64_t>(examples.size()) + 1;
  }
  return TokenizedText::Make(examples, Characters(), 0);
}

TEST(BatchEnd, FillsBatchesInFileOrder) {
  const TokenizedText text = TextOf({1000, 1000, 100, 3000, 7});
  EXPECT_EQ(BatchEnd(text, 0), 2);
  EXPECT_EQ(BatchEnd(text, 2), 3);
  EXPECT_EQ(BatchEnd(text, 3), 4);  // longer than a batch, so alone
  EXPECT_EQ(BatchEnd(text, 4), 5);
}

TEST(TokenizedText, SelectsExamplesInTheOrderGiven) {
  const TokenizedText some = TextOf({3, 1, 4, 2}).Select({2, 0});
  EXPECT_EQ(some.size(), 2);
  EXPECT_EQ(some.ids(0).size(), 4);
  EXPECT_EQ(some.ids(1).size(), 3);
  EXPECT_EQ(some.line(0), 4);
  EXPECT_EQ(some.tokens(), 7);
}

}  // namespace
}  // namespace attune
