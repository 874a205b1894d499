// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/prediction_call.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/jobs/input_kind.h"
#include "server/rpc/input_validator.h"
#include "server/rpc/waiting_call.h"
#include "server/store/inputs_table.h"

namespace attune {
namespace {

constexpr absl::Duration kMaxTimeout = absl::Seconds(60);

absl::Duration TimeoutOf(const grpc::CallbackServerContext& context) {
  const auto now = std::chrono::system_clock::now();
  const auto deadline = std::min(context.deadline(), now + absl::ToChronoSeconds(kMaxTimeout));
  return std::max(absl::FromChrono(deadline - now), absl::ZeroDuration());
}

absl::Status RequirePredictions(const v1::Model& model) {
  if (model.state() == v1::Model::CHECKING) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INPUT_NOT_READY",
                     absl::StrCat(model.name(), " is being checked; ask again in a moment"));
  }
  if (model.state() == v1::Model::INVALID) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INPUT_NOT_READY",
                     absl::StrCat(model.name(), " is INVALID: ", model.error_message()));
  }
  if (model.labels().empty() && KindOf(model) != InputKind::kPairs) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "INVALID_MODEL",
                     absl::StrCat(model.name(),
                                  " has no classifier; fine-tune it, and name the model that "
                                  "the job makes"));
  }
  return absl::OkStatus();
}

// Every row is of what the model reads.
absl::Status RequireKind(const v1::PredictRequest& request, const v1::Model& model) {
  const InputKind kind = KindOf(model);
  std::vector<FieldViolation> violations;
  for (int i = 0; i < request.rows_size(); ++i) {
    const bool has_image = !request.rows(i).image().empty();
    if (kind == InputKind::kPairs && request.rows(i).texts_size() > 1) {
      violations.push_back({absl::StrCat("rows[", i, "].texts"),
                            absl::StrCat("must hold one text, which ", model.name(),
                                         " translates, got ", request.rows(i).texts_size())});
    }
    if (has_image == (kind == InputKind::kImages)) continue;
    violations.push_back(
        {absl::StrCat("rows[", i, has_image ? "].image" : "].texts"),
         absl::StrCat("must not be set: ", model.name(), " (", model.model_type(), ") ",
                      ModelWord(kind),
                      has_image ? "; set texts instead, or name a model of images"
                                : "; set image instead, or name a model of texts")});
  }
  return violations.empty() ? absl::OkStatus() : InvalidFields(std::move(violations));
}

}  // namespace

absl::StatusOr<PredictionTask> ReadPredictionTask(const Snapshot& snapshot,
                                                  const v1::PredictRequest& request) {
  if (auto violations = ValidatePrediction(request); !violations.empty()) {
    return InvalidFields(std::move(violations));
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("models", request.name()));
  ATTUNE_ASSIGN_OR_RETURN(v1::Model model, GetModel(snapshot, id));
  ATTUNE_RETURN_IF_ERROR(RequirePredictions(model));
  ATTUNE_RETURN_IF_ERROR(RequireKind(request, model));
  PredictionTask task;
  task.model = model.name();
  task.model_type = model.model_type();
  *task.order.mutable_model_files() = std::move(*model.mutable_files());
  *task.order.mutable_rows() = request.rows();
  task.order.set_max_length(request.max_length());
  if (request.has_decoding()) *task.order.mutable_decoding() = request.decoding();
  return task;
}

grpc::ServerUnaryReactor* StartPrediction(SessionRegistry& sessions,
                                          absl::StatusOr<PredictionTask> task,
                                          const grpc::CallbackServerContext& context,
                                          v1::PredictResponse& response) {
  const WaitingCall call = WaitingCall::Start();
  if (!task.ok()) {
    call.ending->End(task.status());
    return call.reactor;
  }
  task->timeout = TimeoutOf(context);
  const int64_t id = sessions.Predict(
      *std::move(task),
      [ending = call.ending, &response](absl::StatusOr<v1::PredictResponse> result) {
        ending->End(result.status(), [&] {
          if (result.ok()) response = *std::move(result);
        });
      });
  call.ending->WhenCancelled([&sessions, id] { sessions.ForgetPrediction(id); });
  return call.reactor;
}

}  // namespace attune
