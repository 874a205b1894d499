// SPDX-License-Identifier: Apache-2.0
#include "client/text/job_text.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/text/words.h"
#include "google/protobuf/util/time_util.h"

namespace attune {
namespace {

constexpr int kShownSamples = 3;  // `-o json` has all

std::optional<double> Metric(const v1::Evaluation& evaluation, const std::string& name) {
  const auto found = evaluation.metrics().find(name);
  if (found == evaluation.metrics().end()) return std::nullopt;
  return found->second;
}

// What a line of an evaluation leaves out; `-o json` has it.
bool IsDetail(const std::string& name) {
  static const auto& details = *new std::set<std::string>{
      "majority",        "micro_f1",     "micro_precision", "micro_recall",
      "macro_precision", "macro_recall", "weighted_f1",     "weighted_precision",
      "weighted_recall", "mae",          "pearson",         "r2"};
  return details.contains(name);
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixNanos(google::protobuf::util::TimeUtil::TimestampToNanoseconds(time));
}

std::string StateLine(const v1::StateChange& change, const Terminal& terminal) {
  const auto state = static_cast<v1::Job::State>(change.state());
  std::string line = absl::StrCat(" ", EnumWords(StateName(state)));
  const std::string reason = ReasonName(static_cast<v1::Job::StateReason>(change.reason()));
  if (!reason.empty()) absl::StrAppend(&line, " (", EnumWords(reason), ")");
  if (!change.message().empty()) absl::StrAppend(&line, ": ", Printable(change.message()));
  if (state == v1::Job::FAILED) return Paint(terminal, Colour::kRed, line);
  if (state == v1::Job::SUCCEEDED) return Paint(terminal, Colour::kGreen, line);
  return line;
}

std::string EvaluationLine(const v1::Evaluation& evaluation, const Terminal& terminal) {
  switch (evaluation.split()) {
    case v1::Evaluation::TEST:
      return absl::StrCat(" test: ", MetricsText(evaluation));
    case v1::Evaluation::TEST_BASE:
      return absl::StrCat(" test, untuned: ", MetricsText(evaluation));
    default:
      return absl::StrCat(" eval at step ", evaluation.step(), ": ", MetricsText(evaluation),
                          evaluation.best() ? Paint(terminal, Colour::kGreen, " (best)") : "");
  }
}

std::string CheckpointLine(const v1::Checkpoint& checkpoint, const Terminal& terminal) {
  return Paint(terminal, Colour::kDim,
               absl::StrFormat(" checkpoint at step %d%s, written in %s", checkpoint.step(),
                               checkpoint.best() ? " (best)" : "",
                               DurationText(absl::Seconds(checkpoint.write_seconds()))));
}

std::string NoticeLine(const v1::Notice& notice, const Terminal& terminal) {
  if (notice.severity() != v1::Notice::WARNING) {
    return absl::StrCat(" note: ", Printable(notice.message()));
  }
  return Paint(terminal, Colour::kYellow, absl::StrCat(" warning: ", Printable(notice.message())));
}

std::string DamageLine(const v1::CheckpointDamage& damage, const Terminal& terminal) {
  const std::string next =
      damage.fallback_step() > 0
          ? absl::StrCat("goes on from the one of step ", CountText(damage.fallback_step()))
          : "no other one is left: starts anew";
  return Paint(terminal, Colour::kYellow,
               absl::StrCat(" warning: the checkpoint of step ", CountText(damage.step()),
                            " is damaged (", Printable(damage.message()), "); ", next));
}

// The first of these that the task has.
std::string MainMetric(const v1::Evaluation& evaluation) {
  for (const char* name : {"accuracy", "micro_f1", "spearman", "rmse", "bleu"}) {
    if (Metric(evaluation, name)) return name;
  }
  return "loss";
}

// "test accuracy 0.846 on 2,128 rows never trained on (untuned 0.512, majority 0.500), macro F1 …"
std::string TestLine(const v1::Job& job) {
  const v1::Evaluation& test = job.final_test();
  const std::string main = MainMetric(test);
  if (!Metric(test, main)) return "";
  std::vector<std::string> beside;
  if (const auto base = Metric(job.base_test(), main)) {
    beside.push_back(absl::StrCat("untuned ", MetricText(main, *base)));
  }
  if (const auto majority = Metric(test, "majority")) {
    beside.push_back(absl::StrFormat("majority %.2f", *majority));
  }
  std::string line = absl::StrCat(
      "  test ", MetricName(main), " ", MetricText(main, *Metric(test, main)), " on ",
      CountText(test.examples()), " rows", job.spec().has_fine_tune() ? " never trained on" : "");
  if (!beside.empty()) absl::StrAppend(&line, " (", absl::StrJoin(beside, ", "), ")");
  for (const char* name : {"macro_f1", "auc", "chrf"}) {
    const auto value = Metric(test, name), base = Metric(job.base_test(), name);
    if (!value) continue;
    absl::StrAppend(&line, ", ", MetricName(name), " ", MetricText(name, *value));
    if (main == "bleu" && base) absl::StrAppend(&line, " (", MetricText(name, *base), ")");
  }
  return absl::StrCat(line, "\n");
}

void AddSampleLine(const char* name, const std::string& value, std::string& text) {
  if (!value.empty()) absl::StrAppend(&text, "    ", name, Printable(value), "\n");
}

// A few rows of the test set, as they were translated before and after.
std::string TestSamples(const v1::Job& job) {
  std::string text;
  const int shown = std::min(job.final_test().samples_size(), kShownSamples);
  for (int i = 0; i < shown; ++i) {
    const v1::TranslationSample& sample = job.final_test().samples(i);
    const bool compared = i < job.base_test().samples_size() &&
                          job.base_test().samples(i).source() == sample.source();
    absl::StrAppend(&text, "  sample ", i + 1, "\n");
    AddSampleLine("source     ", sample.source(), text);
    AddSampleLine("reference  ", sample.reference(), text);
    if (compared) AddSampleLine("untuned    ", job.base_test().samples(i).translation(), text);
    AddSampleLine(compared ? "tuned      " : "model      ", sample.translation(), text);
  }
  return text;
}

std::string MemoryLine(const v1::MemoryUse& memory) {
  std::vector<std::string> parts;
  if (memory.peak_bytes() > 0) {
    parts.push_back(absl::StrCat(BytesText(memory.peak_bytes()), " at its peak"));
  }
  if (memory.estimated_bytes() > 0) {
    parts.push_back(absl::StrCat(BytesText(memory.estimated_bytes()), " estimated"));
  }
  return parts.empty() ? "" : absl::StrCat("  memory   ", absl::StrJoin(parts, ", "), "\n");
}

}  // namespace

std::string StateName(v1::Job::State state) {
  const std::string& name = v1::Job::State_Name(state);
  return name.empty() ? absl::StrCat("STATE_", static_cast<int>(state)) : name;
}

std::string ReasonName(v1::Job::StateReason reason) {
  return reason == v1::Job::STATE_REASON_UNSPECIFIED ? "" : v1::Job::StateReason_Name(reason);
}

std::string StateWords(const v1::Job& job) {
  const std::string state = EnumWords(StateName(job.state()));
  if (job.state() == v1::Job::QUEUED && job.queue().position() > 0) {
    return absl::StrCat(state, ", position ", job.queue().position());
  }
  const std::string reason = ReasonName(job.reason());
  return reason.empty() ? state : absl::StrCat(state, ": ", EnumWords(reason));
}

std::string EventLine(const v1::JobEvent& event, const Terminal& terminal) {
  switch (event.payload_case()) {
    case v1::JobEvent::kState:
      return StateLine(event.state(), terminal);
    case v1::JobEvent::kEvaluation:
      return EvaluationLine(event.evaluation(), terminal);
    case v1::JobEvent::kCheckpoint:
      return CheckpointLine(event.checkpoint(), terminal);
    case v1::JobEvent::kNotice:
      return NoticeLine(event.notice(), terminal);
    case v1::JobEvent::kCheckpointDamage:
      return DamageLine(event.checkpoint_damage(), terminal);
    case v1::JobEvent::PAYLOAD_NOT_SET:
      break;
  }
  return absl::StrCat(" event ", event.sequence(), " of a kind this client does not know");
}

std::string Summary(const v1::Job& job, const Terminal& terminal) {
  const auto& start = job.has_start_time() ? job.start_time() : job.create_time();
  const Colour colour = job.state() == v1::Job::SUCCEEDED ? Colour::kGreen : Colour::kRed;
  std::string text = absl::StrCat(job.name(), " ", Paint(terminal, colour, StateName(job.state())));
  if (job.has_end_time()) {
    absl::StrAppend(&text, " in ", DurationText(TimeOf(job.end_time()) - TimeOf(start)));
  }
  text += "\n";
  if (job.state() == v1::Job::FAILED) {
    absl::StrAppend(&text, "  cause    ", v1::ErrorReason_Name(job.failure().reason()), ": ",
                    Printable(job.failure().message(), /*multiline=*/true), "\n");
  }
  text += TestLine(job);
  text += TestSamples(job);
  if (!job.output_model().empty()) absl::StrAppend(&text, "  model    ", job.output_model(), "\n");
  for (const v1::FileRef& file : job.output_files()) {
    absl::StrAppend(&text, "  output   ", Printable(file.path()), ", ",
                    BytesText(file.size_bytes()), "; fetch it: attune download ", job.name(), "\n");
  }
  text += MemoryLine(job.memory());
  return text;
}

std::string SampleLine(const v1::Evaluation& evaluation, const Terminal& terminal) {
  if (evaluation.samples().empty()) return "";
  const v1::TranslationSample& sample = evaluation.samples(0);
  return Paint(
      terminal, Colour::kDim,
      absl::StrCat("   ", Printable(sample.source()), " → ", Printable(sample.translation())));
}

std::string MetricsText(const v1::Evaluation& evaluation) {
  std::vector<std::string> names = {"accuracy", "subset_accuracy",
                                    "micro_f1", "macro_f1",
                                    "auc",      "spearman",
                                    "rmse",     "bleu",
                                    "chrf",     "loss"};
  // With one class a row it is the accuracy.
  if (Metric(evaluation, "accuracy")) std::erase(names, "micro_f1");
  std::vector<std::string> rest;
  for (const auto& [name, value] : evaluation.metrics()) {
    const bool named = std::find(names.begin(), names.end(), name) != names.end();
    if (!named && !IsDetail(name)) rest.push_back(name);
  }
  std::sort(rest.begin(), rest.end());
  names.insert(names.end(), rest.begin(), rest.end());
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    if (const auto value = Metric(evaluation, name)) {
      parts.push_back(absl::StrCat(MetricName(Printable(name)), " ", MetricText(name, *value)));
    }
  }
  return absl::StrJoin(parts, ", ");
}

}  // namespace attune
