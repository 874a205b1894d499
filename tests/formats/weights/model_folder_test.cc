// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/model_folder.h"
#include "formats/weights/sentence_modules.h"

#include <sys/stat.h>
#include <unistd.h>

#include <limits>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/formats/temp_folder.h"
#include "tests/formats/tiny_model.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ModelFolderTest : public ::testing::Test {
 protected:
  ModelFolderTest() { WriteTinyModel(folder_); }
  void SetTensors(const std::vector<TinyTensor>& tensors) {
    WriteTensors(folder_.Path("model.safetensors"), tensors);
  }
  std::string Error() {
    const auto model = ModelFolder::Open(folder_.path());
    EXPECT_FALSE(model.ok());
    EXPECT_EQ(ErrorReasonOf(model.status()), "INVALID_MODEL");
    return std::string(model.status().message());
  }
  TempFolder folder_;
  std::vector<TinyTensor> tensors_ = TinyTensors();
};

TEST_F(ModelFolderTest, OpensAWholeModel) {
  const auto model = ModelFolder::Open(folder_.path());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->config().layers, 2);
  EXPECT_EQ((*model)->parameters(), (*model)->config().Parameters());
  EXPECT_THAT((*model)->tokenizer_files(), ElementsAre("vocab.txt"));
  EXPECT_THAT(*(*model)->Shape("encoder.layer.1.output.dense.weight"), ElementsAre(4, 8));
  std::vector<float> bias(4);
  EXPECT_TRUE((*model)->ReadFloats("head.dense.bias", absl::MakeSpan(bias)).ok());
  EXPECT_THAT(bias, ElementsAre(0.25, 0.25, 0.25, 0.25));
  EXPECT_TRUE((*model)->CheckFinite().ok());
  EXPECT_TRUE((*model)->OpenTokenizer().ok());
  EXPECT_FALSE((*model)->Has("head.out.weight"));
}

TEST_F(ModelFolderTest, AcceptsPrefixOldNamesAndPretrainingHeads) {
  for (TinyTensor& tensor : tensors_) {
    tensor.name = "bert." + tensor.name;
    const size_t norm = tensor.name.find("LayerNorm.weight");
    if (norm != std::string::npos) tensor.name.replace(norm, 16, "LayerNorm.gamma");
  }
  tensors_.push_back({"bert.embeddings.position_ids", {1, 16}, std::vector<float>(16)});
  tensors_.push_back({"cls.predictions.bias", {12}, std::vector<float>(12)});
  tensors_.push_back({"classifier.weight", {3, 4}, std::vector<float>(12)});
  tensors_.push_back({"classifier.bias", {3}, std::vector<float>(3)});
  SetTensors(tensors_);
  const auto model = ModelFolder::Open(folder_.path());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE((*model)->Has("embeddings.LayerNorm.weight"));
  EXPECT_THAT(*(*model)->Shape("head.out.weight"), ElementsAre(3, 4));
  EXPECT_FALSE((*model)->Has("cls.predictions.bias"));
}

TEST_F(ModelFolderTest, AcceptsAModelWithoutPoolerButNotHalfOfOne) {
  const TinyTensor bias = tensors_.back();
  tensors_.pop_back();
  SetTensors(tensors_);
  EXPECT_THAT(Error(), HasSubstr("no bert.pooler.dense.bias"));
  tensors_.pop_back();
  SetTensors(tensors_);
  EXPECT_TRUE(ModelFolder::Open(folder_.path()).ok());
}

// The tensors of a model by its family's own names.
std::vector<TinyTensor> OwnTensors(const char* config_json, bool with_prefix) {
  Problems problems;
  const EncoderConfig config = ParseEncoderConfig(config_json, problems);
  const std::string prefix = config.model_type + ".";
  std::vector<TinyTensor> tensors = TinyTensors(config_json);
  for (TinyTensor& tensor : tensors) {
    tensor.name = ExportName(config, tensor.name);
    if (!with_prefix && tensor.name.starts_with(prefix)) tensor.name.erase(0, prefix.size());
  }
  return tensors;
}

TEST_F(ModelFolderTest, ReadsRobertaWithAndWithoutPrefixPoolerAndHead) {
  folder_.Write("config.json", kTinyRoberta);
  for (const bool with_prefix : {true, false}) {
    std::vector<TinyTensor> tensors = OwnTensors(kTinyRoberta, with_prefix);
    tensors.push_back({"lm_head.dense.weight", {4, 4}, std::vector<float>(16)});
    tensors.push_back({"roberta.pooler.dense.weight", {4, 4}, std::vector<float>(16)});
    tensors.push_back({"classifier.out_proj.weight", {3, 4}, std::vector<float>(12)});
    tensors.push_back({"classifier.out_proj.bias", {3}, std::vector<float>(3)});
    SetTensors(tensors);
    const auto model = ModelFolder::Open(folder_.path());
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_TRUE((*model)->Has("head.dense.weight"));
    EXPECT_THAT(*(*model)->Shape("head.out.weight"), ElementsAre(3, 4));
    EXPECT_EQ((*model)->parameters(), (*model)->config().Parameters() + 15);
  }
  std::vector<TinyTensor> bare = OwnTensors(kTinyRoberta, false);
  bare.resize(bare.size() - 2);
  SetTensors(bare);
  const auto model = ModelFolder::Open(folder_.path());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_FALSE((*model)->Has("head.dense.weight"));
}

TEST_F(ModelFolderTest, ReadsDistilBertByCanonicalNames) {
  folder_.Write("config.json", kTinyDistilBert);
  for (const bool with_prefix : {true, false}) {
    std::vector<TinyTensor> tensors = OwnTensors(kTinyDistilBert, with_prefix);
    tensors.push_back({"vocab_transform.weight", {4, 4}, std::vector<float>(16)});
    SetTensors(tensors);
    const auto model = ModelFolder::Open(folder_.path());
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_THAT(*(*model)->Shape("encoder.layer.1.intermediate.dense.weight"), ElementsAre(8, 4));
    EXPECT_FALSE((*model)->Has("embeddings.token_type_embeddings.weight"));
    EXPECT_EQ((*model)->parameters(), (*model)->config().Parameters());
  }
}

TEST_F(ModelFolderTest, RefusesTheTensorsOfAnotherFamily) {
  folder_.Write("config.json", kTinyDistilBert);
  SetTensors(OwnTensors(kTinyConfig, true));
  EXPECT_THAT(Error(), HasSubstr("not part of a distilbert model: bert."));
}

TEST_F(ModelFolderTest, NamesTheOutputsOfItsHead) {
  const auto labels = [this](const std::string& id2label) {
    std::string config = kTinyConfig;
    config.insert(1, id2label);
    folder_.Write("config.json", config);
    const auto model = ModelFolder::Open(folder_.path());
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? (*model)->Labels() : std::vector<std::string>{"?"};
  };
  EXPECT_THAT(labels(R"("id2label":{"0":"a","1":"b"},)"), ElementsAre());  // no head
  tensors_.push_back({"classifier.weight", {2, 4}, std::vector<float>(8)});
  tensors_.push_back({"classifier.bias", {2}, std::vector<float>(2)});
  SetTensors(tensors_);
  EXPECT_THAT(labels(R"("id2label":{"0":"a","1":"b"},)"), ElementsAre("a", "b"));
  EXPECT_THAT(labels(""), ElementsAre("LABEL_0", "LABEL_1"));
  EXPECT_THAT(labels(R"("id2label":{"0":"a","1":"b","2":"c"},)"), ElementsAre());
}

TEST_F(ModelFolderTest, RefusesAHeadThatFitsNoClassifier) {
  tensors_.push_back({"classifier.weight", {2, 3}, std::vector<float>(6)});
  SetTensors(tensors_);
  EXPECT_THAT(Error(), HasSubstr("there is classifier.weight but no classifier.bias"));
  tensors_.push_back({"classifier.bias", {2}, std::vector<float>(2)});
  SetTensors(tensors_);
  EXPECT_THAT(Error(), HasSubstr("has [2, 3] F32 and [2] F32 instead of [labels, 4]"));
}

class SentenceFolderTest : public ModelFolderTest {
 protected:
  static constexpr char kModules[] =
      R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
          {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"}])";
  SentenceFolderTest() {
    folder_.Write("modules.json", kModules);
    std::filesystem::create_directory(folder_.Path("1_Pooling"));
    folder_.Write("1_Pooling/config.json", R"({"pooling_mode_mean_tokens":true})");
  }
  std::string Pooling() {
    const auto model = ModelFolder::Open(folder_.path());
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? (*model)->pooling() : "?";
  }
};

TEST_F(SentenceFolderTest, SaysHowItPools) {
  EXPECT_EQ(Pooling(), "mean");
  std::filesystem::remove_all(folder_.Path("1_Pooling"));
  EXPECT_EQ(Pooling(), "");
  std::filesystem::remove(folder_.Path("modules.json"));
  EXPECT_EQ(Pooling(), "");
}

TEST_F(SentenceFolderTest, MayHaveItsTransformerInAFolderOfItsOwn) {
  std::filesystem::create_directory(folder_.Path("0_Transformer"));
  for (const char* name : {"config.json", "vocab.txt", "model.safetensors"}) {
    std::filesystem::rename(folder_.Path(name), folder_.Path("0_Transformer") + "/" + name);
  }
  std::string modules = kModules;
  modules.replace(modules.find("\"path\":\"\""), 9, R"("path":"0_Transformer")");
  folder_.Write("modules.json", modules);
  const auto model = ModelFolder::Open(folder_.path());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->pooling(), "mean");
  EXPECT_EQ((*model)->dir(), folder_.Path("0_Transformer"));
  EXPECT_THAT((*model)->tokenizer_files(), ElementsAre("vocab.txt"));
  EXPECT_TRUE((*model)->OpenTokenizer().ok());
}

TEST_F(SentenceFolderTest, RefusesModulesThatMakeNoSense) {
  folder_.Write("1_Pooling/config.json", "{}");
  EXPECT_THAT(Error(), HasSubstr("1_Pooling/config.json: no pooling mode is set"));
  folder_.Write("modules.json", R"([{"path":"../x","type":"models.Pooling"}])");
  EXPECT_THAT(Error(), HasSubstr("modules.json: path '../x' of Pooling is not one folder's name"));
}

class SentenceClassifierTest : public SentenceFolderTest {
 protected:
  SentenceClassifierTest() {
    for (const auto& [name, content] : SentenceFiles(4, 2, 16)) {
      std::filesystem::create_directories(std::filesystem::path(folder_.Path(name)).parent_path());
      folder_.Write(name, content);
    }
    WriteTensors(
        folder_.Path("2_Dense/model.safetensors"),
        {{"linear.weight", {2, 4}, std::vector<float>(8, 0.5f)}, {"linear.bias", {2}, {1, 2}}});
    SetLabels(R"({"0":"neg","1":"pos"})");
  }
  void SetLabels(const std::string& labels) {
    std::string config = kTinyConfig;
    config.insert(config.find('{') + 1, R"("id2label":)" + labels + ",");
    folder_.Write("config.json", config);
  }
};

TEST_F(SentenceClassifierTest, HasItsHeadOnTheMean) {
  const auto model = ModelFolder::Open(folder_.path());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->head_pooling(), Pooling::kMean);
  EXPECT_THAT((*model)->Labels(), ElementsAre("neg", "pos"));
  std::vector<float> bias(2);
  ASSERT_TRUE((*model)->ReadFloats("head.out.bias", absl::MakeSpan(bias)).ok());
  EXPECT_THAT(bias, ElementsAre(1, 2));
}

TEST_F(SentenceClassifierTest, IsNoClassifierWithoutANameForEachOutput) {
  SetLabels(R"({"0":"a","1":"b","2":"c"})");
  const auto model = ModelFolder::Open(folder_.path());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_FALSE((*model)->Has("head.out.weight"));
  EXPECT_EQ((*model)->head_pooling(), Pooling::kFirstToken);
}

TEST_F(SentenceClassifierTest, RefusesAHeadThatIsDamagedOrAnother) {
  WriteTensors(folder_.Path("2_Dense/model.safetensors"),
               {{"linear.weight", {2, 4}, std::vector<float>(8)},
                {"linear.bias", {2}, {1, 2}},
                {"residual.weight", {2, 4}, std::vector<float>(8)}});
  EXPECT_THAT(Error(), HasSubstr("not part of a bert model: residual.weight"));
  folder_.Write("2_Dense/model.safetensors", "x");
  EXPECT_THAT(Error(), HasSubstr("2_Dense/model.safetensors"));
  std::filesystem::remove(folder_.Path("2_Dense/model.safetensors"));
  EXPECT_THAT(Error(), HasSubstr("model.safetensors"));
}

TEST_F(ModelFolderTest, ListsTensorsThatAreMissingExtraAndMisshaped) {
  tensors_[1].shape = {4, 16};
  tensors_[3].name = "embeddings.Norm";
  SetTensors(tensors_);
  const std::string error = Error();
  EXPECT_THAT(error, HasSubstr("1 tensors are missing: embeddings.LayerNorm.weight"));
  EXPECT_THAT(error, HasSubstr("position_embeddings.weight [4, 16] instead of [16, 4]"));
  EXPECT_THAT(error, HasSubstr("not part of a bert model: embeddings.Norm"));
}

TEST_F(ModelFolderTest, ListsTwentyAtMost) {
  SetTensors({tensors_[0]});
  EXPECT_THAT(Error(), HasSubstr("36 tensors are missing"));
  EXPECT_THAT(Error(), HasSubstr("and 16 more"));
}

TEST_F(ModelFolderTest, RefusesTheSameTensorUnderTwoNames) {
  tensors_.push_back(tensors_[0]);
  tensors_.back().name = "bert." + tensors_[0].name;
  SetTensors(tensors_);
  EXPECT_THAT(Error(), HasSubstr("two tensors stand for 'embeddings.word_embeddings.weight'"));
}

TEST_F(ModelFolderTest, NamesTheTensorThatIsNotFinite) {
  tensors_[4].values[2] = std::numeric_limits<float>::infinity();
  SetTensors(tensors_);
  const auto model = ModelFolder::Open(folder_.path());
  ASSERT_TRUE(model.ok());
  EXPECT_THAT(std::string((*model)->CheckFinite().message()),
              HasSubstr("'embeddings.LayerNorm.bias' holds inf at element 2"));
}

TEST_F(ModelFolderTest, RefusesATokenizerThatDoesNotFit) {
  folder_.Write("vocab.txt", std::string(kTinyVocab) + "one\n");
  const auto model = ModelFolder::Open(folder_.path());
  ASSERT_TRUE(model.ok());
  EXPECT_THAT(std::string((*model)->OpenTokenizer().status().message()),
              HasSubstr("ids up to 12, but the embedding has 12 rows"));
}

TEST_F(ModelFolderTest, RefusesPickledWeightsWithARemedy) {
  std::filesystem::rename(folder_.Path("model.safetensors"), folder_.Path("pytorch_model.bin"));
  EXPECT_THAT(Error(), HasSubstr("pytorch_model.bin: pickled weights can run code"));
  EXPECT_THAT(Error(), HasSubstr("safe_serialization=True"));
  std::filesystem::remove(folder_.Path("pytorch_model.bin"));
  EXPECT_THAT(Error(), HasSubstr("the folder has no model.safetensors"));
}

TEST_F(ModelFolderTest, RefusesLinksAndPipes) {
  ASSERT_EQ(symlink("/etc/passwd", folder_.Path("merges.txt").c_str()), 0);
  EXPECT_THAT(Error(), HasSubstr("merges.txt: a link, pipe, socket or device"));
  std::filesystem::remove(folder_.Path("merges.txt"));
  ASSERT_EQ(mkfifo(folder_.Path("p").c_str(), 0600), 0);
  EXPECT_THAT(Error(), HasSubstr("p: a link, pipe, socket or device"));
}

TEST_F(ModelFolderTest, RefusesAConfigThatIsTooLargeOrAbsent) {
  folder_.Write("config.json", std::string(2 << 20, ' '));
  EXPECT_THAT(Error(), HasSubstr("at most 1048576 are read"));
  std::filesystem::remove(folder_.Path("config.json"));
  EXPECT_THAT(Error(), HasSubstr("config.json"));
}

class ShardedFolderTest : public ModelFolderTest {
 protected:
  ShardedFolderTest() {
    std::filesystem::remove(folder_.Path("model.safetensors"));
    WriteTensors(folder_.Path("a.safetensors"), {tensors_.begin(), tensors_.begin() + 5});
    WriteTensors(folder_.Path("b.safetensors"), {tensors_.begin() + 5, tensors_.end()});
  }
  // Index of all tensors, `changed` put into another shard.
  void WriteIndex(const std::string& changed = "", const std::string& shard = "") {
    std::string map;
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const std::string& name = tensors_[i].name;
      map += (i == 0 ? "\"" : ",\"") + name + "\":\"" +
             (name == changed ? shard
              : i < 5         ? "a.safetensors"
                              : "b.safetensors") +
             "\"";
    }
    folder_.Write("model.safetensors.index.json", "{\"weight_map\":{" + map + "}}");
  }
};

TEST_F(ShardedFolderTest, ReadsAllShards) {
  WriteIndex();
  const auto model = ModelFolder::Open(folder_.path());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE((*model)->CheckFinite().ok());
}

TEST_F(ShardedFolderTest, RefusesShardsThatAreElsewhereOrWrong) {
  WriteIndex(tensors_[0].name, "../../etc/passwd");
  EXPECT_THAT(Error(), HasSubstr("'../../etc/passwd' is no plain file name"));
  WriteIndex(tensors_[0].name, "absent.safetensors");
  EXPECT_THAT(Error(), HasSubstr("absent.safetensors"));
  WriteIndex(tensors_[0].name, "b.safetensors");
  EXPECT_THAT(Error(), HasSubstr("in another shard than it says: " + tensors_[0].name));
}

TEST_F(ShardedFolderTest, RefusesAnIndexThatIsNotComplete) {
  WriteIndex();
  WriteTensors(folder_.Path("a.safetensors"), {tensors_.begin() + 1, tensors_.begin() + 5});
  EXPECT_THAT(Error(), HasSubstr("1 of its tensors are in no shard"));
  folder_.Write("model.safetensors.index.json", "{}");
  EXPECT_THAT(Error(), HasSubstr("no object weight_map"));
}

}  // namespace
}  // namespace attune
