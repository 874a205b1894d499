// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/prediction_server.h"

#include <utility>

#include "base/errors.h"
#include "worker/trainer/attempt_runner.h"
#include "worker/trainer/device/threads.h"

namespace attune {
namespace {

constexpr int kThreads = 1;  // it runs beside training, which has the cores

}  // namespace

absl::StatusOr<TrainerEvent> PredictionServer::Predict(const PredictCommand& command) {
  if (model_ == nullptr) {
    ATTUNE_RETURN_IF_ERROR(SetUpThreads(kThreads));
    ATTUNE_ASSIGN_OR_RETURN(model_, LoadPredictor(command.model_dir));
    model_dir_ = command.model_dir;
  }
  if (command.model_dir != model_dir_) {
    return absl::InternalError("a predictor was asked for another model than it has loaded");
  }
  PredictionFrame frame;
  ATTUNE_ASSIGN_OR_RETURN(frame.rows,
                          model_->Predict(command.rows, {command.max_length, command.decoding}));
  return frame;
}

TrainerEvent PredictionServer::Answer(const PredictCommand& command) {
  return EventOf([&] { return Predict(command); });
}

absl::Status PredictionServer::Serve(FramedPipe& pipe) {
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string frame, pipe.Read());
    ATTUNE_ASSIGN_OR_RETURN(const TrainerCommand command, ParseTrainerCommand(frame));
    const auto* predict = std::get_if<PredictCommand>(&command);
    if (predict == nullptr) return absl::InvalidArgumentError("a predictor knows one command");
    ATTUNE_RETURN_IF_ERROR(pipe.Write(ToJson(predict->call, Answer(*predict))));
  }
}

}  // namespace attune
