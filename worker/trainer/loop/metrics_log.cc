// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/metrics_log.h"

#include <utility>

#include "base/errors.h"
#include "base/evaluation_fields.h"
#include "base/json_object.h"

namespace attune {

using Json = nlohmann::ordered_json;

absl::StatusOr<MetricsLog> MetricsLog::Create(FileSystem& files, const std::string& work_dir,
                                              const std::string& content) {
  ATTUNE_ASSIGN_OR_RETURN(
      auto file, files.Open(JoinPath(work_dir, "metrics.jsonl"), FileSystem::Mode::kTruncate));
  MetricsLog log(std::move(file));
  log.waiting_ = content;
  return log;
}

void MetricsLog::Append(const StepRecord& r) {
  const Json json = {{"type", "step"},           {"step", r.step},
                     {"epoch", r.epoch},         {"loss", r.loss},
                     {"grad_norm", r.grad_norm}, {"learning_rate", r.learning_rate},
                     {"tokens", r.tokens},       {"samples", r.samples}};
  waiting_ += json.dump() + '\n';
}

void MetricsLog::Append(const EvaluationFrame& e) {
  OrderedJsonWriter writer;
  writer.Key("type", std::string("evaluation"));
  EvaluationFields(writer, e);
  waiting_ += writer.object().dump() + '\n';
}

absl::Status MetricsLog::Flush() {
  const absl::Status status = file_->Append(waiting_);
  // A full disk may have taken a part of it.
  ATTUNE_ASSIGN_OR_RETURN(const int64_t size, file_->Size());
  waiting_.erase(0, static_cast<size_t>(size - written_));
  written_ = size;
  return status;
}

}  // namespace attune
