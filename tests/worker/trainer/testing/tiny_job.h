// SPDX-License-Identifier: Apache-2.0
// A job small enough for a unit test: a random two-layer BERT, a few dozen labelled texts, a
// temporary folder, and the parts that a loop borrows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/loop/event_sink.h"
#include "worker/trainer/loop/run_control.h"
#include "worker/trainer/loop/train_loop.h"
#include "worker/trainer/tasks/text_classification.h"

namespace attune::testing {

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class RecordingSink final : public EventSink {
 public:
  void Emit(const TrainerEvent& event) override;

  template <typename Frame>
  std::vector<Frame> All() const {
    absl::MutexLock lock(&mutex_);
    std::vector<Frame> frames;
    for (const TrainerEvent& event : events_) {
      if (const auto* frame = std::get_if<Frame>(&event)) frames.push_back(*frame);
    }
    return frames;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<TrainerEvent> events_ ABSL_GUARDED_BY(mutex_);
};

// Writes a base model folder and train.csv, eval.csv, test.csv.
class TinyJob {
 public:
  explicit TinyJob(const std::string& label_kind = "single");

  TrainerSpec spec;  // 12 steps of 2 × 4 rows in two epochs, dropout 0.1, work_dir "work"

  std::string Path(const std::string& name) const { return JoinPath(folder_.path(), name); }
  std::unique_ptr<TextClassification> LoadTask() const;
  std::unique_ptr<ModelFolder> OpenBase() const;
  // Gives the base modules.json and a pooling: "pooling_mode_mean_tokens".
  void MakeSentenceTransformer(const std::string& pooling_mode) const;

 private:
  TemporaryFolder folder_;
};

// Runs one attempt of a job over a task (by default, the job's own).
struct AttemptResult {
  absl::StatusOr<TrainerEvent> end = absl::UnknownError("not run");
  std::vector<CheckpointFrame> checkpoints;
  std::vector<EvaluationFrame> evaluations;
};

class Attempt {
 public:
  Attempt() : background_("checkpoints", 1, clock_), stages_(clock_) {}

  // What a task is loaded with, and a loop runs with; borrows all of it.
  LoopParts Parts(const TrainerSpec& spec, FileSystem& files = PosixFileSystem());
  AttemptResult Run(const TrainerSpec& spec, Task& task, FileSystem& files = PosixFileSystem());
  RunControl& control() { return control_; }
  const RecordingSink& sink() const { return sink_; }

 private:
  SystemClock clock_;
  ThreadExecutor background_;
  StageClock stages_;
  RunControl control_;
  RecordingSink sink_;
};

}  // namespace attune::testing
