// SPDX-License-Identifier: Apache-2.0
// Inspections of translation models; inspections_test.cc and image_inspections_test.cc have others.
#include <limits>

#include "base/trainer_protocol.h"
#include "formats/inspect/inspections.h"
#include "gmock/gmock.h"
#include "tests/formats/tiny_translation_model.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class InspectTranslationModelTest : public ::testing::Test {
 protected:
  InspectTranslationModelTest() { WriteTinyTranslationModel(folder_); }

  std::string OnlyProblem() const {
    const ModelReport report = InspectModel(folder_.path());
    EXPECT_EQ(report.problems.count(), 1);
    return report.problems.empty() ? "" : ToText(report.problems.first()[0]);
  }
  TempFolder folder_;
};

TEST_F(InspectTranslationModelTest, ReportHasItsFacts) {
  const ModelReport report = InspectModel(folder_.path());
  EXPECT_TRUE(report.problems.empty()) << ToJson(report);
  EXPECT_EQ(report.model_type, kMarianSsru);
  EXPECT_EQ(report.architecture, kMarianSsru);
  EXPECT_EQ(report.vocab_size, 14);
  EXPECT_EQ(report.hidden_size, 8);
  EXPECT_EQ(report.layers, 4);
  EXPECT_EQ(report.max_length, 512);
  EXPECT_EQ(report.tokenizer, "Unigram");
  EXPECT_GT(report.parameters, 0);
}

TEST_F(InspectTranslationModelTest, ReportTellsOfWeightsThatAreNoNumbers) {
  auto tensors = TinyMarianTensors(MarianType::kFloat32);
  tensors[3].values[1] = std::numeric_limits<float>::infinity();
  WriteTinyMarian(folder_.Path("model.bin"), tensors);
  EXPECT_THAT(OnlyProblem(), HasSubstr("model.bin: tensor '" + tensors[3].tensor.name +
                                       "' holds inf at element 1"));
}

TEST_F(InspectTranslationModelTest, ReportTellsOfABrokenVocabulary) {
  folder_.Write("vocab.spm", "no pieces");
  EXPECT_NE(OnlyProblem(), "");
  folder_.Write("vocab.spm", WirePiece("a", -1) + TinySentencePieces());
  EXPECT_THAT(OnlyProblem(), HasSubstr("vocab.spm: it has 15 pieces, but the embedding has 14"));
}

TEST_F(InspectTranslationModelTest, ReportNamesAnotherArchitecture) {
  WriteTinyMarian(folder_.Path("model.bin"), TinyMarianTensors(MarianType::kFloat32),
                  std::string(kTinySettings) + "transformer-pool: true\n");
  EXPECT_THAT(OnlyProblem(), HasSubstr("transformer-pool 'true' is not supported"));
}

}  // namespace
}  // namespace attune
