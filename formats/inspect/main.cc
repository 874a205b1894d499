// SPDX-License-Identifier: Apache-2.0
// attune-inspect: looks at files that users hand in, in a process of its own with limits of its
// own.
#include <sys/stat.h>
#include <unistd.h>

#include <iostream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "formats/inspect/command_line.h"
#include "formats/inspect/inspections.h"
#include "formats/inspect/limits.h"
#include "formats/inspect/pixel_lines.h"
#include "formats/inspect/token_lines.h"

namespace attune {
namespace {

constexpr int64_t kMaxReportBytes = 16 << 20;
constexpr int kDone = 0, kFailed = 1, kWrongUse = 2, kHasProblems = 6;

int Fail(const absl::Status& status, int code) {
  std::cerr << "attune-inspect: " << status.message() << "\n";
  return code;
}

bool StdoutIsFile() {
  struct stat info = {};
  return fstat(STDOUT_FILENO, &info) == 0 && S_ISREG(info.st_mode);
}

int Run(const CommandLine& line) {
  ProcessLimits limits;
  if (StdoutIsFile()) limits.written_file_bytes = kMaxReportBytes;
  if (!absl::SimpleAtoi(line.Flag("cpu-limit", "120"), &limits.cpu_seconds) ||
      limits.cpu_seconds < 1) {
    return Fail(absl::InvalidArgumentError("--cpu-limit must be a number of seconds"), kWrongUse);
  }
  if (const absl::Status status = LimitThisProcess(limits); !status.ok()) {
    return Fail(status, kFailed);
  }
  const std::string text(std::istreambuf_iterator<char>(std::cin), {});
  const absl::StatusOr<InspectRequest> request = ParseInspectRequest(text);
  if (!request.ok()) return Fail(request.status(), kWrongUse);
  const absl::StatusOr<std::string> report = Inspect(*request);
  if (!report.ok()) return Fail(report.status(), kFailed);
  std::cout << *report << std::endl;
  return std::cout.good() ? kDone : kFailed;
}

int ShowDataset(const CommandLine& line) {
  DatasetSpec spec;
  spec.path = line.operands[0];
  spec.format = line.Flag("format", "csv");
  if (spec.format != "images") spec.text_columns = {"text"};
  spec.label_column = line.Flag("label-column", "label");
  spec.label_kind = line.Flag("label-kind", spec.label_kind);
  spec.label_separator = line.Flag("label-separator", spec.label_separator);
  if (const auto texts = line.flags.find("text-column"); texts != line.flags.end()) {
    spec.text_columns = texts->second;
  }
  const absl::StatusOr<DatasetReport> report = ReportDataset(spec);
  if (!report.ok()) return Fail(report.status(), kFailed);
  std::cout << ToText(*report);
  return report->problems.empty() ? kDone : kHasProblems;
}

int Tokenize(const CommandLine& line) {
  int64_t max_length = 0;
  if (!absl::SimpleAtoi(line.Flag("max-length", "0"), &max_length) || max_length < 0) {
    return Fail(absl::InvalidArgumentError("--max-length must be 0 or more"), kWrongUse);
  }
  const auto tokenizer = LoadTokenizer(line.Flag("model", "."));
  if (!tokenizer.ok()) return Fail(tokenizer.status(), kFailed);
  const absl::Status status = TokenizeLines(**tokenizer, max_length, std::cin, std::cout);
  return status.ok() ? kDone : Fail(status, kFailed);
}

int ShowPixels() {
  const absl::Status status = WritePixelLines(std::cin, std::cout);
  return status.ok() ? kDone : Fail(status, kFailed);
}

int Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
  if (!line.ok()) return Fail(line.status(), kWrongUse);
  if (line->command == "run") return Run(*line);
  if (line->command == "pixels") return ShowPixels();
  return line->command == "dataset" ? ShowDataset(*line) : Tokenize(*line);
}

}  // namespace
}  // namespace attune

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return attune::Main({argv + 1, argv + argc});
}
