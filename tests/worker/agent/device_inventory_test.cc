// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/device_inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune {
namespace {

using ::testing::ElementsAre;

TEST(DetectMachine, FindsAtLeastOneCoreAndSomeMemory) {
  const auto machine = DetectMachine();
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_FALSE(machine->cpus.empty());
  EXPECT_GT(machine->memory_bytes, 64 << 20);
  EXPECT_EQ(machine->boot_id.size(), 36u);
}

TEST(SplitIntoSlots, GivesEachSlotItsOwnCores) {
  const Machine machine{.cpus = {0, 1, 4, 5, 6}};
  const auto slots = SplitIntoSlots(machine, 2, 0);
  ASSERT_TRUE(slots.ok());
  EXPECT_THAT((*slots)[0].cpus, ElementsAre(0, 1));
  EXPECT_THAT((*slots)[1].cpus, ElementsAre(4, 5, 6));
  EXPECT_EQ((*slots)[1].threads, 3);
  EXPECT_TRUE((*slots)[1].alone);
}

TEST(SplitIntoSlots, MoreThreadsThanCoresDoNotSpin) {
  const auto slots = SplitIntoSlots({.cpus = {0, 1}}, 1, 8);
  EXPECT_EQ((*slots)[0].threads, 8);
  EXPECT_FALSE((*slots)[0].alone);
}

TEST(SplitIntoSlots, RefusesMoreSlotsThanCores) {
  const auto slots = SplitIntoSlots({.cpus = {0, 1}}, 3, 0);
  EXPECT_EQ(slots.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(slots.status().message()), ::testing::HasSubstr("1 to 2"));
  EXPECT_FALSE(SplitIntoSlots({.cpus = {0}}, 0, 0).ok());
}

TEST(AskTrainer, ReadsWhatTheTrainerOffers) {
  const auto spawner = MakePosixSpawner();
  const auto inventory = AskTrainer(*spawner, ATTUNE_BIN_DIR "/fake_trainer");
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  EXPECT_EQ(inventory->torch_version, "fake");
  EXPECT_THAT(inventory->model_families, ElementsAre("bert"));
  EXPECT_THAT(inventory->tasks, ElementsAre("text_classification"));
}

TEST(AskTrainer, SaysWhatToDoWhenThereIsNoUsableTrainer) {
  const auto spawner = MakePosixSpawner();
  for (const char* path : {"/nonexistent/attune-trainer", "/bin/true"}) {
    const auto inventory = AskTrainer(*spawner, path);
    EXPECT_EQ(inventory.status().code(), absl::StatusCode::kFailedPrecondition) << path;
    EXPECT_THAT(std::string(inventory.status().message()), ::testing::HasSubstr("--trainer PATH"));
  }
}

TEST(ParseTrainerInventory, IgnoresKeysOfALaterTrainerAndRefusesOtherShapes) {
  const auto later = ParseTrainerInventory(R"({"torch_version":"9","tasks":["a",1],"new":{}})");
  ASSERT_TRUE(later.ok());
  EXPECT_THAT(later->tasks, ElementsAre("a"));
  EXPECT_FALSE(ParseTrainerInventory("[]").ok());
  EXPECT_FALSE(ParseTrainerInventory("").ok());
}

TEST(MakeInventory, SplitsMemoryEvenly) {
  const Machine machine{.cpus = {0, 1}, .memory_bytes = 8000};
  const auto inventory = MakeInventory(machine, {}, *SplitIntoSlots(machine, 2, 0));
  EXPECT_EQ(inventory.slots(), 2);
  EXPECT_EQ(inventory.threads_per_slot(), 1);
  EXPECT_EQ(inventory.memory_per_slot_bytes(), 4000);
}

}  // namespace
}  // namespace attune
