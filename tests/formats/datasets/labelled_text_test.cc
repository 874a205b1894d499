// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/labelled_text.h"

#include <unistd.h>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/formats/datasets/scan.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(LabelledText, RefusesFilesWithoutExamples) {
  for (const char* bytes : {"", "\n\n", "text,label\n", "text,label"}) {
    EXPECT_THAT(Scan("csv", bytes).OnlyProblem(), StartsWith("0:0 0 examples")) << bytes;
  }
  EXPECT_THAT(Scan("jsonl", "\n  \n").OnlyProblem(), StartsWith("0:0 0 examples"));
}

TEST(LabelledText, SaysWhatAFileIsThatIsNoText) {
  EXPECT_THAT(Scan("jsonl", "\x1F\x8B\x08...").OnlyProblem(), HasSubstr("a gzip archive"));
  EXPECT_THAT(Scan("csv", "PK\x03\x04...").OnlyProblem(), HasSubstr("a zip archive"));
  EXPECT_THAT(Scan("csv", std::string_view("\xFF\xFEt\0e\0", 6)).OnlyProblem(),
              HasSubstr("UTF-16"));
  EXPECT_THAT(Scan("csv", "PAR1....").OnlyProblem(), HasSubstr("Parquet"));
}

TEST(LabelledText, CountsEmptyTextsAndRefusesMoreThanHalf) {
  const Scanned half = Scan("csv", "text,label\n,a\nx,b\n");
  EXPECT_EQ(half.scan.empty_texts, 1);
  EXPECT_EQ(half.examples.size(), 2u);
  EXPECT_TRUE(half.scan.problems.empty());
  EXPECT_THAT(Scan("csv", "text,label\n,a\n\" \t\",b\nx,b\n").OnlyProblem(),
              HasSubstr("more than half of the examples have no text (2 of 3)"));
}

TEST(LabelledText, RefusesASpecThatMakesNoSense) {
  const auto ignore = [](const LabelledExample&) {};
  const auto violations = [&](const DatasetSpec& spec) {
    return GetErrorDetail(ScanLabelledText(spec, ignore).status()).violations;
  };
  EXPECT_EQ(violations({"/x", "xml", {"text"}, "label"})[0].field, "format");
  EXPECT_EQ(violations({"/x", "csv", {}, "label"})[0].field, "text_columns");
  EXPECT_EQ(violations({"/x", "csv", {"a", "b", "c"}, "label"})[0].field, "text_columns");
  EXPECT_EQ(violations({"/x", "csv", {"text"}, ""})[0].field, "label_column");
  EXPECT_EQ(violations({"/x", "csv", {"text"}, "text"})[0].field, "label_column");
  EXPECT_EQ(violations({"/x", "csv", {"a", "b"}, "c", "text"})[0].field, "text_columns");
}

TEST(LabelledText, ReportsAFileThatCannotBeRead) {
  TempFolder folder;
  const auto scan = [](const std::string& path) {
    return ScanLabelledText({path, "csv", {"text"}, "label"}, [](const LabelledExample&) {})
        .status()
        .code();
  };
  EXPECT_EQ(scan(folder.Path("absent")), absl::StatusCode::kNotFound);
  EXPECT_EQ(scan(folder.path()), absl::StatusCode::kInvalidArgument);
}

TEST(LabelledText, LoadsAllOrNothing) {
  TempFolder folder;
  const std::string good = folder.Write("good", "text,label\na,1\nb,2\n");
  const std::string bad = folder.Write("bad", "text,label\na,1\nb\n");
  EXPECT_EQ(LoadLabelledText({good, "csv", {"text"}, "label"})->size(), 2u);
  const auto failed = LoadLabelledText({bad, "csv", {"text"}, "label"});
  EXPECT_EQ(ErrorReasonOf(failed.status()), "INVALID_DATASET");
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr("line 3:1: expected 2 fields"));
}

// The peak of this process' resident memory since the last call, in KiB.
int64_t TakePeakKib() {
  std::ifstream status("/proc/self/status");
  int64_t peak = 0;
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) peak = std::stoll(line.substr(6));
  }
  std::ofstream("/proc/self/clear_refs") << "5";
  return peak;
}

TEST(LabelledText, MemoryStaysFlatOverALineWithoutEnd) {
  TempFolder folder;
  const std::string path = folder.Write("data.jsonl", "{");
  ASSERT_EQ(truncate(path.c_str(), int64_t{256} << 20), 0);  // sparse: NUL bytes without newline
  TakePeakKib();
  const int64_t before = TakePeakKib();
  const auto scan =
      ScanLabelledText({path, "jsonl", {"text"}, "label"}, [](const LabelledExample&) { FAIL(); });
  ASSERT_TRUE(scan.ok());
  EXPECT_THAT(scan->problems.first()[0].message, HasSubstr("longer than 1048576 bytes"));
  EXPECT_LT(TakePeakKib() - before, 16 << 10);
}

}  // namespace
}  // namespace attune
