// SPDX-License-Identifier: Apache-2.0
// The other life of attune-trainer: a predictor, which keeps one model loaded and answers the
// PredictCommands of its agent, one after the other, until that closes the pipe.
#pragma once

#include <memory>
#include <string>

#include "base/framed_pipe.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/tasks/predictor.h"

namespace attune {

// Runs on the compute thread.
class PredictionServer {
 public:
  // Loads the model at the first call. A PredictionFrame, or a FailedFrame.
  TrainerEvent Answer(const PredictCommand& command);

  // Answers what comes; the reason for which no more does.
  absl::Status Serve(FramedPipe& pipe);

 private:
  absl::StatusOr<TrainerEvent> Predict(const PredictCommand& command);

  std::string model_dir_;
  std::unique_ptr<Predictor> model_;
};

}  // namespace attune
