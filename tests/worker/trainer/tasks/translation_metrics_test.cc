// SPDX-License-Identifier: Apache-2.0
// The expected numbers are sacrebleu 2.6.0's.
#include "worker/trainer/tasks/translation_metrics.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

TEST(TranslationMetrics, AreOneHundredForTheReferencesThemselves) {
  const std::vector<std::string> texts = {"The cat sat on the mat.", "It is 3.5 km away."};
  EXPECT_NEAR(Bleu(texts, texts), 100, 1e-9);
  EXPECT_NEAR(Chrf(texts, texts), 100, 1e-9);
}

TEST(TranslationMetrics, AreZeroWithoutAnythingInCommon) {
  EXPECT_EQ(Bleu({"a b c d"}, {"e f g h"}), 0);
  EXPECT_EQ(Chrf({"a b c d"}, {"e f g h"}), 0);
}

TEST(TranslationMetrics, AreZeroForEmptyTexts) {
  EXPECT_EQ(Bleu({""}, {"e f g h"}), 0);
  EXPECT_EQ(Chrf({""}, {"e f g h"}), 0);
  EXPECT_EQ(Bleu({"e f g h"}, {""}), 0);
  EXPECT_EQ(Chrf({"e f g h"}, {""}), 0);
}

TEST(TranslationMetrics, CountOverTheWholeCorpusAndPunishShortTranslations) {
  const std::vector<std::string> translations = {"The cat sat on a mat.", "He was here"};
  const std::vector<std::string> references = {"The cat sat on the mat.",
                                               "He was here yesterday, wasn't he?"};
  EXPECT_NEAR(Bleu(translations, references), 32.689344009964714, 1e-9);
  EXPECT_NEAR(Chrf(translations, references), 44.474073985133664, 1e-9);
}

TEST(TranslationMetrics, HalveWhatIsMissingOfHigherOrders) {
  const std::vector<std::string> translations = {"the cat the cat the"};
  const std::vector<std::string> references = {"a cat the dog the cat is the"};
  EXPECT_NEAR(Bleu(translations, references), 17.532970520619653, 1e-9);
  EXPECT_NEAR(Chrf(translations, references), 44.123538978103596, 1e-9);
}

TEST(TranslationMetrics, TakePunctuationApartButNotWithinNumbers) {
  const std::vector<std::string> translations = {"It costs 1,000.50 (about), or -1-2."};
  const std::vector<std::string> references = {"It costs 1,000.50 (about) or 1-2!"};
  EXPECT_NEAR(Bleu(translations, references), 48.326978309062184, 1e-9);
  EXPECT_NEAR(Chrf(translations, references), 80.57205080811272, 1e-9);
}

TEST(TranslationMetrics, ReadEntitiesAndOtherScripts) {
  const std::vector<std::string> translations = {"&quot;x&quot; &amp; y é, 日本語。 fim"};
  const std::vector<std::string> references = {"\"x\" & y é, 日本語 . fim"};
  EXPECT_NEAR(Bleu(translations, references), 67.16877364745231, 1e-9);
  EXPECT_NEAR(Chrf(translations, references), 31.60086520727004, 1e-9);
}

}  // namespace
}  // namespace attune
