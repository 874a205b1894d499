// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/export_check.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "base/errors.h"
#include "base/spawner.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

constexpr double kTolerance = 1e-4;

absl::Status Failed(const std::string& format, std::string_view what) {
  return MakeError(
      absl::StatusCode::kInternal, "INTERNAL_FAULT",
      absl::StrCat("The exported model (", format, ") was read back in a fresh process and ",
                   std::string(what), ". It was not published; the checkpoints are kept."));
}

std::vector<std::string> Environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  return environment;
}

// Runs it to its end with these two descriptors as stdin and stdout.
absl::StatusOr<ExitStatus> Run(const SpawnOptions& options, absl::Duration timeout) {
  ExitStatus exit;
  absl::Notification ended;
  const std::unique_ptr<Spawner> spawner = MakePosixSpawner();
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<ChildProcess> child,
                          spawner->Spawn(options, [&](ExitStatus status) {
                            exit = status;
                            ended.Notify();
                          }));
  if (!ended.WaitForNotificationWithTimeout(timeout)) {
    child->Kill(SIGKILL).IgnoreError();
    ended.WaitForNotification();
  }
  return exit;
}

absl::StatusOr<std::string> Answers(FileSystem& files, const std::string& program,
                                    const std::string& work_dir, const ExportedFormat& format,
                                    const std::string& requests, absl::Duration timeout) {
  const std::string in_path = JoinPath(work_dir, "export-check.in");
  const std::string out_path = JoinPath(work_dir, "export-check.out");
  const absl::Cleanup remove = [&] {
    files.Remove(in_path).IgnoreError();
    files.Remove(out_path).IgnoreError();
  };
  ATTUNE_RETURN_IF_ERROR(files.WriteFileAtomically(in_path, requests));
  const int in = open(in_path.c_str(), O_RDONLY | O_CLOEXEC);
  const int out = open(out_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const absl::Cleanup close_both = [in, out] {
    if (in >= 0) close(in);
    if (out >= 0) close(out);
  };
  if (in < 0 || out < 0) return ErrnoStatus(errno, "open");
  SpawnOptions options;
  options.argv = {program};
  options.argv.insert(options.argv.end(), format.arguments.begin(), format.arguments.end());
  options.environment = Environment();
  options.descriptors = {{in, 0}, {out, 1}};
  const absl::StatusOr<ExitStatus> exit = Run(options, timeout);
  if (!exit.ok()) {
    return Failed(format.name, absl::StrCat("the process could not be started (",
                                            std::string(exit.status().message()), ")"));
  }
  if (exit->signal != 0 || exit->code != 0) {
    return Failed(format.name, absl::StrCat("the process ended with code ", exit->code, ", signal ",
                                            exit->signal, "; see the log"));
  }
  return files.ReadFile(out_path);
}

// The largest difference; infinite where the answers are not of this shape.
double Difference(const std::string& answers, const std::vector<ProbeRow>& rows) {
  const std::vector<std::string> lines = absl::StrSplit(answers, '\n', absl::SkipEmpty());
  if (lines.size() != rows.size()) return HUGE_VAL;
  double largest = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto json = nlohmann::json::parse(lines[i], nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("logits") || !json["logits"].is_array() ||
        json["logits"].size() != rows[i].outputs.size()) {
      return HUGE_VAL;
    }
    for (size_t j = 0; j < rows[i].outputs.size(); ++j) {
      const auto& answer = json["logits"][j];
      const double difference =
          answer.is_number() ? std::abs(answer.get<double>() - rows[i].outputs[j]) : HUGE_VAL;
      largest = std::isnan(difference) ? HUGE_VAL : std::max(largest, difference);
    }
  }
  return largest;
}

}  // namespace

absl::StatusOr<std::vector<ExportCheckEntry>> CheckExport(
    FileSystem& files, const std::string& program, const std::string& work_dir,
    const std::vector<ExportedFormat>& formats, const std::vector<ProbeRow>& rows,
    absl::Duration timeout) {
  std::string requests;
  for (const ProbeRow& row : rows) absl::StrAppend(&requests, row.request, "\n");
  std::vector<ExportCheckEntry> entries;
  for (const ExportedFormat& format : formats) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string answers,
                            Answers(files, program, work_dir, format, requests, timeout));
    const double difference = Difference(answers, rows);
    if (difference > kTolerance) {
      return Failed(
          format.name,
          absl::StrCat("its outputs on ", rows.size(), " rows differ by ", difference,
                       " from those of the trained model; at most ", kTolerance, " is allowed"));
    }
    entries.push_back({format.name, static_cast<int64_t>(rows.size()), difference});
  }
  return entries;
}

}  // namespace attune
