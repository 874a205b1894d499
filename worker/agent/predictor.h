// SPDX-License-Identifier: Apache-2.0
// Answers predictions of a few rows beside training: at most one predictor process, on one thread,
// kept while it is asked about the model it has loaded, ended when another model is asked for or
// nobody asked for a while.
//
//   NONE ─ order ▶ FETCHING ─ files here, memory suffices ▶ IDLE ─ command ▶ ASKED
//     ▲                                                      ▲ └ another model, idle limit ┐
//     │                                                      └──────── answer ─────────────┤
//     └──────────────────────────── exit (waitpid) ◀── ENDING ◀── over time, failed ───────┘
//
// Calls wait in order and are forgotten when their time is over; nothing is tried again. The files
// and the process's identity are in `{work_dir}/predictor`. Lives on the agent's executor; not
// thread-safe. Destroying it kills the process.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "attune/v1/worker.pb.h"
#include "worker/agent/lease_runner.h"
#include "worker/agent/serial_lane.h"

namespace attune {

struct PredictorOptions {
  absl::Duration idle_limit = absl::Seconds(60);
  size_t max_waiting = 16;
  // What a predictor takes beside the bytes of its model's files. Measured: 121 MiB for libtorch
  // and the program, and at rows of 512 tokens another 90 (MiniLM) to 165 (BERT base). The largest
  // image, 50 million pixels, decodes to 143.
  int64_t runtime_bytes = int64_t{320} << 20;
  // What new processes could take; unset: not looked at.
  std::function<absl::StatusOr<int64_t>()> available_memory;
};

class Predictor {
 public:
  struct Callbacks {
    std::function<void(v1::PredictionAnswer)> answer;
    // What running trainers may still grow by.
    std::function<int64_t()> memory_to_come;
  };

  Predictor(const RunnerParts& parts, PredictorOptions options, const std::string& work_dir,
            Callbacks callbacks);
  ~Predictor();

  // Once, before anything is asked: the predictor of an earlier agent is dead when this is OK.
  absl::Status RecoverLeftovers();

  // The answer comes later, or never when its time is over before.
  void Ask(v1::PredictOrder order);
  // Nobody waits for any answer any more: the session that asked is gone.
  void ForgetAll();
  // Ends the process, and refuses everything from now on.
  void Drain();

 private:
  enum class Phase { kNone, kFetching, kIdle, kAsked, kEnding };
  struct Call {
    int64_t number;  // ours, never used twice
    v1::PredictOrder order;
  };

  void Advance();
  void Fetch(const v1::PredictOrder& order);
  void OnFetched(const absl::Status& status);
  absl::Status Start();
  absl::Status CheckMemory() const;
  void AskFirst();
  void OnEvent(const absl::StatusOr<AttemptEvent>& event);
  void OnExit(const ExitStatus& exit);
  void OnTimeOver(int64_t number);
  void WatchIdleness();
  void End();
  void AnswerFirst(const PredictionFrame& frame);
  void FailFirst(const absl::Status& status);
  void Fail(const v1::PredictOrder& order, const absl::Status& status);

  SerialLane lane_;
  const RunnerParts parts_;
  const PredictorOptions options_;
  const std::string folder_;
  const Callbacks callbacks_;

  std::deque<Call> calls_;
  int64_t last_number_ = 0;
  Phase phase_ = Phase::kNone;
  std::string model_;  // whose files are fetched or loaded: its digest
  int64_t model_bytes_ = 0;
  int64_t asked_ = 0;  // number of the call that the process works on
  std::unique_ptr<InputFiles> inputs_;
  std::unique_ptr<TrainerHandle> process_;
  std::string log_tail_;  // of its stderr
  bool draining_ = false;
};

}  // namespace attune
