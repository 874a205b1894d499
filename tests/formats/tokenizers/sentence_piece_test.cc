// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece.h"

#include <cmath>
#include <filesystem>

#include "base/errors.h"
#include "formats/tokenizers/sentence_piece/model_file.h"
#include "gmock/gmock.h"
#include "tests/formats/sentence_piece_bytes.h"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

enum Id { kEnd, kUnknown, kSpace, kHe, kHello, kLlo, kA, kB };

std::string Pieces() {
  return WirePiece("</s>", 0, 3) + WirePiece("<unk>", 0, 2) + WirePiece("▁", -3) +
         WirePiece("▁he", -2) + WirePiece("▁hello", -5) + WirePiece("llo", -2) +
         WirePiece("a", -1) + WirePiece("b", -1);
}

class SentencePieceTest : public ::testing::Test {
 protected:
  std::unique_ptr<SentencePiece> Open(const std::string& bytes) {
    auto model = SentencePiece::Open(folder_.Write("vocab.spm", bytes));
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }
  std::string ErrorOf(const std::string& bytes) {
    const absl::Status status = SentencePiece::Open(folder_.Write("vocab.spm", bytes)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ErrorReasonOf(status), "INVALID_MODEL");
    EXPECT_THAT(std::string(status.message()), HasSubstr("vocab.spm: "));
    return std::string(status.message());
  }

  TempFolder folder_;
};

TEST_F(SentencePieceTest, CutsATextIntoItsMostProbablePieces) {
  const auto model = Open(Pieces());
  EXPECT_THAT(model->Encode("hello"), ElementsAre(kHe, kLlo));  // -4 beats -5
  EXPECT_THAT(model->Encode("a b"), ElementsAre(kSpace, kA, kSpace, kB));
}

TEST_F(SentencePieceTest, KnowsItsSpecialPieces) {
  const auto model = Open(Pieces());
  EXPECT_EQ(model->vocab_size(), 8);
  EXPECT_EQ(model->end_id(), kEnd);
  EXPECT_EQ(model->unknown_id(), kUnknown);
}

TEST_F(SentencePieceTest, NeverMakesAControlPieceOfText) {
  const auto model = Open(Pieces());
  EXPECT_THAT(model->Encode("</s>"), ElementsAre(kSpace, kUnknown));
}

TEST_F(SentencePieceTest, GivesOneUnknownPieceForARunOfUnknownCharacters) {
  const auto model = Open(Pieces());
  EXPECT_THAT(model->Encode("aéçb"), ElementsAre(kSpace, kA, kUnknown, kB));
  EXPECT_EQ(model->Decode({kSpace, kA, kUnknown, kB}), "a \u2047 b");
}

TEST_F(SentencePieceTest, SaysNothingOfAnEmptyText) {
  const auto model = Open(Pieces());
  EXPECT_THAT(model->Encode(""), IsEmpty());
  EXPECT_THAT(model->Encode("   "), IsEmpty());
  EXPECT_EQ(model->Decode({}), "");
}

TEST_F(SentencePieceTest, DecodesWithoutTheSpaceOfTheBeginningAndTheEndPiece) {
  const auto model = Open(Pieces());
  EXPECT_EQ(model->Decode({kHe, kLlo, kHello, kEnd}), "hello hello");
  EXPECT_EQ(model->Decode({kEnd, kHello}), "hello");
}

TEST_F(SentencePieceTest, KeepsSpacesWhereTheModelDoes) {
  const auto model = Open(Pieces() + WireBytes(3, WireNumber(4, 0)));
  const std::vector<int32_t> ids = model->Encode("  a ");
  EXPECT_THAT(ids, ElementsAre(kSpace, kSpace, kSpace, kA, kSpace));
  EXPECT_EQ(model->Decode(ids), "  a ");
}

TEST_F(SentencePieceTest, PutsTheSpaceLastWhereTheModelDoes) {
  const auto model = Open(Pieces() + WireBytes(2, WireNumber(24, 1)));
  EXPECT_THAT(model->Encode("a b"), ElementsAre(kA, kSpace, kB, kSpace));
}

TEST_F(SentencePieceTest, KeepsUserDefinedPiecesWhole) {
  const auto model = Open(Pieces() + WirePiece("ab", -100, 4));
  EXPECT_THAT(model->Encode("babb"), ElementsAre(kSpace, kB, kB + 1, kB));
}

TEST_F(SentencePieceTest, NeverChoosesAnUnusedPiece) {
  const auto model = Open(Pieces() + WirePiece("ab", 0, 5));
  EXPECT_THAT(model->Encode("ab"), ElementsAre(kSpace, kA, kB));
  EXPECT_EQ(model->Decode({kB + 1}), "ab");
}

class ByteFallback : public SentencePieceTest {
 protected:
  static std::string Bytes(int count) {
    std::string all = Pieces() + WireBytes(2, WireNumber(35, 1));
    for (int byte = 0; byte < count; ++byte) {
      all += WirePiece(BytePiece(static_cast<uint8_t>(byte)), 0, 6);
    }
    return all;
  }
};

TEST_F(ByteFallback, WritesUnknownCharactersAsBytes) {
  const auto model = Open(Bytes(256));
  const std::vector<int32_t> ids = model->Encode("aé");
  EXPECT_THAT(ids, ElementsAre(kSpace, kA, kB + 1 + 0xC3, kB + 1 + 0xA9));
  EXPECT_EQ(model->Decode(ids), "aé");
}

TEST_F(ByteFallback, DecodesBytesThatMakeNoCharacterAsReplacements) {
  const auto model = Open(Bytes(256));
  EXPECT_EQ(model->Decode({kB + 1 + 0xC3, kA, kB + 1 + 0xE2, kB + 1 + 0x82}),
            "\uFFFDa\uFFFD\uFFFD");
}

TEST_F(ByteFallback, NeedsAPieceForEachByte) {
  EXPECT_THAT(ErrorOf(Bytes(255)), HasSubstr("255 pieces of type 6 (byte)"));
  EXPECT_THAT(ErrorOf(Bytes(255) + WirePiece("<0xff>", 0, 6)), HasSubstr("'<0xFF>'"));
  EXPECT_THAT(ErrorOf(Pieces() + WirePiece("<0x41>", 0, 6)), HasSubstr("1 pieces of type 6"));
}

TEST_F(SentencePieceTest, RefusesWhatIsNoUnigramModel) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("no pieces"));
  EXPECT_THAT(ErrorOf("{\"model\": {}}"), HasSubstr("damaged or no SentencePiece model"));
  EXPECT_THAT(ErrorOf(Pieces() + WireBytes(2, WireNumber(3, 2))), HasSubstr("type 2 (BPE)"));
}

TEST_F(SentencePieceTest, RefusesAModelWithoutItsSpecialPieces) {
  const std::string end = WirePiece("</s>", 0, 3), unknown = WirePiece("<unk>", 0, 2);
  EXPECT_THAT(ErrorOf(end + WirePiece("a", -1)), HasSubstr("type 2 (unknown)"));
  EXPECT_THAT(ErrorOf(unknown + WirePiece("a", -1)), HasSubstr("no piece '</s>'"));
  EXPECT_THAT(ErrorOf(unknown + WirePiece("</s>", -1)), HasSubstr("no piece '</s>'"));
  EXPECT_THAT(ErrorOf(end + unknown), HasSubstr("type 1 (normal)"));
}

TEST_F(SentencePieceTest, FindsTheEndPieceByTheNameThatTheModelGives) {
  const auto model =
      Open(WirePiece("[end]", 0, 3) + Pieces() + WireBytes(2, WireBytes(47, "[end]")));
  EXPECT_EQ(model->end_id(), 0);
}

TEST_F(SentencePieceTest, RefusesPiecesThatMakeNoSense) {
  EXPECT_THAT(ErrorOf(Pieces() + WirePiece("", 0)), HasSubstr("a piece is empty"));
  EXPECT_THAT(ErrorOf(Pieces() + WirePiece("a", -2)), HasSubstr("pieces 6 and 8 are both 'a'"));
  EXPECT_THAT(ErrorOf(Pieces() + WirePiece("u", 0, 2)), HasSubstr("both of type 2"));
  EXPECT_THAT(ErrorOf(Pieces() + WirePiece("\xC3", 0)), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(ErrorOf(Pieces() + WirePiece(std::string("x\0", 2), 0)), HasSubstr("a NUL"));
  EXPECT_THAT(ErrorOf(Pieces() + WirePiece("x", 0, 7)), HasSubstr("of type 7"));
  EXPECT_THAT(ErrorOf(Pieces() + WirePiece("x", std::nanf(""))), HasSubstr("not finite"));
  EXPECT_THAT(ErrorOf(Pieces() + WirePiece(std::string(1025, 'x'), 0)), HasSubstr("1025 bytes"));
}

TEST_F(SentencePieceTest, RefusesADenormalizer) {
  EXPECT_THAT(ErrorOf(Pieces() + WireBytes(5, WireBytes(2, "xxxxx"))), HasSubstr("denormalizer"));
}

TEST_F(SentencePieceTest, RefusesAFileThatIsTooLargeBeforeReadingIt) {
  const std::string path = folder_.Write("vocab.spm", Pieces());
  std::filesystem::resize_file(path, kMaxSentencePieceFileBytes + 1);
  const absl::Status status = SentencePiece::Open(path).status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_MODEL");
  EXPECT_THAT(std::string(status.message()), HasSubstr("16777217 bytes; at most 16777216"));
}

TEST_F(SentencePieceTest, SaysThatThereIsNoFile) {
  EXPECT_TRUE(absl::IsNotFound(SentencePiece::Open(folder_.Path("absent.spm")).status()));
}

}  // namespace
}  // namespace attune
