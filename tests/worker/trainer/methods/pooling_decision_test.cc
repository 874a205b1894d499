// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/methods/pooling_decision.h"

#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_job.h"
#include "worker/trainer/checkpoints/training_state.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class Decision : public ::testing::Test {
 protected:
  Decision() { job_.spec.method = "head"; }
  // A checkpoint of a job whose head sat there.
  void ResumeFrom(const std::string& pooling) {
    TrainerSpec began = job_.spec;
    began.pooling = pooling;
    TrainingState state;
    state.fingerprint = FingerprintOf(began, 45, 450);
    job_.spec.resume_dir = job_.Path("resume");
    ASSERT_TRUE(PosixFileSystem().MakeDirs(job_.spec.resume_dir).ok());
    ASSERT_TRUE(
        PosixFileSystem()
            .WriteFileAtomically(JoinPath(job_.spec.resume_dir, "state.json"), ToJson(state))
            .ok());
  }
  Pooling Decide() {
    const auto pooling = DecidePooling(job_.spec, PosixFileSystem(), events_);
    EXPECT_TRUE(pooling.ok()) << pooling.status();
    return pooling.value_or(Pooling::kFirstToken);
  }

  testing::TinyJob job_;
  testing::RecordingSink events_;
};

TEST_F(Decision, SaysNothingOfAPlainBase) {
  EXPECT_EQ(Decide(), Pooling::kFirstToken);
  EXPECT_TRUE(events_.All<NoticeFrame>().empty());
}

TEST_F(Decision, GoesByTheBaseAndTellsIt) {
  job_.MakeSentenceTransformer("pooling_mode_mean_tokens");
  EXPECT_EQ(Decide(), Pooling::kMean);
  const auto notices = events_.All<NoticeFrame>();
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].severity, "INFO");
  EXPECT_THAT(notices[0].message, HasSubstr("mean of all tokens"));
}

TEST_F(Decision, WarnsWhereNoHeadSitsOnWhatTheBaseWasTrainedFor) {
  job_.MakeSentenceTransformer("pooling_mode_max_tokens");
  EXPECT_EQ(Decide(), Pooling::kFirstToken);
  ASSERT_EQ(events_.All<NoticeFrame>().size(), 1);
  EXPECT_EQ(events_.All<NoticeFrame>()[0].severity, "WARNING");
}

TEST_F(Decision, GoesOnAsTheJobBegan) {
  job_.MakeSentenceTransformer("pooling_mode_mean_tokens");
  ResumeFrom("first_token");
  EXPECT_EQ(Decide(), Pooling::kFirstToken);
  EXPECT_THAT(events_.All<NoticeFrame>()[0].message, HasSubstr("as when the job began"));
  ResumeFrom("mean");
  EXPECT_EQ(Decide(), Pooling::kMean);
}

TEST_F(Decision, LeavesAnotherChoiceOfTheJobToBeRefused) {
  ResumeFrom("first_token");
  job_.spec.pooling = "mean";
  EXPECT_EQ(Decide(), Pooling::kMean);
}

}  // namespace
}  // namespace attune
