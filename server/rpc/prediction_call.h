// SPDX-License-Identifier: Apache-2.0
// ModelService.Predict: a unary call that waits for a worker.
#pragma once

#include <grpcpp/server_context.h>

#include "absl/status/statusor.h"
#include "attune/v1/model_service.pb.h"
#include "server/session/session_registry.h"
#include "server/store/store.h"

namespace attune {

// What a worker is to be asked. INVALID_ARGUMENT (also: texts for a model of images), NOT_FOUND;
// FAILED_PRECONDITION: the model is not READY, or has no classifier.
absl::StatusOr<PredictionTask> ReadPredictionTask(const Snapshot& snapshot,
                                                  const v1::PredictRequest& request);

// Answers an error at once. The call's deadline counts, 60 s at most.
grpc::ServerUnaryReactor* StartPrediction(SessionRegistry& sessions,
                                          absl::StatusOr<PredictionTask> task,
                                          const grpc::CallbackServerContext& context,
                                          v1::PredictResponse& response);

}  // namespace attune
