// SPDX-License-Identifier: Apache-2.0
#include "server/inspection/inspection.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "nlohmann/json.hpp"
#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kGood[] = R"({"ok": true, "rows": 3, "labels": [{"label": "a"}]})";
constexpr char kBad[] =
    R"({"ok": false, "error_count": 1, "errors": [{"line": 2, "message": "no label"}]})";

// Answers when told to.
class FakeInspector final : public Inspector {
 public:
  void Run(std::string request_json,
           absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) override {
    requests.push_back(Json::parse(request_json));
    waiting.push_back(std::move(done));
  }
  void Answer(absl::StatusOr<std::string> report) {
    ASSERT_FALSE(waiting.empty());
    auto done = std::move(waiting.front());
    waiting.pop_front();
    done(std::move(report));
  }

  std::vector<Json> requests;
  std::deque<absl::AnyInvocable<void(absl::StatusOr<std::string>)>> waiting;
};

class InspectionTest : public testing::Test {
 protected:
  InspectionTest()
      : disk_(fixture_.loop().NewExecutor("disk")), lane_(fixture_.loop().NewExecutor("lane")) {
    EXPECT_EQ(fixture_.Open(), absl::OkStatus());
    blobs_.emplace(BlobStore::Options{"/data/blobs", 0}, fixture_.store(), fixture_.files(), disk_);
    EXPECT_EQ(blobs_->Init(), absl::OkStatus());
    Upload("config");
  }
  ~InspectionTest() override { fixture_.loop().Kill(lane_); }

  void Start() {
    inspection_.emplace(
        fixture_.store(), *blobs_, fixture_.files(), inspector_, lane_, "/data/work",
        [this](Transaction& transaction, std::string_view key, const CheckRecord& check) {
          applied_.push_back(std::string(key) + (check.ok ? " ok" : " " + check.message));
          if (!check.report_json.empty()) {
            ATTUNE_RETURN_IF_ERROR(PutCheck(transaction, key, check));
          }
          ATTUNE_ASSIGN_OR_RETURN(const auto ids, ListValidatingByCheckKey(transaction, key));
          for (const std::string& id : ids) {
            ATTUNE_ASSIGN_OR_RETURN(JobRecord record, GetJob(transaction, id));
            record.job.set_state(check.ok ? v1::Job::QUEUED : v1::Job::FAILED);
            ATTUNE_RETURN_IF_ERROR(PutJob(transaction, record));
            transaction.Touch(TopicKind::kQueue, id);
          }
          return absl::OkStatus();
        });
    inspection_->Start();
    fixture_.loop().RunUntilIdle();
  }
  void Upload(const std::string& data) {
    auto upload = blobs_->StartUpload(Sha256::Hex(data), static_cast<int64_t>(data.size()), 0);
    ASSERT_EQ((*upload)->Append(data), absl::OkStatus());
    (*upload)->Finish([](absl::Status status) { EXPECT_EQ(status, absl::OkStatus()); });
    fixture_.loop().RunUntilIdle();
  }
  void AddDataset(const std::string& id) {
    v1::Dataset dataset;
    dataset.set_name("datasets/" + id);
    dataset.set_state(v1::Dataset::CHECKING);
    dataset.set_format(v1::Dataset::CSV);
    dataset.mutable_file()->set_sha256(Sha256::Hex(id));
    ASSERT_EQ(fixture_.Write([&](Transaction& t) { return InsertDataset(t, dataset); }),
              absl::OkStatus());
  }
  void AddModel(const std::string& id) {
    v1::Model model;
    model.set_name("models/" + id);
    model.set_state(v1::Model::CHECKING);
    v1::FileRef& file = *model.add_files();
    file.set_path("config.json");
    file.set_sha256(Sha256::Hex("config"));
    file.set_size_bytes(6);
    ASSERT_EQ(fixture_.Write([&](Transaction& t) { return InsertModel(t, model); }),
              absl::OkStatus());
  }
  void AddJob(const std::string& id) {
    ASSERT_EQ(fixture_.Write([&](Transaction& transaction) {
      JobRecord record = JobNamed(id);
      record.job.set_state(v1::Job::VALIDATING);
      v1::FineTune& tune = *record.job.mutable_spec()->mutable_fine_tune();
      tune.set_base_model("models/base");
      tune.set_train_dataset("datasets/train");
      record.check_key = "key";
      transaction.Touch(TopicKind::kQueue, id);
      return InsertJob(transaction, record);
    }),
              absl::OkStatus());
  }
  void Ask() {
    v1::JobSpec spec;
    spec.mutable_fine_tune()->set_base_model("models/base");
    spec.mutable_fine_tune()->set_train_dataset("datasets/train");
    inspection_->CheckJob(spec, "key", [this](absl::StatusOr<CheckRecord> check) {
      answers_.push_back(std::move(check));
    });
    fixture_.loop().RunUntilIdle();
  }
  void Answer(absl::StatusOr<std::string> report) {
    inspector_.Answer(std::move(report));
    fixture_.loop().RunUntilIdle();
  }
  v1::Dataset Dataset(const std::string& id) {
    v1::Dataset dataset;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(dataset, GetDataset(snapshot, id));
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return dataset;
  }
  v1::Model Model(const std::string& id) {
    v1::Model model;
    EXPECT_EQ(fixture_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(model, GetModel(snapshot, id));
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return model;
  }

  StoreFixture fixture_;
  SimExecutor& disk_;
  SimExecutor& lane_;
  std::optional<BlobStore> blobs_;
  FakeInspector inspector_;
  std::vector<std::string> applied_;
  std::vector<absl::StatusOr<CheckRecord>> answers_;
  std::optional<Inspection> inspection_;
};

TEST_F(InspectionTest, ChecksADatasetThatComesIn) {
  Start();
  AddDataset("d");
  ASSERT_EQ(inspector_.requests.size(), 1u);
  EXPECT_EQ(inspector_.requests[0]["kind"], "dataset");
  EXPECT_EQ(inspector_.requests[0]["path"], blobs_->PathOf(Sha256::Hex("d")));
  Answer(kGood);
  EXPECT_EQ(Dataset("d").state(), v1::Dataset::READY);
  EXPECT_EQ(Dataset("d").rows(), 3);
  EXPECT_TRUE(Dataset("d").has_check_time());
}

TEST_F(InspectionTest, KeepsTheReportOfABadDataset) {
  Start();
  AddDataset("d");
  Answer(kBad);
  EXPECT_EQ(Dataset("d").state(), v1::Dataset::INVALID);
  EXPECT_EQ(Dataset("d").error_message(), "line 2: no label");
  EXPECT_EQ(Dataset("d").report_json(), kBad);
}

TEST_F(InspectionTest, ChecksAgainWhatWasOpenAtTheStart) {
  AddDataset("train");
  AddModel("base");
  AddJob("j");
  Start();
  ASSERT_EQ(inspector_.requests.size(), 1u);
  Answer(kGood);
  ASSERT_EQ(inspector_.requests.size(), 2u);
  Answer(kGood);
  ASSERT_EQ(inspector_.requests.size(), 3u);
  EXPECT_EQ(inspector_.requests[2]["kind"], "job");
}

TEST_F(InspectionTest, RunsOneAtATime) {
  Start();
  AddDataset("a");
  AddDataset("b");
  EXPECT_EQ(inspector_.waiting.size(), 1u);
  Answer(kGood);
  EXPECT_EQ(inspector_.waiting.size(), 1u);
  Answer(kBad);
  EXPECT_EQ(Dataset("a").state(), v1::Dataset::READY);
  EXPECT_EQ(Dataset("b").state(), v1::Dataset::INVALID);
}

TEST_F(InspectionTest, GivesAModelAsAFolderAndTakesItAwayAfterwards) {
  Start();
  AddModel("m");
  const std::string dir = inspector_.requests.at(0)["dir"];
  EXPECT_EQ(*fixture_.files().ReadFile(dir + "/config.json"), "config");
  Answer(R"({"ok": true, "model_type": "bert"})");
  EXPECT_EQ(Model("m").state(), v1::Model::READY);
  EXPECT_EQ(Model("m").model_type(), "bert");
  EXPECT_FALSE(fixture_.files().Exists(dir));
}

TEST_F(InspectionTest, TriesACrashOnceMore) {
  Start();
  AddDataset("d");
  Answer(absl::InternalError("signal 11"));
  EXPECT_EQ(Dataset("d").state(), v1::Dataset::CHECKING);
  Answer(kGood);
  EXPECT_EQ(Dataset("d").state(), v1::Dataset::READY);
}

TEST_F(InspectionTest, TwoCrashesAreInspectionFailed) {
  Start();
  AddDataset("d");
  AddModel("m");
  Answer(absl::InternalError("signal 11"));
  Answer("no report");
  EXPECT_EQ(Dataset("d").state(), v1::Dataset::INVALID);
  EXPECT_THAT(Dataset("d").error_message(), HasSubstr("INSPECTION_FAILED"));
  Answer(absl::DeadlineExceededError("too long"));
  Answer(absl::DeadlineExceededError("too long"));
  EXPECT_EQ(Model("m").state(), v1::Model::INVALID);
  EXPECT_THAT(Model("m").error_message(), HasSubstr("too long"));
}

TEST_F(InspectionTest, ChecksAJobOnceItsInputsAreReady) {
  Start();
  AddDataset("train");
  AddModel("base");
  AddJob("j");
  Answer(kGood);
  EXPECT_EQ(inspector_.requests.back()["kind"], "model");
  Answer(kGood);
  ASSERT_EQ(inspector_.requests.back()["kind"], "job");
  EXPECT_EQ(inspector_.requests.back()["labels"], Json({"a"}));
  EXPECT_TRUE(inspector_.requests.back()["eval"].is_null());
  Answer(kGood);
  EXPECT_THAT(applied_, ElementsAre("key ok"));
}

TEST_F(InspectionTest, AJobOfAnInvalidInputIsBadWithoutAnInspection) {
  Start();
  AddDataset("train");
  AddModel("base");
  AddJob("j");
  Answer(kBad);
  Answer(kGood);
  ASSERT_EQ(applied_.size(), 1u);
  EXPECT_THAT(applied_[0], HasSubstr("datasets/train: is INVALID: line 2: no label"));
  EXPECT_THAT(inspector_.waiting, IsEmpty());
}

TEST_F(InspectionTest, OneCheckServesAllJobsWithItsKey) {
  Start();
  AddDataset("train");
  AddModel("base");
  Answer(kGood);
  Answer(kGood);
  AddJob("first");
  AddJob("second");
  Answer(kGood);
  AddJob("third");
  EXPECT_EQ(inspector_.requests.size(), 3u);
  EXPECT_THAT(applied_, ElementsAre("key ok", "key ok"));
}

TEST_F(InspectionTest, AJobWhoseCheckCrashesTwiceIsBadAndNotCached) {
  Start();
  AddDataset("train");
  AddModel("base");
  Answer(kGood);
  Answer(kGood);
  AddJob("j");
  Answer(absl::InternalError("crash"));
  Answer(absl::InternalError("crash"));
  ASSERT_EQ(applied_.size(), 1u);
  EXPECT_THAT(applied_[0], HasSubstr("INSPECTION_FAILED"));
  AddJob("again");
  EXPECT_EQ(inspector_.waiting.size(), 1u);
}

TEST_F(InspectionTest, AJobThatIsOnlyAskedAboutIsCheckedInItsTurn) {
  Start();
  AddModel("base");
  Ask();
  AddDataset("train");  // whose turn comes after the question's
  Answer(kGood);
  Answer(kGood);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(answers_[0].status())) << answers_[0].status();
  Ask();
  Answer(kGood);
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_TRUE(answers_[1]->ok);
  EXPECT_EQ(answers_[1]->report_json, kGood);
  // It was cached: neither the next question nor a job needs an inspection.
  const size_t inspections = inspector_.requests.size();
  Ask();
  AddJob("j");
  EXPECT_EQ(inspector_.requests.size(), inspections);
  EXPECT_EQ(answers_.size(), 3u);
  EXPECT_THAT(applied_, ElementsAre("key ok", "key ok"));
}

TEST_F(InspectionTest, WhoeverAsksIsAnsweredWhenTheServerStops) {
  Start();
  AddDataset("train");
  AddModel("base");
  Answer(kGood);
  Answer(kGood);
  Ask();
  Ask();
  fixture_.loop().Kill(lane_);
  inspection_.reset();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_TRUE(absl::IsUnavailable(answers_[0].status()));
  EXPECT_TRUE(absl::IsUnavailable(answers_[1].status()));
}

TEST_F(InspectionTest, StoresTheResultOnceTheDiskHasSpaceAgain) {
  Start();
  AddDataset("d");
  fixture_.disk().SetCapacity(0);
  Answer(kGood);
  EXPECT_EQ(Dataset("d").state(), v1::Dataset::CHECKING);
  fixture_.disk().SetCapacity(int64_t{1} << 40);
  fixture_.loop().RunFor(absl::Seconds(5));
  Answer(kGood);
  EXPECT_EQ(Dataset("d").state(), v1::Dataset::READY);
}

}  // namespace
}  // namespace attune
