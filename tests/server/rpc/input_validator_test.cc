// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/input_validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::IsEmpty;

v1::CreateDatasetRequest GoodDataset() {
  v1::CreateDatasetRequest request;
  request.set_dataset_id("reviews");
  v1::FileRef& file = *request.mutable_dataset()->mutable_file();
  file.set_path("train.csv");
  file.set_size_bytes(10);
  file.set_sha256(std::string(64, 'a'));
  FillDefaults(*request.mutable_dataset());
  return request;
}

v1::CreateModelRequest GoodModel() {
  v1::CreateModelRequest request;
  request.set_model_id("base");
  v1::FileRef& file = *request.mutable_model()->add_files();
  file.set_path("1_Pooling/config.json");
  file.set_sha256(std::string(64, 'b'));
  return request;
}

TEST(ValidateDataset, TakesDefaultsFromTheExtension) {
  const v1::CreateDatasetRequest request = GoodDataset();
  EXPECT_THAT(ValidateDataset(request), IsEmpty());
  EXPECT_EQ(request.dataset().format(), v1::Dataset::CSV);
  EXPECT_EQ(request.dataset().columns().text(0), "text");
  EXPECT_EQ(request.dataset().columns().label(), "label");
}

TEST(ValidateDataset, ListsEveryViolationAtOnce) {
  v1::CreateDatasetRequest request;
  request.set_dataset_id("Bad Id");
  const auto violations = ValidateDataset(request);
  for (const char* field :
       {"dataset_id", "dataset.file", "dataset.format", "dataset.columns.text"}) {
    EXPECT_THAT(violations, Contains(Field(&FieldViolation::field, field)));
  }
}

TEST(ValidateDataset, RefusesTheLabelAsText) {
  v1::CreateDatasetRequest request = GoodDataset();
  request.mutable_dataset()->mutable_columns()->set_label("text");
  EXPECT_THAT(ValidateDataset(request), Contains(Field(&FieldViolation::field, "dataset.columns")));
}

TEST(ValidateModel, RefusesPathsThatLeaveTheFolder) {
  EXPECT_THAT(ValidateModel(GoodModel()), IsEmpty());
  for (const char* path : {"../x", "/etc/passwd", "a//b", "a/./b", "", "a\\b", "a\nb"}) {
    v1::CreateModelRequest request = GoodModel();
    request.mutable_model()->mutable_files(0)->set_path(path);
    EXPECT_THAT(ValidateModel(request),
                Contains(Field(&FieldViolation::field, "model.files[0].path")))
        << path;
  }
}

TEST(ValidateModel, RefusesAPathTwiceAndABadDigest) {
  v1::CreateModelRequest request = GoodModel();
  *request.mutable_model()->add_files() = request.model().files(0);
  request.mutable_model()->mutable_files(1)->set_sha256("../../etc/passwd");
  const auto violations = ValidateModel(request);
  EXPECT_THAT(violations, Contains(Field(&FieldViolation::field, "model.files[1].path")));
  EXPECT_THAT(violations, Contains(Field(&FieldViolation::field, "model.files[1].sha256")));
}

}  // namespace
}  // namespace attune
