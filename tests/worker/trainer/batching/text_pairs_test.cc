// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/text_pairs.h"

#include <string>

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Every character is a piece of its own.
class Characters final : public SentencePiece {
 public:
  std::vector<int32_t> Encode(std::string_view text) const override {
    return {text.begin(), text.end()};
  }
  std::string Decode(absl::Span<const int32_t> ids) const override {
    return {ids.begin(), ids.end()};
  }
  int64_t vocab_size() const override { return 128; }
  int32_t end_id() const override { return 0; }
  int32_t unknown_id() const override { return 1; }
};

TextPairs PairsOf(const std::vector<std::pair<std::string, std::string>>& texts,
                  int64_t max_length = 512, PairSides sides = PairSides::kBoth) {
  std::vector<LabelledExample> examples;
  for (const auto& [source, target] : texts) {
    LabelledExample& example = examples.emplace_back();
    example.texts = {source};
    example.translation = target;
    example.line = static_cast<int64_t>(examples.size()) + 1;
  }
  return TextPairs::Make(examples, Characters(), max_length, sides);
}

std::string Long(size_t characters) { return std::string(characters, 'x'); }

TEST(TextPairs, EndBothSides) {
  const TextPairs pairs = PairsOf({{"ab", "c"}, {"", "de"}});
  EXPECT_THAT(pairs.sources().ids(0), ElementsAre('a', 'b', 0));
  EXPECT_THAT(pairs.targets().ids(0), ElementsAre('c', 0));
  EXPECT_THAT(pairs.sources().ids(1), ElementsAre(0));
  EXPECT_EQ(pairs.target_tokens(1), 3);
  EXPECT_EQ(pairs.tokens(), 9);
  EXPECT_EQ(pairs.longest_source(), 3);
  EXPECT_EQ(pairs.line(1), 3);
}

TEST(TextPairs, KeepTheEndOfWhatIsCut) {
  const TextPairs pairs = PairsOf({{"abc", "abcdef"}}, 4);
  EXPECT_THAT(pairs.sources().ids(0), ElementsAre('a', 'b', 'c', 0));
  EXPECT_THAT(pairs.targets().ids(0), ElementsAre('a', 'b', 'c', 0));
  EXPECT_THAT(PairsOf({{"abc", "a"}}, 1).sources().ids(0), ElementsAre(0));
}

TEST(TextPairs, OfOneSideHaveNoTargets) {
  const TextPairs pairs = PairsOf({{"ab", "never read"}}, 512, PairSides::kSourceOnly);
  EXPECT_THAT(pairs.targets().ids(0), IsEmpty());
  EXPECT_EQ(pairs.tokens(), 3);
}

TEST(TextPairs, PackBothSidesOfTheExamplesInTheirOrder) {
  const PairBatch batch = Pack(PairsOf({{"ab", "c"}, {"d", "ef"}}), {1, 0});
  EXPECT_THAT(batch.source.ids, ElementsAre('d', 0, 'a', 'b', 0));
  EXPECT_THAT(batch.source.offsets, ElementsAre(0, 2, 5));
  EXPECT_THAT(batch.target.ids, ElementsAre('e', 'f', 0, 'c', 0));
  EXPECT_THAT(batch.target.positions, ElementsAre(0, 1, 2, 0, 1));
}

TEST(TextPairs, FillBatchesByTheTokensOfBothSides) {
  const TextPairs pairs = PairsOf({{Long(500), Long(500)},  // 1002 tokens with both ends
                                   {Long(522), Long(522)},  // 1046: 2048 together
                                   {Long(9), Long(9)},
                                   {Long(2000), Long(2000)},
                                   {"a", "b"}},
                                  4096);
  EXPECT_EQ(BatchEnd(pairs, 0, 1), 2);
  EXPECT_EQ(BatchEnd(pairs, 2, 1), 3);
  EXPECT_EQ(BatchEnd(pairs, 3, 1), 4);  // longer than a batch, so alone
  EXPECT_EQ(BatchEnd(pairs, 4, 1), 5);
}

TEST(TextPairs, MakeBatchesShorterWhereBeamsAreWide) {
  const TextPairs pairs = PairsOf(std::vector<std::pair<std::string, std::string>>(300, {"a", ""}));
  EXPECT_EQ(BatchEnd(pairs, 0, 1), 256);
  EXPECT_EQ(BatchEnd(pairs, 0, 32), 8);
  EXPECT_EQ(BatchEnd(pairs, 296, 32), 300);
}

}  // namespace
}  // namespace attune
