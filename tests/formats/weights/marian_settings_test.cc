// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_replace.h"
#include "formats/weights/translation_config.h"
#include "gmock/gmock.h"
#include "tests/formats/tiny_translation.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::string Error(const std::string& settings) {
  Problems problems;
  ParseMarianSettings(settings, "m.bin", problems);
  EXPECT_FALSE(problems.empty());
  for (const Problem& problem : problems.first()) EXPECT_EQ(problem.where, "m.bin");
  return std::string(problems.ToStatus("INVALID_MODEL", "it").message());
}
std::string With(const char* what, const char* instead) {
  return absl::StrReplaceAll(kTinySettings, {{what, instead}});
}

TEST(MarianSettings, GiveTheSizes) {
  Problems problems;
  EXPECT_EQ(ParseMarianSettings(kTinySettings, "m.bin", problems), kTinyTranslation);
  EXPECT_TRUE(problems.empty());
}

TEST(MarianSettings, OfAnotherArchitectureAreRefusedByName) {
  EXPECT_THAT(Error(With("type: transformer", "type: s2s")),
              HasSubstr("type 's2s' is not supported; supported: 'transformer'"));
  EXPECT_THAT(Error(With("autoreg: rnn", "autoreg: self-attention")),
              HasSubstr("transformer-decoder-autoreg 'self-attention'"));
  EXPECT_THAT(Error(With("dec-cell: ssru", "dec-cell: gru")), HasSubstr("dec-cell 'gru'"));
  EXPECT_THAT(Error(With("dan", "da")), HasSubstr("transformer-postprocess 'da'"));
  EXPECT_THAT(Error(With("relu", "swish")), HasSubstr("transformer-ffn-activation 'swish'"));
  EXPECT_THAT(Error(With("all: true", "all: false")), HasSubstr("tied-embeddings-all 'false'"));
  EXPECT_THAT(Error(std::string(kTinySettings) + "lemma-dim-emb: 64\n"),
              HasSubstr("lemma-dim-emb '64'"));
  EXPECT_THAT(Error(std::string(kTinySettings) + "transformer-tied-layers:\n  - 1\n  - 1\n"),
              HasSubstr("transformer-tied-layers 'a list'"));
}

TEST(MarianSettings, ThatAreNotSaidAreMariansDefaults) {
  EXPECT_THAT(Error(With("type: transformer\n", "")), HasSubstr("type 'amun'"));
  EXPECT_THAT(Error(With("transformer-ffn-activation: relu\n", "")), HasSubstr("'swish'"));
}

TEST(MarianSettings, NeedEverySize) {
  EXPECT_THAT(Error(With("dim-emb: 8\n", "")), HasSubstr("dim-emb must be an integer"));
  EXPECT_THAT(Error(With("enc-depth: 2", "enc-depth: 2.5")), HasSubstr("got '2.5'"));
  EXPECT_THAT(Error(With("dec-depth: 2", "dec-depth: 99999999999999999999")),
              HasSubstr("dec-depth must be an integer from 1 to 256"));
  EXPECT_THAT(Error(With("heads: 2", "heads: -2")), HasSubstr("got '-2'"));
}

TEST(MarianSettings, NeedOneVocabularyForBothSides) {
  EXPECT_THAT(Error(With("  - 14\n  - 14\n", "  - 14\n  - 15\n")), HasSubstr("got [14, 15]"));
  EXPECT_THAT(Error(With("  - 14\n  - 14\n", "  - 14\n")), HasSubstr("got [14]"));
}

TEST(MarianSettings, MustFitTogether) {
  EXPECT_THAT(Error(With("heads: 2", "heads: 3")), HasSubstr("3 attention heads do not divide"));
  EXPECT_THAT(Error(With("dim-emb: 8", "dim-emb: 2")), HasSubstr("even and at least 4"));
  std::string large = With("dim-emb: 8", "dim-emb: 65536");
  EXPECT_THAT(Error(absl::StrReplaceAll(large, {{"  - 14", "  - 1000000"}})),
              HasSubstr("at most 8000000000"));
}

TEST(MarianSettings, OfOtherLinesAreRefusedWithTheLine) {
  EXPECT_THAT(Error("type: transformer\nwhat is this\n"), HasSubstr("line 2 of its settings"));
  EXPECT_THAT(Error("  - 3\n"), HasSubstr("line 1 of its settings"));
  EXPECT_THAT(Error("  a: 3\n"), HasSubstr("line 1 of its settings"));
  EXPECT_THAT(Error("a: 3\n\na: 4\n"), HasSubstr("line 3 of its settings"));
}

}  // namespace
}  // namespace attune
