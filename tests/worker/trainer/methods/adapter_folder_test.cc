// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/methods/adapter_folder.h"

#include "ATen/ATen.h"
#include "base/errors.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/worker/trainer/testing/tiny_job.h"
#include "worker/trainer/methods/lora.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TinyJob;

class AdapterFolder : public ::testing::Test {
 protected:
  AdapterFolder() : folder_(job_.OpenBase()), model_(*TextClassifier::Load(*folder_, 3, 9)) {
    spec_ = job_.spec;
    spec_.method = "lora";
    spec_.lora = {.rank = 3, .alpha = 5, .target_modules = {"query", "output.dense"}};
    spec_.lora.rslora = true;
    EXPECT_TRUE(PosixFileSystem().MakeDirs(dir()).ok());
  }
  // Writes the adapters of the spec, with a B that is not zero.
  void Write() {
    ASSERT_TRUE(AddAdapters(spec_.lora, 1, *model_).ok());
    at::manual_seed(3);
    for (Parameter* p : model_->trained_parameters()) p->value.normal_(0, 0.3);
    ASSERT_TRUE(WriteAdapterFolder(spec_, *model_, dir()).ok());
  }
  nlohmann::json Config() const {
    return nlohmann::json::parse(*PosixFileSystem().ReadFile(ConfigPath()));
  }
  std::string Refusal() const {
    const auto loaded = LoadWithAdapter(*folder_, dir());
    EXPECT_FALSE(loaded.ok());
    return std::string(loaded.status().message());
  }
  std::string dir() const { return job_.Path("adapter"); }
  std::string ConfigPath() const { return JoinPath(dir(), "adapter_config.json"); }

  TinyJob job_;
  TrainerSpec spec_;
  std::unique_ptr<ModelFolder> folder_;
  std::unique_ptr<TextClassifier> model_;
};

TEST_F(AdapterFolder, ReadsBackAsItWasWritten) {
  Write();
  const auto loaded = LoadWithAdapter(*folder_, dir());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  PackedBatch batch;
  batch.Add({5, 6, 7}, {0, 0, 1});
  EXPECT_TRUE(
      at::equal(model_->Forward(batch, {}, nullptr), (*loaded)->Forward(batch, {}, nullptr)));
}

TEST_F(AdapterFolder, ConfigSaysWhatPeftNeeds) {
  Write();
  const nlohmann::json config = Config();
  EXPECT_EQ(config["peft_type"], "LORA");
  EXPECT_EQ(config["task_type"], "SEQ_CLS");
  EXPECT_EQ(config["r"], 3);
  EXPECT_EQ(config["lora_alpha"], 5);
  EXPECT_EQ(config["use_rslora"], true);
  EXPECT_EQ(config["base_model_name_or_path"], "models/tiny");
  EXPECT_THAT(config["target_modules"], ElementsAre("query", "output.dense"));
  // The base has no pooler, so a new one was trained.
  EXPECT_THAT(config["modules_to_save"], ElementsAre("classifier", "score", "pooler"));
}

TEST_F(AdapterFolder, WritesOutWhatAllLinearMeans) {
  spec_.lora.target_modules = {"all-linear"};
  Write();
  EXPECT_EQ(Config()["target_modules"].size(), 12);  // six in each of two layers
  EXPECT_EQ(Config()["target_modules"][0], "bert.encoder.layer.0.attention.self.query");
  EXPECT_TRUE(LoadWithAdapter(*folder_, dir()).ok());
}

TEST_F(AdapterFolder, IsRefusedWithoutItsParts) {
  Write();
  nlohmann::json config = Config();
  config.erase("r");
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(ConfigPath(), config.dump()).ok());
  EXPECT_THAT(Refusal(), HasSubstr("'r'"));
  config["r"] = 4;  // the tensors are of rank 3
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(ConfigPath(), config.dump()).ok());
  EXPECT_THAT(Refusal(), HasSubstr("lora_A.weight"));
  ASSERT_TRUE(PosixFileSystem().Remove(JoinPath(dir(), "adapter_model.safetensors")).ok());
  EXPECT_FALSE(LoadWithAdapter(*folder_, dir()).ok());
}

}  // namespace
}  // namespace attune
