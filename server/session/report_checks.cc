// SPDX-License-Identifier: Apache-2.0
#include "server/session/report_checks.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr int kMaxReports = 256;
constexpr size_t kMaxMetrics = 64;
constexpr size_t kMaxNameBytes = 64;
constexpr size_t kMaxMessageBytes = 16 << 10;
constexpr size_t kMaxLogBytes = 1 << 20;
constexpr int kMaxFiles = 10'000;
constexpr size_t kMaxPathBytes = 255;
constexpr size_t kMaxArchitectureBytes = 256;
constexpr int kMaxLabels = 10'000;
constexpr int kMaxExportChecks = 8;
constexpr int64_t kMaxStep = int64_t{1} << 53;
constexpr int kMaxSamples = 16;
constexpr size_t kMaxSampleBytes = 4 << 10;

class Checker {
 public:
  void Report(const std::string& path, const v1::AttemptReport& report);
  void Add(const std::string& field, std::string description) {
    violations_.push_back({field, std::move(description)});
  }
  std::vector<FieldViolation> Take() { return std::move(violations_); }

 private:
  void Step(const std::string& field, int64_t step) {
    if (step < 0 || step > kMaxStep) Add(field, absl::StrCat("must be from 0 to 2^53, got ", step));
  }
  void Message(const std::string& field, const std::string& text) {
    if (text.size() > kMaxMessageBytes) {
      Add(field, absl::StrCat("may have at most ", kMaxMessageBytes, " bytes, got ", text.size()));
    }
  }
  template <typename Map>
  void Names(const std::string& field, const Map& values) {
    if (values.size() > kMaxMetrics) {
      Add(field, absl::StrCat("may have at most ", kMaxMetrics, " entries, got ", values.size()));
      return;
    }
    for (const auto& [name, value] : values) {
      if (!name.empty() && name.size() <= kMaxNameBytes) continue;
      Add(field, absl::StrCat("names must have 1 to ", kMaxNameBytes, " bytes, got ", name.size()));
    }
  }
  template <typename Files>
  void FileList(const std::string& field, const Files& files);
  void Evaluation(const std::string& path, const v1::Evaluation& evaluation);
  void Succeeded(const std::string& path, const v1::Succeeded& succeeded);

  std::vector<FieldViolation> violations_;
};

bool IsPlainPath(const std::string& path) {
  if (path.empty() || path.size() > kMaxPathBytes || path.front() == '/') return false;
  if (path.find('\0') != std::string::npos) return false;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

template <typename Files>
void Checker::FileList(const std::string& field, const Files& files) {
  if (files.size() > kMaxFiles) {
    Add(field, absl::StrCat("may have at most ", kMaxFiles, " files, got ", files.size()));
    return;
  }
  for (int i = 0; i < files.size(); ++i) {
    const std::string at = absl::StrCat(field, "[", i, "]");
    if (!IsPlainPath(files[i].path())) {
      Add(at + ".path", "must be relative, without \"..\", at most 255 bytes");
    }
    if (!IsSha256Hex(files[i].sha256())) {
      Add(at + ".sha256", "must be 64 lower-case hex digits");
    }
    if (files[i].size_bytes() < 0) Add(at + ".size_bytes", "must be at least 0");
  }
}

void Checker::Evaluation(const std::string& path, const v1::Evaluation& evaluation) {
  Step(path + ".step", evaluation.step());
  if (!v1::Evaluation::Split_IsValid(evaluation.split()) ||
      evaluation.split() == v1::Evaluation::SPLIT_UNSPECIFIED) {
    Add(path + ".split", "must be EVAL, TEST or TEST_BASE");
  }
  Names(path + ".metrics", evaluation.metrics());
  if (evaluation.samples_size() > kMaxSamples) {
    Add(path + ".samples", absl::StrCat("may have at most ", kMaxSamples, " entries, got ",
                                        evaluation.samples_size()));
  }
  for (const v1::TranslationSample& sample : evaluation.samples()) {
    const size_t longest =
        std::max({sample.source().size(), sample.reference().size(), sample.translation().size()});
    if (longest <= kMaxSampleBytes) continue;
    Add(path + ".samples",
        absl::StrCat("a text may have at most ", kMaxSampleBytes, " bytes, got ", longest));
  }
}

void Checker::Succeeded(const std::string& path, const v1::Succeeded& succeeded) {
  FileList(path + ".files", succeeded.files());
  if (succeeded.peak_memory_bytes() < 0) Add(path + ".peak_memory_bytes", "must be at least 0");
  const v1::ModelSummary& model = succeeded.model();
  if (model.model_type().size() > kMaxNameBytes) {
    Add(path + ".model.model_type", absl::StrCat("may have at most ", kMaxNameBytes, " bytes"));
  }
  if (model.architecture().size() > kMaxArchitectureBytes) {
    Add(path + ".model.architecture",
        absl::StrCat("may have at most ", kMaxArchitectureBytes, " bytes"));
  }
  if (model.parameters() < 0) Add(path + ".model.parameters", "must be at least 0");
  if (model.max_length() < 0) Add(path + ".model.max_length", "must be at least 0");
  if (model.labels_size() > kMaxLabels) {
    Add(path + ".model.labels",
        absl::StrCat("may have at most ", kMaxLabels, " entries, got ", model.labels_size()));
  }
  if (model.export_checks_size() > kMaxExportChecks) {
    Add(path + ".model.export_checks", absl::StrCat("may have at most ", kMaxExportChecks,
                                                    " entries, got ", model.export_checks_size()));
  }
}

bool IsRunningPhase(v1::Job::StateReason reason) {
  return reason == v1::Job::TRAINING || reason == v1::Job::EVALUATING ||
         reason == v1::Job::UPLOADING || reason == v1::Job::WAITING_FOR_DISK;
}

void Checker::Report(const std::string& path, const v1::AttemptReport& report) {
  switch (report.report_case()) {
    case v1::AttemptReport::kStarted:
      Step(path + ".started.start_step", report.started().start_step());
      return Step(path + ".started.total_steps", report.started().total_steps());
    case v1::AttemptReport::kPhase:
      if (IsRunningPhase(report.phase().reason())) return;
      return Add(path + ".phase.reason",
                 "must be TRAINING, EVALUATING, UPLOADING or WAITING_FOR_DISK");
    case v1::AttemptReport::kMetrics:
      Step(path + ".metrics.step", report.metrics().step());
      return Names(path + ".metrics.stage_seconds", report.metrics().stage_seconds());
    case v1::AttemptReport::kEvaluation:
      return Evaluation(path + ".evaluation", report.evaluation());
    case v1::AttemptReport::kCheckpoint:
      Step(path + ".checkpoint.step", report.checkpoint().step());
      if (report.checkpoint().files().empty()) {
        Add(path + ".checkpoint.files", "must have at least 1 file");
      }
      return FileList(path + ".checkpoint.files", report.checkpoint().files());
    case v1::AttemptReport::kNotice:
      return Message(path + ".notice.message", report.notice().message());
    case v1::AttemptReport::kSucceeded:
      return Succeeded(path + ".succeeded", report.succeeded());
    case v1::AttemptReport::kFailed:
      if (!v1::Failed::FailureClass_IsValid(report.failed().failure_class()) ||
          report.failed().failure_class() == v1::Failed::FAILURE_CLASS_UNSPECIFIED) {
        Add(path + ".failed.failure_class", "must be USER, RESOURCE or INFRA");
      }
      Message(path + ".failed.log_tail", report.failed().log_tail());
      return Message(path + ".failed.message", report.failed().message());
    case v1::AttemptReport::kStopped:
      return;
    case v1::AttemptReport::kLog:
      if (report.log().offset() < 0) Add(path + ".log.offset", "must be at least 0");
      if (report.log().data().size() > kMaxLogBytes) {
        Add(path + ".log.data", absl::StrCat("may have at most ", kMaxLogBytes, " bytes"));
      }
      return;
    case v1::AttemptReport::REPORT_NOT_SET:
      return Add(path, "is empty; a newer worker needs a newer server");
  }
}

}  // namespace

absl::Status CheckReports(const v1::ReportAttemptRequest& request) {
  Checker checker;
  if (request.first_index() < 0) checker.Add("first_index", "must be at least 0");
  if (request.reports_size() > kMaxReports) {
    checker.Add("reports", absl::StrCat("may have at most ", kMaxReports, " entries, got ",
                                        request.reports_size()));
  } else {
    for (int i = 0; i < request.reports_size(); ++i) {
      checker.Report(absl::StrCat("reports[", i, "]"), request.reports(i));
    }
  }
  std::vector<FieldViolation> violations = checker.Take();
  return violations.empty() ? absl::OkStatus() : InvalidFields(std::move(violations));
}

}  // namespace attune
