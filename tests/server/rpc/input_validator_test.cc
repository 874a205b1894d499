// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/input_validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace attune {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
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

TEST(ValidateDataset, RowsToPredictNeedNoLabelColumn) {
  v1::CreateDatasetRequest request = GoodDataset();
  request.mutable_dataset()->mutable_columns()->set_text(0, "label");
  request.mutable_dataset()->mutable_columns()->set_label_kind(v1::LABEL_KIND_NONE);
  EXPECT_THAT(ValidateDataset(request), IsEmpty());
}

TEST(ValidateDataset, RefusesLabelsThatMakeNoSense) {
  const auto after = [](const std::function<void(v1::TextColumns&)>& change) {
    v1::CreateDatasetRequest request = GoodDataset();
    change(*request.mutable_dataset()->mutable_columns());
    return ValidateDataset(request);
  };
  const auto with_separator = [&](v1::LabelKind kind, const char* separator) {
    return after([&](v1::TextColumns& columns) {
      columns.set_label_kind(kind);
      columns.set_label_separator(separator);
    });
  };
  const auto with_names = [&](v1::LabelKind kind, const std::string& label,
                              const std::string& name) {
    return after([&](v1::TextColumns& columns) {
      columns.set_label_kind(kind);
      (*columns.mutable_label_names())[label] = name;
    });
  };
  const auto refuses = [](const char* field) {
    return testing::ElementsAre(Field(&FieldViolation::field, field));
  };
  EXPECT_THAT(after([](auto& columns) { columns.set_label_kind(static_cast<v1::LabelKind>(9)); }),
              refuses("dataset.columns.label_kind"));
  EXPECT_THAT(with_separator(v1::LABEL_KIND_MULTI, "¦"), IsEmpty());
  for (const char* separator : {"||", "\n"}) {
    EXPECT_THAT(with_separator(v1::LABEL_KIND_MULTI, separator),
                refuses("dataset.columns.label_separator"));
  }
  EXPECT_THAT(with_separator(v1::LABEL_KIND_SINGLE, "|"),
              refuses("dataset.columns.label_separator"));
  EXPECT_THAT(with_names(v1::LABEL_KIND_SINGLE, "0", "negative"), IsEmpty());
  EXPECT_THAT(with_names(v1::LABEL_KIND_NUMBER, "0", "negative"),
              refuses("dataset.columns.label_names"));
  for (const char* name : {"", "a\x1b[31m"}) {
    EXPECT_THAT(with_names(v1::LABEL_KIND_SINGLE, "0", name),
                refuses("dataset.columns.label_names"));
  }
}

TEST(ValidateDataset, TranslationsHaveASourceAndATarget) {
  v1::CreateDatasetRequest request = GoodDataset();
  v1::TextColumns& columns = *request.mutable_dataset()->mutable_columns();
  columns.Clear();
  columns.set_label_kind(v1::LABEL_KIND_TEXT);
  FillDefaults(*request.mutable_dataset());
  EXPECT_THAT(columns.text(), testing::ElementsAre("source"));
  EXPECT_EQ(columns.label(), "target");
  EXPECT_THAT(ValidateDataset(request), IsEmpty());
  const auto refuses = [](const char* field) {
    return testing::ElementsAre(Field(&FieldViolation::field, field));
  };
  columns.add_text("title");
  EXPECT_THAT(ValidateDataset(request), refuses("dataset.columns.text"));
  columns.clear_text();
  columns.add_text("translation.en");
  (*columns.mutable_label_names())["a"] = "b";
  EXPECT_THAT(ValidateDataset(request), refuses("dataset.columns.label_names"));
  columns.clear_label_names();
  columns.clear_text();
  request.mutable_dataset()->set_format(v1::Dataset::IMAGES);
  EXPECT_THAT(ValidateDataset(request), refuses("dataset.columns.label_kind"));
}

TEST(ValidateDataset, ImagesHaveNoTexts) {
  v1::CreateDatasetRequest request = GoodDataset();
  request.mutable_dataset()->Clear();
  request.mutable_dataset()->mutable_file()->set_path("x-rays.TAR");
  request.mutable_dataset()->mutable_file()->set_sha256(std::string(64, 'a'));
  FillDefaults(*request.mutable_dataset());
  EXPECT_EQ(request.dataset().format(), v1::Dataset::IMAGES);
  EXPECT_EQ(request.dataset().columns().text_size(), 0);
  EXPECT_EQ(request.dataset().columns().label(), "label");
  EXPECT_THAT(ValidateDataset(request), IsEmpty());
  request.mutable_dataset()->mutable_columns()->add_text("text");
  EXPECT_THAT(ValidateDataset(request),
              Contains(Field(&FieldViolation::field, "dataset.columns.text")));
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

TEST(PredictionValidator, ListsWhatIsTooMuch) {
  v1::PredictRequest request;
  EXPECT_EQ(ValidatePrediction(request).at(0).field, "rows");
  for (int i = 0; i < 32; ++i) request.add_rows()->add_texts("fine");
  EXPECT_TRUE(ValidatePrediction(request).empty());
  request.mutable_rows(1)->clear_texts();
  request.mutable_rows(2)->add_texts(std::string((64 << 10) + 1, 'x'));
  request.set_max_length(-1);
  std::vector<std::string> fields;
  for (const FieldViolation& violation : ValidatePrediction(request)) {
    fields.push_back(violation.field);
  }
  EXPECT_EQ(fields, (std::vector<std::string>{"max_length", "rows[1].texts", "rows[2].texts[1]"}));
  request.add_rows()->add_texts("one more");
  EXPECT_EQ(ValidatePrediction(request).at(0).field, "rows");
}

TEST(PredictionValidator, BoundsAllTextTogether) {
  v1::PredictRequest request;
  for (int i = 0; i < 32; ++i) request.add_rows()->add_texts(std::string(64 << 10, 'x'));
  EXPECT_TRUE(ValidatePrediction(request).empty());
  request.mutable_rows(0)->add_texts("x");
  ASSERT_EQ(ValidatePrediction(request).size(), 1u);
  EXPECT_EQ(ValidatePrediction(request)[0].field, "rows");
}

TEST(PredictionValidator, ARowIsOfTextsOrAnImage) {
  v1::PredictRequest request;
  request.add_rows()->set_image("png");
  EXPECT_THAT(ValidatePrediction(request), IsEmpty());
  request.mutable_rows(0)->add_texts("fine");
  EXPECT_THAT(ValidatePrediction(request), Contains(Field(&FieldViolation::field, "rows[0]")));
}

TEST(PredictionValidator, BoundsAllImagesTogether) {
  v1::PredictRequest request;
  request.add_rows()->set_image(std::string(2 << 20, 'x'));
  request.add_rows()->set_image(std::string(1 << 20, 'x'));
  EXPECT_THAT(ValidatePrediction(request), IsEmpty());
  request.add_rows()->add_texts("x");
  EXPECT_THAT(ValidatePrediction(request),
              ElementsAre(Field(&FieldViolation::description,
                                HasSubstr("at most 3145728 bytes together, got 3145729"))));
}

}  // namespace
}  // namespace attune
