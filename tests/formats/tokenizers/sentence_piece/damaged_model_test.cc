// SPDX-License-Identifier: Apache-2.0
// Whatever is in an .spm file, reading it ends, and what opens gives ids below its vocab_size and
// valid text.
#include <random>

#include "base/errors.h"
#include "formats/text/utf8.h"
#include "formats/tokenizers/sentence_piece.h"
#include "gtest/gtest.h"
#include "tests/formats/sentence_piece_bytes.h"
#include "tests/formats/temp_folder.h"
#include "tests/formats/tokenizers/sentence_piece/character_map_bytes.h"

namespace attune {
namespace {

std::string GoodModel() {
  const CharacterMapParts map({{"A", "a"}, {"ﬁ", "fi"}, {"\t", " "}});
  return WirePiece("</s>", 0, 3) + WirePiece("<unk>", 0, 2) + WirePiece("▁a", -1) +
         WirePiece("fi", -2) + WirePiece("é", -3) + WirePiece("<x>", 0, 4) + WirePiece("i", -4) +
         WireBytes(2, WireNumber(3, 1) + WireBytes(44, " ? ") + WireNumber(35, 0)) +
         WireBytes(3, WireBytes(1, "nfkc") + WireBytes(2, map.Bytes()) + WireNumber(4, 1)) +
         WireBytes(4, WireBytes(1, WireBytes(1, "a")));
}

class DamagedModel : public ::testing::Test {
 protected:
  void TryToUse(const std::string& bytes) {
    const auto model = SentencePiece::Open(folder_.Write("vocab.spm", bytes));
    if (!model.ok()) {
      EXPECT_EQ(ErrorReasonOf(model.status()), "INVALID_MODEL") << model.status();
      EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
      ++refused_;
      return;
    }
    ++opened_;
    const std::vector<int32_t> ids = (*model)->Encode("Aﬁ <x>\té 日本 a");
    for (const int32_t id : ids) {
      ASSERT_GE(id, 0);
      ASSERT_LT(id, (*model)->vocab_size());
    }
    EXPECT_EQ(FindInvalidUtf8((*model)->Decode(ids)), std::string_view::npos);
  }

  TempFolder folder_;
  int opened_ = 0, refused_ = 0;
};

TEST_F(DamagedModel, IsRefusedWhereverItIsCutOff) {
  const std::string good = GoodModel();
  for (size_t size = 0; size < good.size(); ++size) TryToUse(good.substr(0, size));
  EXPECT_EQ(opened_, 7);  // cut behind one of the pieces from "▁a" on, or one of the two specs
}

TEST_F(DamagedModel, NeverBreaksTheReader) {
  const std::string good = GoodModel();
  std::mt19937 random(17);
  for (int i = 0; i < 6000; ++i) {
    std::string bytes = good;
    for (size_t changes = random() % 3 + 1; changes > 0; --changes) {
      // Half of the changes hit the pieces, not the large character map.
      const size_t reach = random() % 2 == 0 ? 140 : bytes.size();
      bytes[random() % reach] = static_cast<char>(random());
    }
    TryToUse(bytes);
  }
  EXPECT_GT(opened_, 500);
  EXPECT_GT(refused_, 500);
}

TEST_F(DamagedModel, NeverBreaksTheReaderOfTheCharacterMap) {
  const CharacterMapParts good({{"A", "a"}, {"ﬁ", "fi"}, {"\t", " "}});
  std::vector<size_t> used;
  for (size_t at = 0; at < good.units.size(); ++at) {
    if (good.units[at] != 0) used.push_back(at);
  }
  std::mt19937 random(19);
  for (int i = 0; i < 3000; ++i) {
    CharacterMapParts map = good;
    for (size_t changes = random() % 3 + 1; changes > 0; --changes) {
      // A label stays a label, and some offsets lie within the trie: units lead to each other in
      // all ways.
      uint32_t& unit = map.units[used[random() % used.size()]];
      const auto offset = static_cast<uint32_t>(random() % map.units.size());
      unit = random() % 3 == 0 ? static_cast<uint32_t>(random())
                               : offset << 10 | (random() % 2) << 8 | (unit & 0xFF);
    }
    TryToUse(WirePiece("</s>", 0, 3) + WirePiece("<unk>", 0, 2) + WirePiece("▁a", -1) +
             WireBytes(3, WireBytes(2, map.Bytes())));
  }
  EXPECT_GT(opened_, 200);
  EXPECT_GT(refused_, 200);
}

}  // namespace
}  // namespace attune
