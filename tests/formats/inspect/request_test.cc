// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/request.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kDataset[] =
    R"({"path":"/d","format":"csv","text_columns":["text"],"label_column":"label"})";

std::string ErrorOf(const std::string& json) {
  return std::string(ParseInspectRequest(json).status().message());
}
std::string Job(const std::string& eval) {
  return std::string(R"({"kind":"job","model_dir":"/m","task":"text_classification","train":)") +
         kDataset + R"(,"eval":)" + eval +
         R"(,"test":null,"eval_fraction":0.05,"labels":["neg","pos"],"max_length":128})";
}

TEST(InspectRequest, ReadsEachKind) {
  const auto dataset = ParseInspectRequest(
      R"({"kind":"dataset","path":"/d","format":"csv","text_columns":["a","b"],"label_column":"l"})");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(std::get<DatasetSpec>(*dataset).text_columns, ElementsAre("a", "b"));
  const auto model = ParseInspectRequest(R"({"kind":"model","dir":"/m"})");
  EXPECT_EQ(std::get<ModelRequest>(*model).dir, "/m");
  const auto job = ParseInspectRequest(Job("null"));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(std::get<JobRequest>(*job).max_length, 128);
  EXPECT_FALSE(std::get<JobRequest>(*job).eval.has_value());
  EXPECT_EQ(std::get<JobRequest>(*ParseInspectRequest(Job(kDataset))).eval->path, "/d");
}

TEST(InspectRequest, ReadsHowLabelsAreMeant) {
  const auto parsed = ParseInspectRequest(
      R"({"kind":"dataset","path":"/d","format":"csv","text_columns":["a"],"label_column":"l",)"
      R"("label_kind":"multi","label_separator":";","label_names":{"0":"no","1":"yes"}})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const auto& dataset = std::get<DatasetSpec>(*parsed);
  EXPECT_EQ(dataset.label_kind, "multi");
  EXPECT_EQ(dataset.label_separator, ";");
  EXPECT_EQ(dataset.label_names.at("1"), "yes");
}

TEST(InspectRequest, ReadsWhatMemoryDependsOn) {
  std::string json = Job("null");
  const auto plain = std::get<JobRequest>(*ParseInspectRequest(json));
  EXPECT_EQ(plain.method, "full");
  EXPECT_EQ(plain.batch_size, 8);
  EXPECT_EQ(plain.pooling, "");
  json.pop_back();
  json += R"(,"pooling":"mean","work":"fine_tune","batch_size":32,"method":"lora","top_layers":2,)"
          R"("lora":{"rank":4,"target_modules":["all-linear"]}})";
  const auto parsed = ParseInspectRequest(json);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const auto& job = std::get<JobRequest>(*parsed);
  EXPECT_EQ(job.pooling, "mean");
  EXPECT_EQ(job.batch_size, 32);
  EXPECT_EQ(job.method, "lora");
  EXPECT_EQ(job.top_layers, 2);
  EXPECT_EQ(job.lora.rank, 4);
  EXPECT_THAT(job.lora.target_modules, ElementsAre("all-linear"));
}

TEST(InspectRequest, ReadsADatasetToEvaluateOrPredict) {
  const auto use = [](const std::string& work, const std::string& more) {
    return R"({"kind":"job","work":")" + work +
           R"(","model_dir":"/m","task":"text_classification","max_length":0)" + more + "}";
  };
  const std::string test = R"(,"test":)" + std::string(kDataset);
  const auto evaluate = ParseInspectRequest(use("evaluate", test));
  ASSERT_TRUE(evaluate.ok()) << evaluate.status();
  EXPECT_EQ(std::get<JobRequest>(*evaluate).test->label_kind, "single");
  EXPECT_FALSE(std::get<JobRequest>(*evaluate).train.has_value());
  EXPECT_EQ(std::get<JobRequest>(*ParseInspectRequest(use("predict", test))).test->label_kind,
            "none");
  EXPECT_THAT(ErrorOf(use("predict", "")), HasSubstr("request.test is missing"));
  EXPECT_THAT(ErrorOf(use("predict", R"(,"test":null)")), HasSubstr("test must be an object"));
  EXPECT_THAT(ErrorOf(use("evaluate", test + R"(,"train":null)")), HasSubstr("train is unknown"));
  EXPECT_THAT(ErrorOf(use("guess", test)), HasSubstr("must be fine_tune, evaluate or predict"));
}

TEST(InspectRequest, ReadsAJobOnImages) {
  const std::string job =
      R"({"kind":"job","work":"predict","model_dir":"/m","task":"image_classification","test":)" +
      std::string(kDataset);
  const auto plain = ParseInspectRequest(job + "}");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(std::get<JobRequest>(*plain).task, "image_classification");
  EXPECT_EQ(std::get<JobRequest>(*plain).image.batch_norms, "fixed_statistics");
  const auto parsed =
      ParseInspectRequest(job + R"(,"image":{"size":192,"batch_norms":"trained"}})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const ImageSpec& image = std::get<JobRequest>(*parsed).image;
  EXPECT_EQ(image.size, 192);
  EXPECT_EQ(image.batch_norms, "trained");
  EXPECT_THAT(ErrorOf(job + R"(,"image":{"sise":1}})"), HasSubstr("request.image.sise is unknown"));
}

TEST(InspectRequest, NamesTheKeyThatIsWrong) {
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("request.kind is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"x"})"), HasSubstr("must be dataset, model or job"));
  EXPECT_THAT(ErrorOf(R"({"kind":"model"})"), HasSubstr("request.dir is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"model","dir":7})"), HasSubstr("request.dir must be a string"));
  EXPECT_THAT(ErrorOf(R"({"kind":"model","dir":"/m","x":1})"), HasSubstr("request.x is unknown"));
  EXPECT_THAT(ErrorOf(Job(R"({"path":"/d"})")), HasSubstr("request.eval.format is missing"));
  EXPECT_THAT(ErrorOf(Job("7")), HasSubstr("request.eval must be an object"));
  EXPECT_THAT(ErrorOf(Job("null").insert(1, R"("pooling":"max",)")),
              HasSubstr("request.pooling must be first_token or mean"));
  EXPECT_THAT(ErrorOf(R"({"kind":"dataset","path":"/d","format":"csv","text_columns":["a"],)"
                      R"("label_column":"l","label_names":{"0":1}})"),
              HasSubstr("request.label_names must be an object of strings"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("request must be an object"));
  EXPECT_THAT(ErrorOf("{"), HasSubstr("request:1:"));
}

TEST(InspectRequest, ReadsAJobOfTranslation) {
  std::string json =
      R"({"kind":"job","work":"evaluate","model_dir":"/m","task":"translation","max_length":64,)"
      R"("test":{"path":"/d","format":"tsv","text_columns":["en"],"label_column":"pt",)"
      R"("label_kind":"text"}})";
  const auto plain = ParseInspectRequest(json);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(std::get<JobRequest>(*plain).task, "translation");
  EXPECT_EQ(std::get<JobRequest>(*plain).max_length, 64);
  EXPECT_EQ(std::get<JobRequest>(*plain).beam_size, 1);
  EXPECT_EQ(std::get<JobRequest>(*plain).test->label_kind, "text");
  json.insert(1, R"("beam_size":4,)");
  EXPECT_EQ(std::get<JobRequest>(*ParseInspectRequest(json)).beam_size, 4);
  EXPECT_THAT(ErrorOf(Job("null").insert(1, R"("beam_size":4,)")),
              HasSubstr("request.beam_size is unknown"));  // of texts there is no beam
}

}  // namespace
}  // namespace attune
