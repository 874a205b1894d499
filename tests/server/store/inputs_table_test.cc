// SPDX-License-Identifier: Apache-2.0
#include "server/store/inputs_table.h"

#include <string>
#include <vector>

#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

using testing::ElementsAre;

class InputsTableTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(fixture_.Open(), absl::OkStatus()); }
  StoreFixture fixture_;
};

v1::Dataset DatasetNamed(const std::string& id) {
  v1::Dataset dataset;
  dataset.set_name("datasets/" + id);
  dataset.set_state(v1::Dataset::CHECKING);
  return dataset;
}

v1::Model ModelNamed(const std::string& id) {
  v1::Model model;
  model.set_name("models/" + id);
  model.set_state(v1::Model::CHECKING);
  return model;
}

TEST_F(InputsTableTest, KeepsADatasetAndItsResult) {
  ASSERT_EQ(fixture_.Write([](Transaction& t) { return InsertDataset(t, DatasetNamed("a")); }),
            absl::OkStatus());
  v1::Dataset ready = DatasetNamed("a");
  ready.set_state(v1::Dataset::READY);
  ready.set_rows(5);
  ASSERT_EQ(fixture_.Write([&](Transaction& t) { return PutDataset(t, ready); }), absl::OkStatus());
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const v1::Dataset read, GetDataset(snapshot, "a"));
    EXPECT_EQ(read.rows(), 5);
    EXPECT_TRUE(absl::IsNotFound(GetDataset(snapshot, "b").status()));
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(InputsTableTest, RefusesATakenNameAndAnUnknownOne) {
  auto insert = [](Transaction& t) { return InsertModel(t, ModelNamed("a")); };
  ASSERT_EQ(fixture_.Write(insert), absl::OkStatus());
  EXPECT_TRUE(absl::IsAlreadyExists(fixture_.Write(insert)));
  EXPECT_TRUE(absl::IsNotFound(
      fixture_.Write([](Transaction& t) { return PutModel(t, ModelNamed("b")); })));
}

TEST_F(InputsTableTest, ListsNewestFirstByPages) {
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_EQ(fixture_.Write([&](Transaction& t) { return InsertModel(t, ModelNamed(id)); }),
              absl::OkStatus());
  }
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const auto first, ListModels(snapshot, std::nullopt, 2));
    EXPECT_EQ(first.size(), 2u);
    EXPECT_EQ(first[0].value.name(), "models/c");
    EXPECT_EQ(first[1].value.name(), "models/b");
    ATTUNE_ASSIGN_OR_RETURN(const auto second, ListModels(snapshot, first[1].number, 2));
    EXPECT_EQ(second.size(), 1u);
    EXPECT_EQ(second[0].value.name(), "models/a");
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(InputsTableTest, ListsWhatIsBeingChecked) {
  for (const char* id : {"a", "b"}) {
    ASSERT_EQ(fixture_.Write([&](Transaction& t) -> absl::Status {
      ATTUNE_RETURN_IF_ERROR(InsertDataset(t, DatasetNamed(id)));
      return InsertModel(t, ModelNamed(id));
    }),
              absl::OkStatus());
  }
  ASSERT_EQ(fixture_.Write([](Transaction& t) -> absl::Status {
    v1::Dataset dataset = DatasetNamed("a");
    dataset.set_state(v1::Dataset::INVALID);
    ATTUNE_RETURN_IF_ERROR(PutDataset(t, dataset));
    v1::Model model = ModelNamed("b");
    model.set_state(v1::Model::READY);
    return PutModel(t, model);
  }),
            absl::OkStatus());
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) {
    EXPECT_THAT(*ListCheckingDatasets(snapshot), ElementsAre("b"));
    EXPECT_THAT(*ListCheckingModels(snapshot), ElementsAre("a"));
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(InputsTableTest, EveryChangeTouchesItsTopic) {
  std::vector<std::string> topics;
  auto note = [&](const Topic& topic) { topics.push_back(topic.key); };
  auto datasets = fixture_.store().changes().SubscribeAll(TopicKind::kDataset, note);
  auto models = fixture_.store().changes().SubscribeAll(TopicKind::kModel, note);
  ASSERT_EQ(fixture_.Write([](Transaction& t) { return InsertDataset(t, DatasetNamed("d")); }),
            absl::OkStatus());
  ASSERT_EQ(fixture_.Write([](Transaction& t) { return InsertModel(t, ModelNamed("m")); }),
            absl::OkStatus());
  ASSERT_EQ(fixture_.Write([](Transaction& t) { return PutModel(t, ModelNamed("m")); }),
            absl::OkStatus());
  EXPECT_THAT(topics, ElementsAre("d", "m", "m"));
}

TEST_F(InputsTableTest, CachesTheNewestResultOfACheck) {
  auto put = [this](const CheckRecord& record) {
    ASSERT_EQ(fixture_.Write([&](Transaction& t) { return PutCheck(t, "key", record); }),
              absl::OkStatus());
  };
  put({false, "{}", "bad"});
  put({true, "{\"ok\":true}", "", 1 << 30});
  ASSERT_EQ(fixture_.Read([](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const auto found, FindCheck(snapshot, "key"));
    EXPECT_TRUE(found && found->ok);
    EXPECT_EQ(found->report_json, "{\"ok\":true}");
    EXPECT_EQ(found->estimated_memory_bytes, 1 << 30);
    ATTUNE_ASSIGN_OR_RETURN(const auto none, FindCheck(snapshot, "other"));
    EXPECT_FALSE(none.has_value());
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

}  // namespace
}  // namespace attune
