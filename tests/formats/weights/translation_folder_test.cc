// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/translation_folder.h"

#include <algorithm>
#include <filesystem>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/formats/tiny_translation.h"

namespace attune {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kQuery[] = "model.encoder.layers.0.self_attn.q_proj.weight";
constexpr char kWide[] = "model.decoder.layers.1.fc1.weight";

class TranslationFolderTest : public ::testing::Test {
 protected:
  TranslationFolderTest() { folder_.Write("vocab.xxyy.spm", "pieces"); }

  void Use(MarianType matrices) { tensors_ = TinyMarianTensors(matrices); }
  TinyMarianTensor& Tensor(const std::string& name) {
    return *std::find_if(tensors_.begin(), tensors_.end(),
                         [&name](const TinyMarianTensor& t) { return t.tensor.name == name; });
  }
  absl::StatusOr<std::unique_ptr<TranslationFolder>> Open() {
    WriteTinyMarian(folder_.Path(kTinyMarian), tensors_);
    return TranslationFolder::Open(folder_.path());
  }
  static std::string ErrorOf(const TempFolder& folder) {
    const auto model = TranslationFolder::Open(folder.path());
    EXPECT_FALSE(model.ok());
    EXPECT_EQ(ErrorReasonOf(model.status()), "INVALID_MODEL");
    return std::string(model.status().message());
  }
  std::string Error() {
    EXPECT_FALSE(Open().ok());
    return ErrorOf(folder_);
  }
  static std::vector<float> Values(const TranslationFolder& model, const std::string& name) {
    int64_t elements = 1;
    for (const int64_t size : model.Shape(name)) elements *= size;
    std::vector<float> values(static_cast<size_t>(elements));
    EXPECT_TRUE(model.ReadFloats(name, absl::MakeSpan(values)).ok());
    return values;
  }
  // All tensors of `model`, with `added` to every value of the matrix kWide.
  static void Export(const TranslationFolder& model, float added, const std::string& dir) {
    std::map<std::string, std::vector<float>> values;
    std::vector<TranslationTensor> tensors;
    for (const TranslationTensorPlan& plan : TranslationTensors(model.config())) {
      std::vector<float>& floats = values[plan.name];
      floats = Values(model, plan.name);
      if (plan.name == kWide)
        std::for_each(floats.begin(), floats.end(), [&](float& x) { x += added; });
      tensors.push_back({plan.name, plan.shape, floats});
    }
    const absl::Status written = WriteTranslationFolder(model, tensors, dir);
    EXPECT_TRUE(written.ok()) << written;
  }

  TempFolder folder_;
  std::vector<TinyMarianTensor> tensors_ = TinyMarianTensors(MarianType::kIntgemm8);
};

TEST_F(TranslationFolderTest, OpensAMarianModel) {
  const auto model = Open();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->config(), kTinyTranslation);
  EXPECT_EQ((*model)->tokenizer_file(), "vocab.xxyy.spm");
  // Embedding and its bias; attention, feed-forward and two norms a layer; the decoder's unit.
  EXPECT_EQ((*model)->parameters(),
            14 * 8 + 14 + 4 * (4 * 72 + 280 + 2 * 16) + 2 * (2 * 64 + 8 + 16));
  EXPECT_THAT((*model)->Shape(kWide), ElementsAre(16, 8));
  EXPECT_THAT((*model)->Shape("nothing"), IsEmpty());
  EXPECT_TRUE((*model)->CheckFinite().ok());
  EXPECT_TRUE(HoldsTranslationModel(folder_.path()));
}

TEST_F(TranslationFolderTest, GivesLayersAsOutByInWhateverTheFileHas) {
  const auto quantised = Open();
  ASSERT_TRUE(quantised.ok()) << quantised.status();
  // An int8 matrix lies there as [out, in].
  EXPECT_THAT(Values(**quantised, kWide), ElementsAreArray(Tensor("decoder_l2_ffn_W1").values));
  Use(MarianType::kFloat32);
  const auto plain = Open();
  ASSERT_TRUE(plain.ok()) << plain.status();
  const std::vector<float>& stored = Tensor("decoder_l2_ffn_W1").values;  // [8, 16]
  const std::vector<float> values = Values(**plain, kWide);
  for (size_t out = 0; out < 16; ++out) {
    for (size_t in = 0; in < 8; ++in) EXPECT_EQ(values[out * 8 + in], stored[in * 16 + out]);
  }
  EXPECT_THAT(Values(**plain, "model.shared.weight"), ElementsAreArray(Tensor("Wemb").values));
}

TEST_F(TranslationFolderTest, IgnoresScalesOfActivations) {
  tensors_.push_back({{"Wemb_QuantMultA", MarianType::kIntgemm8, {1, 1}, 0}, {8}});
  const auto model = Open();
  EXPECT_TRUE(model.ok()) << model.status();
}

TEST_F(TranslationFolderTest, NamesMissingWrongAndStrangeTensors) {
  Tensor("decoder_l1_rnn_Wf").tensor.name = "decoder_l1_rnn_Wo";
  Tensor("encoder_l2_ffn_b1").tensor.shape = {16, 1};
  const std::string error = Error();
  EXPECT_THAT(error, HasSubstr("1 tensors are missing: decoder_l1_rnn_Wf"));
  EXPECT_THAT(error, HasSubstr("encoder_l2_ffn_b1 is [16, 1] instead of [1, 16]"));
  EXPECT_THAT(error, HasSubstr("decoder_l1_rnn_Wo"));
}

TEST_F(TranslationFolderTest, NeedsOneModelAndOneVocabulary) {
  ASSERT_TRUE(Open().ok());
  folder_.Write("trgvocab.spm", "");
  EXPECT_THAT(ErrorOf(folder_), HasSubstr("2 vocabularies: trgvocab.spm, vocab.xxyy.spm"));
  std::filesystem::remove(folder_.Path("trgvocab.spm"));
  folder_.Write("other.bin", folder_.Read(kTinyMarian));
  EXPECT_THAT(ErrorOf(folder_), HasSubstr("2 Marian models: model.xxyy"));
  folder_.Write("other.bin", "a shortlist of words");
  EXPECT_TRUE(TranslationFolder::Open(folder_.path()).ok());
  std::filesystem::remove(folder_.Path(kTinyMarian));
  EXPECT_THAT(ErrorOf(folder_), HasSubstr("no weights in Marian's binary form"));
  EXPECT_TRUE(HoldsTranslationModel(folder_.path()));
  std::filesystem::remove(folder_.Path("vocab.xxyy.spm"));
  EXPECT_THAT(ErrorOf(folder_), HasSubstr("no SentencePiece vocabulary"));
  EXPECT_FALSE(HoldsTranslationModel(folder_.path()));
}

TEST_F(TranslationFolderTest, RefusesALinkInsteadOfAFile) {
  ASSERT_TRUE(Open().ok());
  std::filesystem::create_symlink("/etc/hostname", folder_.Path("x.spm"));
  EXPECT_THAT(ErrorOf(folder_), HasSubstr("x.spm: a link, pipe, socket or device"));
}

TEST_F(TranslationFolderTest, ExportsAFolderThatOpensAgain) {
  tensors_.push_back({{"none_QuantMultA", MarianType::kFloat32, {1, 1}, 0}, {14.5}});
  const auto base = Open();
  ASSERT_TRUE(base.ok()) << base.status();
  const TempFolder out;
  Export(**base, 0.125, out.path());
  EXPECT_TRUE(HoldsTranslationModel(out.path()));
  EXPECT_EQ(out.Read("vocab.xxyy.spm"), "pieces");
  const auto exported = TranslationFolder::Open(out.path());
  ASSERT_TRUE(exported.ok()) << exported.status();
  EXPECT_EQ((*exported)->config(), kTinyTranslation);
  EXPECT_EQ(Values(**exported, kQuery), Values(**base, kQuery));
  std::vector<float> moved = Values(**base, kWide);
  for (float& x : moved) x += 0.125F;
  EXPECT_EQ(Values(**exported, kWide), moved);
}

// Without a change every byte stays.
TEST_F(TranslationFolderTest, ExportsTheMarianFileOfItsBase) {
  tensors_.push_back({{"none_QuantMultA", MarianType::kFloat32, {1, 1}, 0}, {14.5}});
  for (const MarianType matrices : {MarianType::kIntgemm8, MarianType::kFloat32}) {
    Use(matrices);
    const auto base = Open();
    ASSERT_TRUE(base.ok()) << base.status();
    const TempFolder out;
    Export(**base, 0, out.path());
    EXPECT_EQ(out.Read(kTinyMarian), folder_.Read(kTinyMarian));
    // And again, from what was exported.
    const auto exported = TranslationFolder::Open(out.path());
    ASSERT_TRUE(exported.ok()) << exported.status();
    const TempFolder again;
    Export(**exported, 0, again.path());
    EXPECT_EQ(again.Read(kTinyMarian), folder_.Read(kTinyMarian));
    EXPECT_EQ(again.Read("model.safetensors"), out.Read("model.safetensors"));
  }
}

TEST_F(TranslationFolderTest, ExportsTunedWeightsAsMarianHasThem) {
  const auto base = Open();
  ASSERT_TRUE(base.ok()) << base.status();
  const TempFolder out;
  Export(**base, 0.5, out.path());
  std::filesystem::remove(out.Path("config.json"));
  std::filesystem::remove(out.Path("model.safetensors"));
  const auto marian = TranslationFolder::Open(out.path());
  ASSERT_TRUE(marian.ok()) << marian.status();
  EXPECT_EQ(Values(**marian, kQuery), Values(**base, kQuery));
  const std::vector<float> before = Values(**base, kWide), after = Values(**marian, kWide);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_NEAR(after[i], before[i] + 0.5, 1.5 / 127) << i;
  }
}

TEST_F(TranslationFolderTest, NeedsNoMarianFileBesideItsOwn) {
  const auto base = Open();
  ASSERT_TRUE(base.ok()) << base.status();
  const TempFolder out, again;
  Export(**base, 0, out.path());
  std::filesystem::remove(out.Path(kTinyMarian));
  const auto exported = TranslationFolder::Open(out.path());
  ASSERT_TRUE(exported.ok()) << exported.status();
  EXPECT_EQ((*exported)->marian_file(), nullptr);
  Export(**exported, 0, again.path());
  EXPECT_FALSE(std::filesystem::exists(again.Path(kTinyMarian)));
  EXPECT_EQ(again.Read("model.safetensors"), out.Read("model.safetensors"));
}

TEST_F(TranslationFolderTest, WritesNothingOfAnotherModel) {
  const auto base = Open();
  ASSERT_TRUE(base.ok()) << base.status();
  const TempFolder out;
  const std::vector<float> one(1);
  EXPECT_THAT(std::string(WriteTranslationFolder(**base, {}, out.path()).message()),
              HasSubstr("there is no tensor 'model.shared.weight'"));
  EXPECT_THAT(
      std::string(WriteTranslationFolder(**base, {{kWide, {1}, one}}, out.path()).message()),
      HasSubstr("is no tensor of the model"));
  EXPECT_TRUE(std::filesystem::is_empty(out.path()));
}

TEST_F(TranslationFolderTest, RefusesAnExportWhoseFilesDisagree) {
  const auto base = Open();
  ASSERT_TRUE(base.ok()) << base.status();
  const TempFolder out;
  Export(**base, 0, out.path());
  TranslationConfig other = kTinyTranslation;
  other.feed_forward_size = 6;
  out.Write("config.json", ToJson(other));
  EXPECT_THAT(ErrorOf(out), HasSubstr("model.safetensors: model.decoder.layers.0.fc1.bias is [16] "
                                      "instead of [6]"));
}

TEST_F(TranslationFolderTest, RefusesAnExportWithAnotherMarianFile) {
  const auto base = Open();
  ASSERT_TRUE(base.ok()) << base.status();
  const TempFolder out;
  Export(**base, 0, out.path());
  tensors_.pop_back();
  WriteTinyMarian(out.Path(kTinyMarian), tensors_);
  EXPECT_THAT(ErrorOf(out), HasSubstr("1 tensors are missing: decoder_ff_logit_out_b"));
}

TEST_F(TranslationFolderTest, NamesAnArchitectureOfTransformersFirst) {
  folder_.Write("config.json", R"({"model_type": "marian", "d_model": 512})");
  folder_.Write("target.spm", "");
  EXPECT_FALSE(HoldsTranslationModel(folder_.path()));
  EXPECT_THAT(ErrorOf(folder_), HasSubstr("model_type \"marian\" is not supported"));
}

}  // namespace
}  // namespace attune
