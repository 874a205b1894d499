// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/checkpoints/checkpoint.h"

#include <string>

#include "base/digest.h"
#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune {
namespace {

using testing::Attempt;
using testing::AttemptResult;
using testing::TinyJob;

class Checkpoint : public ::testing::Test {
 protected:
  Checkpoint() : result_(Attempt().Run(job_.spec, *job_.LoadTask())) {
    EXPECT_TRUE(result_.end.ok()) << result_.end.status();
    dir_ = result_.checkpoints.back().dir;
  }

  std::string Read(const std::string& name) { return *files_.ReadFile(JoinPath(dir_, name)); }
  void Write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(files_.WriteFileAtomically(JoinPath(dir_, name), content).ok());
  }
  void ExpectDamaged(const std::string& what) {
    const auto loaded = LoadCheckpoint(files_, dir_);
    EXPECT_EQ(ErrorReasonOf(loaded.status()), "CHECKPOINT_DAMAGED");
    EXPECT_THAT(std::string(loaded.status().message()), ::testing::HasSubstr(what));
  }

  FileSystem& files_ = PosixFileSystem();
  TinyJob job_;
  AttemptResult result_;
  std::string dir_;
};

TEST_F(Checkpoint, LoadsWithItsStateAndBuild) {
  const auto loaded = LoadCheckpoint(files_, dir_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->state.step, 12);
  EXPECT_EQ(loaded->state.epoch, 2);
  EXPECT_EQ(loaded->state.next_index, 0);
  EXPECT_EQ(loaded->build, CurrentBuild());
}

TEST_F(Checkpoint, NamesEveryFileWithItsHash) {
  const CheckpointFrame& frame = result_.checkpoints.back();
  std::vector<std::string> names;
  for (const FileEntry& f : frame.files) names.push_back(f.path);
  EXPECT_THAT(names, ::testing::IsSupersetOf({"manifest.json", "state.json", "metrics.jsonl",
                                              "weights.safetensors", "optimizer.safetensors"}));
  EXPECT_EQ(DigestFile(files_, JoinPath(dir_, "manifest.json"))->sha256, frame.manifest_sha256);
}

TEST_F(Checkpoint, WithAFlippedBitIsDamaged) {
  for (const char* name : {"weights.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::string good = Read(name);
    std::string bad = good;
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    Write(name, bad);
    ExpectDamaged(name);
    Write(name, good);
  }
  EXPECT_TRUE(LoadCheckpoint(files_, dir_).ok());
}

TEST_F(Checkpoint, ThatIsTornIsDamaged) {
  const std::string good = Read("optimizer.safetensors");
  Write("optimizer.safetensors", good.substr(0, good.size() - 100));
  ExpectDamaged("optimizer.safetensors");
}

TEST_F(Checkpoint, WithoutAFileOrManifestIsDamaged) {
  ASSERT_TRUE(files_.Remove(JoinPath(dir_, "metrics.jsonl")).ok());
  ExpectDamaged("metrics.jsonl is missing");
  ASSERT_TRUE(files_.Remove(JoinPath(dir_, "manifest.json")).ok());
  ExpectDamaged("manifest.json");
}

TEST_F(Checkpoint, OfAnotherShapeIsRefused) {
  const auto loaded = LoadCheckpoint(files_, dir_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  job_.spec.labels = {"negative", "neutral", "positive"};
  const auto task = job_.LoadTask();
  const absl::Status status = RestoreParameters(*loaded, task->parameters());
  EXPECT_EQ(ErrorReasonOf(status), "TRAINER_REFUSED");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("classifier.weight"));
}

TEST_F(Checkpoint, OfAnotherVersionIsRefusedAndNotDamaged) {
  std::string manifest = Read("manifest.json");
  const size_t at = manifest.find("\"format\": 1");
  ASSERT_NE(at, std::string::npos);
  Write("manifest.json", manifest.replace(at, 11, "\"format\": 9"));
  EXPECT_EQ(ErrorReasonOf(LoadCheckpoint(files_, dir_).status()), "TRAINER_REFUSED");
}

}  // namespace
}  // namespace attune
