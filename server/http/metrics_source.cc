// SPDX-License-Identifier: Apache-2.0
#include "server/http/metrics_source.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/logging.h"
#include "google/protobuf/util/time_util.h"
#include "server/http/call_metrics.h"
#include "server/http/metric_families.h"
#include "server/http/process_metrics.h"
#include "server/jobs/job_inputs.h"
#include "server/jobs/job_validator.h"
#include "server/store/attempts_table.h"
#include "server/store/blobs_table.h"
#include "server/store/jobs_table.h"
#include "server/store/workers_table.h"

namespace attune {
namespace {

using google::protobuf::Timestamp;
using google::protobuf::util::TimeUtil;
using Families = std::vector<prometheus::MetricFamily>;

constexpr std::string_view kTasks[] = {"text_classification", "image_classification",
                                       "translation"};
constexpr std::string_view kResults[] = {"succeeded", "failed", "cancelled"};
constexpr std::string_view kStages[] = {"load",      "tokenize", "forward",   "backward",
                                        "optimizer", "eval",     "checkpoint"};
constexpr v1::Job::State kRunning[] = {v1::Job::RUNNING, v1::Job::PAUSING, v1::Job::CANCELLING};

double Seconds(const Timestamp& time) {
  return static_cast<double>(TimeUtil::TimestampToMilliseconds(time)) / 1000;
}

// What one scrape reads from the store, in one snapshot.
struct StoreView {
  JobCounts counts;
  std::vector<JobRecord> running;
  std::vector<WorkerRecord> workers;
  std::vector<AttemptRecord> held;
  BlobTotals blobs;
  std::map<std::string, absl::Time> heartbeats;
};

absl::Status ReadStore(const Snapshot& snapshot, StoreView& view) {
  absl::StatusOr<JobCounts> counts = CountJobs(snapshot);
  if (!counts.ok()) return counts.status();
  view.counts = *counts;
  JobListQuery query;
  query.states.assign(std::begin(kRunning), std::end(kRunning));
  query.limit = 256;
  absl::StatusOr<std::vector<JobRecord>> running = ListJobs(snapshot, query);
  if (!running.ok()) return running.status();
  view.running = *std::move(running);
  absl::StatusOr<std::vector<WorkerRecord>> workers = ListWorkers(snapshot);
  if (!workers.ok()) return workers.status();
  view.workers = *std::move(workers);
  absl::StatusOr<std::vector<AttemptRecord>> held = ListHeldSlots(snapshot);
  if (!held.ok()) return held.status();
  view.held = *std::move(held);
  absl::StatusOr<BlobTotals> blobs = CountBlobs(snapshot);
  if (!blobs.ok()) return blobs.status();
  view.blobs = *blobs;
  return absl::OkStatus();
}

void AddJobStates(const StoreView& view, Families& out) {
  FamilyBuilder jobs = Gauge("attune_jobs", "Jobs by state.");
  for (int state = v1::Job::VALIDATING; state <= v1::Job::CANCELLED; ++state) {
    jobs.Add(static_cast<double>(view.counts.by_state[state]),
             {{"state", v1::Job::State_Name(static_cast<v1::Job::State>(state))}});
  }
  out.push_back(jobs.Build());
}

// Series of `names` exist from the start, at 0.
template <typename Values>
void AddByName(FamilyBuilder& family, const Values& values, const char* label,
               std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    if (!values.contains(std::string(name))) family.Add(0, {{label, std::string(name)}});
  }
  for (const auto& [name, value] : values) {
    family.Add(static_cast<double>(value), {{label, name}});
  }
}

void AddJobCounters(const JobCounters::Snapshot& c, Families& out) {
  FamilyBuilder created = Counter("attune_jobs_created_total", "Jobs created, by task.");
  AddByName(created, c.created, "task", {kTasks[0]});
  out.push_back(created.Build());

  FamilyBuilder finished = Counter("attune_jobs_finished_total",
                                   "Jobs that reached a final state, by task, result and reason.");
  for (std::string_view result : kResults) {
    if (!c.finished.contains({std::string(kTasks[0]), std::string(result), ""})) {
      finished.Add(
          0, {{"task", std::string(kTasks[0])}, {"result", std::string(result)}, {"reason", ""}});
    }
  }
  for (const auto& [key, count] : c.finished) {
    finished.Add(
        static_cast<double>(count),
        {{"task", std::get<0>(key)}, {"result", std::get<1>(key)}, {"reason", std::get<2>(key)}});
  }
  out.push_back(finished.Build());

  out.push_back(Histogram("attune_job_queue_wait_seconds", "Time from QUEUED to the grant.")
                    .AddHistogram(c.queue_wait_seconds.bounds, c.queue_wait_seconds.counts,
                                  c.queue_wait_seconds.sum)
                    .Build());
  FamilyBuilder run =
      Histogram("attune_job_run_seconds", "Time from the first Started report to the final state.");
  for (const auto& [key, h] : c.run_seconds) {
    run.AddHistogram(h.bounds, h.counts, h.sum, {{"task", key.first}, {"result", key.second}});
  }
  out.push_back(run.Build());

  FamilyBuilder requeues =
      Counter("attune_job_requeues_total", "Times a job went back to the queue, by reason.");
  AddByName(requeues, c.requeues, "reason", {"backoff", "preempted", "drained"});
  out.push_back(requeues.Build());
}

void AddTrainCounters(const JobCounters::Snapshot& c, Families& out) {
  const std::pair<const std::map<std::string, int64_t>*, std::array<const char*, 2>> counters[] = {
      {&c.samples, {"attune_train_samples_total", "Rows trained on."}},
      {&c.tokens, {"attune_train_tokens_total", "Real tokens trained on; padding never counts."}},
      {&c.steps, {"attune_train_steps_total", "Optimizer steps."}},
      {&c.nonfinite,
       {"attune_train_nonfinite_steps_total", "Steps stopped by a NaN or infinite loss."}}};
  for (const auto& [values, text] : counters) {
    FamilyBuilder family = Counter(text[0], text[1]);
    AddByName(family, *values, "task", {kTasks[0]});
    out.push_back(family.Build());
  }
  FamilyBuilder stages =
      Counter("attune_train_stage_seconds_total", "Time of trainers by what they did.");
  for (std::string_view stage : kStages) {
    const auto it = c.stage_seconds.find(std::string(stage));
    stages.Add(it == c.stage_seconds.end() ? 0 : it->second, {{"stage", std::string(stage)}});
  }
  out.push_back(stages.Build());
  out.push_back(Histogram("attune_checkpoint_write_seconds", "Time to write a checkpoint.")
                    .AddHistogram(c.checkpoint_write_seconds.bounds,
                                  c.checkpoint_write_seconds.counts, c.checkpoint_write_seconds.sum)
                    .Build());
  out.push_back(Counter("attune_checkpoint_bytes_total", "Bytes of registered checkpoints.")
                    .Add(static_cast<double>(c.checkpoint_bytes))
                    .Build());
  out.push_back(Counter("attune_checkpoint_failures_total", "Checkpoints that were refused.")
                    .Add(static_cast<double>(c.checkpoint_failures))
                    .Build());
}

void AddWorkers(const StoreView& view, const JobCounters::Snapshot& c, Families& out) {
  FamilyBuilder slots = Gauge("attune_slots", "Slots that workers offer.");
  FamilyBuilder in_use = Gauge("attune_slots_in_use", "Slots that hold an attempt.");
  FamilyBuilder heartbeat =
      Gauge("attune_worker_last_heartbeat_timestamp_seconds", "When the worker was last heard of.");
  std::map<std::string, int> states = {{"ONLINE", 0}, {"OFFLINE", 0}, {"DRAINING", 0}};
  for (const WorkerRecord& record : view.workers) {
    const v1::Worker& worker = record.worker;
    ++states[v1::Worker::State_Name(worker.state())];
    const MetricLabels labels = {{"device_type", worker.inventory().device_type()},
                                 {"worker", record.id()}};
    const auto used = std::count_if(view.held.begin(), view.held.end(), [&](const auto& attempt) {
      return attempt.worker_id == record.id();
    });
    slots.Add(worker.state() == v1::Worker::ONLINE ? worker.inventory().slots() : 0, labels);
    in_use.Add(static_cast<double>(used), labels);
    const auto beat = view.heartbeats.find(record.id());
    heartbeat.Add(beat == view.heartbeats.end()
                      ? Seconds(worker.last_heartbeat_time())
                      : static_cast<double>(absl::ToUnixMillis(beat->second)) / 1000,
                  {{"worker", record.id()}});
  }
  FamilyBuilder workers = Gauge("attune_workers", "Workers by state.");
  for (const auto& [state, count] : states) workers.Add(count, {{"state", state}});
  FamilyBuilder restarts = Counter("attune_worker_restarts_total", "Agent restarts seen.");
  AddByName(restarts, c.worker_restarts, "worker", {});
  for (FamilyBuilder* family : {&slots, &in_use, &heartbeat, &workers, &restarts}) {
    out.push_back(family->Build());
  }
}

// Gauges of running jobs only: bounded by slots, gone when the job ends.
void AddRunningJobs(const StoreView& view, Families& out) {
  FamilyBuilder info = Gauge("attune_job_info", "A running job; the value is 1.");
  FamilyBuilder ratio = Gauge("attune_job_progress_ratio", "Share of the steps done.");
  FamilyBuilder step = Gauge("attune_job_step", "Optimizer steps done.");
  FamilyBuilder loss = Gauge("attune_job_train_loss", "Latest training loss.");
  FamilyBuilder eval = Gauge("attune_job_eval_metric", "Latest evaluation during training.");
  FamilyBuilder rate = Gauge("attune_job_learning_rate", "Latest learning rate.");
  FamilyBuilder norm = Gauge("attune_job_grad_norm", "Latest gradient norm before clipping.");
  FamilyBuilder tokens = Gauge("attune_job_tokens_per_second", "Latest rate of real tokens.");
  FamilyBuilder last = Gauge("attune_job_last_step_timestamp_seconds", "Newest step report.");
  FamilyBuilder eta = Gauge("attune_job_eta_timestamp_seconds", "When the last step is expected.");
  FamilyBuilder committed =
      Gauge("attune_job_committed_step", "Step of the newest registered checkpoint.");
  for (const JobRecord& record : view.running) {
    const v1::Job& job = record.job;
    const v1::Progress& p = job.progress();
    const MetricLabels labels = {{"job", record.id()}};
    info.Add(1, {{"job", record.id()},
                 {"display_name", job.display_name()},
                 {"task", std::string(kTasks[0])},
                 {"method", MethodName(job.spec())},
                 {"model", ModelNameOf(job.spec())},
                 {"worker", job.worker()}});
    committed.Add(static_cast<double>(job.committed_step()), labels);
    if (p.total_steps() == 0) continue;
    ratio.Add(static_cast<double>(p.step()) / static_cast<double>(p.total_steps()), labels);
    step.Add(static_cast<double>(p.step()), labels);
    if (p.has_loss()) loss.Add(p.loss(), labels);
    if (p.has_learning_rate()) rate.Add(p.learning_rate(), labels);
    if (p.has_grad_norm()) norm.Add(p.grad_norm(), labels);
    if (p.has_tokens_per_second()) tokens.Add(p.tokens_per_second(), labels);
    if (p.has_last_step_time()) last.Add(Seconds(p.last_step_time()), labels);
    if (p.has_eta_seconds()) eta.Add(Seconds(p.last_step_time()) + p.eta_seconds(), labels);
    for (const auto& [metric, value] : p.latest_evaluation().metrics()) {
      eval.Add(value, {{"job", record.id()}, {"metric", metric}});
    }
  }
  for (FamilyBuilder* family :
       {&info, &ratio, &step, &loss, &eval, &rate, &norm, &tokens, &last, &eta, &committed}) {
    out.push_back(family->Build());
  }
}

void AddStore(const MetricsParts& parts, const StoreView& view, Families& out) {
  const StoreStats stats = parts.store.stats();
  // A summary without quantiles: count and sum of the commits.
  prometheus::MetricFamily transactions;
  transactions.name = "attune_db_transaction_seconds";
  transactions.help = "Time of committed transactions.";
  transactions.type = prometheus::MetricType::Summary;
  transactions.metric.emplace_back();
  transactions.metric[0].summary.sample_count = static_cast<uint64_t>(stats.transactions);
  transactions.metric[0].summary.sample_sum = stats.transaction_seconds;
  out.push_back(std::move(transactions));
  out.push_back(Counter("attune_db_busy_total", "Times the database was busy.")
                    .Add(static_cast<double>(stats.busy))
                    .Build());
  out.push_back(Gauge("attune_db_wal_bytes", "Size of the write-ahead log.")
                    .Add(static_cast<double>(stats.wal_bytes))
                    .Build());
  out.push_back(Gauge("attune_artifact_store_bytes", "Bytes of blobs.")
                    .Add(static_cast<double>(view.blobs.bytes))
                    .Build());
  if (absl::StatusOr<int64_t> free = parts.files.FreeBytes(parts.data_dir); free.ok()) {
    out.push_back(Gauge("attune_artifact_store_free_bytes", "Free bytes of the data folder's disk.")
                      .Add(static_cast<double>(*free))
                      .Build());
  }
}

void AddScheduler(const MetricsParts& parts, const JobCounters::Snapshot& c, Families& out) {
  const std::optional<absl::Time> oldest = parts.queue.OldestPending();
  FamilyBuilder pending = Gauge("attune_queue_oldest_pending_timestamp_seconds",
                                "When the oldest waiting job was queued; absent when none waits.");
  if (oldest) pending.Add(absl::ToDoubleSeconds(*oldest - absl::UnixEpoch()));
  out.push_back(pending.Build());
  out.push_back(Histogram("attune_scheduler_cycle_seconds", "Time of one scheduling decision.")
                    .AddHistogram(c.scheduler_cycle_seconds.bounds,
                                  c.scheduler_cycle_seconds.counts, c.scheduler_cycle_seconds.sum)
                    .Build());
  out.push_back(Gauge("attune_scheduler_last_cycle_timestamp_seconds", "When it last decided.")
                    .Add(c.scheduler_last_cycle_unix_seconds)
                    .Build());
  int64_t impossible = 0;
  for (const auto& [what, count] : c.impossible) impossible += count;
  out.push_back(Counter("attune_impossible_transitions_total",
                        "Events that the state table says cannot happen; must stay 0.")
                    .Add(static_cast<double>(impossible))
                    .Build());
}

}  // namespace

std::vector<prometheus::MetricFamily> MetricsSource::Collect() const {
  Families out;
  out.push_back(Gauge("attune_build_info", "Version of the server; the value is 1.")
                    .Add(1, {{"version", parts_.version}})
                    .Build());
  const JobCounters::Snapshot counters = parts_.jobs.Take();
  StoreView view;
  const absl::Status read =
      parts_.store.Read([&](Snapshot& snapshot) { return ReadStore(snapshot, view); });
  view.heartbeats = parts_.last_heartbeats();
  if (read.ok()) {
    AddJobStates(view, out);
    AddWorkers(view, counters, out);
    AddRunningJobs(view, out);
    AddStore(parts_, view, out);
  } else {
    LogError("a scrape could not read the store", {{"cause", std::string(read.message())}});
  }
  AddJobCounters(counters, out);
  AddTrainCounters(counters, out);
  AddScheduler(parts_, counters, out);
  AddCallMetrics(parts_.calls.Take(), out);
  AddProcessMetrics(out);
  // A family without series is left out: promtool takes it for a slip.
  std::erase_if(out, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
  return out;
}

std::string MetricsSource::Text() const {
  return prometheus::TextSerializer().Serialize(Collect());
}

}  // namespace attune
