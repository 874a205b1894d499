// SPDX-License-Identifier: Apache-2.0
#include "client/cli/listing.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/text/job_text.h"
#include "client/text/words.h"
#include "google/protobuf/util/time_util.h"

namespace attune {
namespace {

std::string Known(int64_t count) { return count > 0 ? CountText(count) : ""; }

std::string StepText(const v1::Job& job) {
  if (!job.has_progress()) return "";
  const v1::Progress& progress = job.progress();
  if (progress.total_steps() == 0) return absl::StrCat(progress.step());
  return absl::StrCat(progress.step(), "/", progress.total_steps());
}

// Why it is where it is, in a word or two.
std::string ReasonText(const v1::Job& job) {
  if (job.state() == v1::Job::FAILED) return v1::ErrorReason_Name(job.failure().reason());
  const std::string reason = ReasonName(job.reason());
  if (job.state() != v1::Job::QUEUED || job.queue().position() == 0) return reason;
  return absl::StrCat("position ", job.queue().position(), reason.empty() ? "" : ", ",
                      EnumWords(reason));
}

}  // namespace

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixNanos(google::protobuf::util::TimeUtil::TimestampToNanoseconds(time));
}

Table TableOf(const Repeated<v1::Job>& jobs, absl::Time now) {
  Table table({"NAME", "STATE", "REASON", "STEP", "LOSS", "AGE"});
  for (const v1::Job& job : jobs) {
    table.AddRow({job.name(), StateName(job.state()), ReasonText(job), StepText(job),
                  job.progress().has_loss() ? MetricText(job.progress().loss()) : "",
                  AgeText(TimeOf(job.create_time()), now)});
  }
  return table;
}

Table TableOf(const Repeated<v1::Dataset>& datasets, absl::Time now) {
  Table table({"NAME", "STATE", "ROWS", "LABELS", "FILE", "AGE"});
  for (const v1::Dataset& dataset : datasets) {
    table.AddRow({dataset.name(), v1::Dataset::State_Name(dataset.state()), Known(dataset.rows()),
                  absl::StrJoin(dataset.labels(), ", "), dataset.file().path(),
                  AgeText(TimeOf(dataset.create_time()), now)});
  }
  return table;
}

Table TableOf(const Repeated<v1::Model>& models, absl::Time now) {
  Table table({"NAME", "STATE", "TYPE", "WEIGHTS", "SOURCE", "AGE"});
  for (const v1::Model& model : models) {
    table.AddRow({model.name(), v1::Model::State_Name(model.state()), model.model_type(),
                  Known(model.parameters()),
                  model.source_job().empty() ? "imported" : model.source_job(),
                  AgeText(TimeOf(model.create_time()), now)});
  }
  return table;
}

Table TableOf(const Repeated<v1::Worker>& workers, absl::Time now) {
  Table table({"NAME", "STATE", "SLOTS", "DEVICE", "THREADS", "MEMORY", "HEARD"});
  for (const v1::Worker& worker : workers) {
    const v1::WorkerInventory& inventory = worker.inventory();
    table.AddRow({worker.name(), v1::Worker::State_Name(worker.state()),
                  absl::StrCat(worker.slots_in_use(), "/", inventory.slots()),
                  inventory.device_type(), Known(inventory.threads_per_slot()),
                  BytesText(inventory.memory_per_slot_bytes()),
                  AgeText(TimeOf(worker.last_heartbeat_time()), now)});
  }
  return table;
}

}  // namespace attune
