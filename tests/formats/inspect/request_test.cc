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

TEST(InspectRequest, NamesTheKeyThatIsWrong) {
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("request.kind is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"x"})"), HasSubstr("must be dataset, model or job"));
  EXPECT_THAT(ErrorOf(R"({"kind":"model"})"), HasSubstr("request.dir is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"model","dir":7})"), HasSubstr("request.dir must be a string"));
  EXPECT_THAT(ErrorOf(R"({"kind":"model","dir":"/m","x":1})"), HasSubstr("request.x is unknown"));
  EXPECT_THAT(ErrorOf(Job(R"({"path":"/d"})")), HasSubstr("request.eval.format is missing"));
  EXPECT_THAT(ErrorOf(Job("7")), HasSubstr("request.eval must be an object"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("request must be an object"));
  EXPECT_THAT(ErrorOf("{"), HasSubstr("request:1:"));
}

}  // namespace
}  // namespace attune
