// SPDX-License-Identifier: Apache-2.0
#include "client/request_journal.h"

#include <gtest/gtest.h>

#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

class RequestJournalTest : public ::testing::Test {
 protected:
  // As a process would: the pending request is all it keeps.
  RequestJournal::Pending Begin(const std::string& train = "datasets/a",
                                const std::string& server = "127.0.0.1:1") {
    v1::CreateJobRequest request;
    request.mutable_job()->mutable_spec()->mutable_fine_tune()->set_train_dataset(train);
    (*request.mutable_job()->mutable_labels())["team"] = "nlp";
    (*request.mutable_job()->mutable_labels())["stage"] = "dev";
    RequestJournal journal(folder_.Path("state/requests"), PosixFileSystem(), rng_);
    auto pending = journal.Begin(server, request);
    EXPECT_TRUE(pending.ok()) << pending.status();
    return *std::move(pending);
  }

  Folder folder_;
  SeededRng rng_{1};
};

TEST_F(RequestJournalTest, ReusesTheIdOfARequestThatGotNoAnswer) {
  std::string first;
  { first = Begin().request_id(); }
  const auto again = Begin();
  EXPECT_EQ(again.request_id(), first);
  EXPECT_TRUE(again.repeated());
}

TEST_F(RequestJournalTest, ForgetsAnAnsweredRequest) {
  auto first = Begin();
  first.Answered();
  const auto next = Begin();
  EXPECT_NE(next.request_id(), first.request_id());
  EXPECT_FALSE(next.repeated());
}

TEST_F(RequestJournalTest, KeepsOtherBodiesAndOtherServersApart) {
  const std::string first = Begin().request_id();
  EXPECT_NE(Begin("datasets/b").request_id(), first);
  EXPECT_NE(Begin("datasets/a", "127.0.0.1:2").request_id(), first);
  EXPECT_EQ(Begin().request_id(), first);
}

TEST_F(RequestJournalTest, GivesTwoCommandsAtTheSameTimeTwoJobs) {
  const auto first = Begin();
  const auto second = Begin();
  EXPECT_NE(first.request_id(), second.request_id());
  EXPECT_FALSE(second.repeated());
}

TEST_F(RequestJournalTest, LeavesNothingBehindOnceAnswered) {
  Begin().Answered();
  EXPECT_TRUE(std::filesystem::is_empty(folder_.Path("state/requests")));
}

TEST_F(RequestJournalTest, IgnoresAnIdThatIsDamaged) {
  const std::string first = Begin().request_id();
  for (const auto& entry : std::filesystem::directory_iterator(folder_.Path("state/requests"))) {
    if (entry.file_size() == first.size()) std::filesystem::resize_file(entry.path(), 10);
  }
  const auto next = Begin();
  EXPECT_NE(next.request_id(), first);
  EXPECT_EQ(next.request_id().size(), 36u);
}

}  // namespace
}  // namespace attune
