// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/piece_trie.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<size_t, int32_t>> PrefixesOf(const PieceTrie& trie, std::string_view text) {
  std::vector<std::pair<size_t, int32_t>> found;
  trie.ForEachPrefix(text, [&](size_t length, int32_t id) { found.emplace_back(length, id); });
  return found;
}

TEST(PieceTrie, FindsAllPiecesThatATextStartsWithTheShortestFirst) {
  const PieceTrie trie({{"abc", 0}, {"a", 7}, {"b", 2}, {"abd", 3}, {"\xFF", 4}});
  EXPECT_THAT(PrefixesOf(trie, "abcd"), ElementsAre(Pair(1, 7), Pair(3, 0)));
  EXPECT_THAT(PrefixesOf(trie, "ab"), ElementsAre(Pair(1, 7)));
  EXPECT_THAT(PrefixesOf(trie, "\xFFz"), ElementsAre(Pair(1, 4)));
  EXPECT_THAT(PrefixesOf(trie, "c"), IsEmpty());
  EXPECT_THAT(PrefixesOf(trie, ""), IsEmpty());
}

TEST(PieceTrie, KnowsTheLongest) {
  const PieceTrie trie({{"a", 0}, {"aaa", 1}});
  EXPECT_EQ(trie.LongestPrefix("aa"), 1u);
  EXPECT_EQ(trie.LongestPrefix("aaaa"), 3u);
  EXPECT_EQ(trie.LongestPrefix("b"), 0u);
}

TEST(PieceTrie, MayBeEmpty) { EXPECT_EQ(PieceTrie({}).LongestPrefix("a"), 0u); }

}  // namespace
}  // namespace attune
