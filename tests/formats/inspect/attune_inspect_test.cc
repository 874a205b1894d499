// SPDX-License-Identifier: Apache-2.0
// The process itself: what goes in, what comes out, what it may use.
#include <sys/wait.h>

#include <cstdio>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/formats/images/encode.h"
#include "tests/formats/tar_file.h"
#include "tests/formats/temp_folder.h"
#include "tests/formats/tiny_model.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class AttuneInspectTest : public ::testing::Test {
 protected:
  struct Result {
    int status = 0;  // as wait gives it
    std::string out;
    int exit_code() const { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }
  };
  Result Run(const std::string& arguments, const std::string& input = "") {
    const std::string command = std::string(ATTUNE_BIN_DIR) + "/attune-inspect " + arguments +
                                " < " + folder_.Write("input", input) + " 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    Result result;
    char buffer[4096];
    for (size_t got = 0; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
      result.out.append(buffer, got);
    }
    result.status = pclose(pipe);
    return result;
  }
  std::string DatasetRequest(const std::string& path) {
    return R"({"kind":"dataset","path":")" + path +
           R"(","format":"csv","text_columns":["text"],"label_column":"label"})";
  }
  TempFolder folder_;
};

TEST_F(AttuneInspectTest, AnswersARequestWithAReport) {
  const std::string data = folder_.Write("d.csv", "text,label\na,x\nb,y\n");
  const Result result = Run("run", DatasetRequest(data));
  EXPECT_EQ(result.exit_code(), 0) << result.out;
  EXPECT_EQ(nlohmann::json::parse(result.out)["rows"], 2);
}

TEST_F(AttuneInspectTest, ReportsABadDatasetAndStillSucceeds) {
  const std::string data = folder_.Write("d.csv", "text,label\na\n");
  const Result result = Run("run", DatasetRequest(data));
  EXPECT_EQ(result.exit_code(), 0) << result.out;
  EXPECT_EQ(nlohmann::json::parse(result.out)["ok"], false);
}

TEST_F(AttuneInspectTest, TellsAWrongRequestFromAFileThatIsGone) {
  EXPECT_EQ(Run("run", "{}").exit_code(), 2);
  EXPECT_EQ(Run("run", DatasetRequest(folder_.Path("absent"))).exit_code(), 1);
  EXPECT_EQ(Run("run --cpu-limit 0", "").exit_code(), 2);
  EXPECT_EQ(Run("unknown").exit_code(), 2);
}

TEST_F(AttuneInspectTest, WritesAReportToAFileToo) {
  const std::string data = folder_.Write("d.csv", "text,label\na,x\nb,y\n");
  EXPECT_EQ(Run("run > " + folder_.Path("report"), DatasetRequest(data)).exit_code(), 0);
  EXPECT_THAT(folder_.Read("report"), HasSubstr("\"rows\":2"));
}

TEST_F(AttuneInspectTest, EndsAtItsCpuLimit) {
  const std::string data = folder_.Write("d.csv", "text,label\n");
  std::filesystem::resize_file(data, int64_t{1} << 40);  // sparse; hours of NUL bytes
  const Result result = Run("run --cpu-limit 1", DatasetRequest(data));
  EXPECT_NE(result.exit_code(), 0);
  EXPECT_EQ(result.out.find("\"rows\""), std::string::npos);
}

TEST_F(AttuneInspectTest, ShowsADatasetToPeople) {
  const std::string good = folder_.Write("good.csv", "text,label\na,x\nb,y\n");
  const std::string bad = folder_.Write("bad.csv", "txt,label\na,x\n");
  EXPECT_EQ(Run("dataset " + good).exit_code(), 0);
  const Result result = Run("dataset " + bad + " --format csv --text-column text");
  EXPECT_EQ(result.exit_code(), 6);
  EXPECT_THAT(result.out, HasSubstr("Did you mean 'txt'?"));
  const std::string several = folder_.Write("several.csv", "text,label\na,x;y\nb,\n");
  EXPECT_THAT(Run("dataset " + several + " --label-kind multi --label-separator ';'").out,
              HasSubstr("label x: 1\n  label y: 1\n  without a label: 1"));
}

TEST_F(AttuneInspectTest, TokenizesLines) {
  WriteTinyModel(folder_);
  const Result result = Run("tokenize --model " + folder_.path() + " --max-length 4",
                            "\"good bad movie\"\n[\"good\", \"bad\"]\n\"\"\n");
  EXPECT_EQ(result.exit_code(), 0);
  EXPECT_EQ(result.out, "[2,5,6,3]\n[2,3,6,3]\n[2,3]\n");
  EXPECT_EQ(Run("tokenize --model " + folder_.path(), "7\n").exit_code(), 1);
}

TEST_F(AttuneInspectTest, ShowsADatasetOfImages) {
  const TarFile tar = TarFile().Add("a/1.png", EncodePng(Slope(2, 1))).Add("b/1.png", "no image");
  const Result result =
      Run("dataset " + folder_.Write("i.tar", tar.Finished()) + " --format images");
  EXPECT_EQ(result.exit_code(), 6);
  EXPECT_THAT(result.out, HasSubstr("b/1.png: expected a JPEG or PNG image"));
}

TEST_F(AttuneInspectTest, GivesThePixelsOfImages) {
  const std::string image = folder_.Write("i.png", EncodePng(2, 1, {1, 2, 3, 250, 251, 252}));
  const std::string other = folder_.Write("i.gif", "GIF89a");
  const Result result = Run("pixels", R"({"file":")" + image + "\"}\n" + R"({"file":")" + image +
                                          R"(","width":1,"height":1,"box":[0,0,1,1],)"
                                          R"("filter":"bilinear"})" +
                                          "\n" + R"({"file":")" + other + "\"}\n");
  EXPECT_EQ(result.exit_code(), 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr(R"({"width":2,"height":1,"rgb":"AQID+vv8"})"));
  EXPECT_THAT(result.out, HasSubstr(R"({"width":1,"height":1,"rgb":"AQID"})"));
  EXPECT_THAT(result.out, HasSubstr(R"({"error":"expected a JPEG or PNG image, found a GIF)"));
  EXPECT_EQ(Run("pixels", "{}\n").exit_code(), 1);
}

}  // namespace
}  // namespace attune
