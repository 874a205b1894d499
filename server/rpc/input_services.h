// SPDX-License-Identifier: Apache-2.0
// attune.v1.DatasetService and ModelService: rows in CHECKING; server/inspection does the rest.
// Predictions go to a worker through server/session.
// Thread-safe.
#pragma once

#include "attune/v1/dataset_service.grpc.pb.h"
#include "attune/v1/model_service.grpc.pb.h"
#include "base/clock.h"
#include "server/rpc/page_token.h"
#include "server/rpc/unary.h"
#include "server/session/session_registry.h"

namespace attune {

class DatasetServiceImpl final : public v1::DatasetService::CallbackService {
 public:
  DatasetServiceImpl(const RpcParts& parts, const PageTokens& tokens, const Clock& clock)
      : parts_(parts), tokens_(tokens), clock_(clock) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* CreateDataset(Context*, const v1::CreateDatasetRequest*, v1::Dataset*) override;
  Reactor* GetDataset(Context*, const v1::GetDatasetRequest*, v1::Dataset*) override;
  Reactor* ListDatasets(Context*, const v1::ListDatasetsRequest*,
                        v1::ListDatasetsResponse*) override;

 private:
  const RpcParts& parts_;
  const PageTokens& tokens_;
  const Clock& clock_;
};

class ModelServiceImpl final : public v1::ModelService::CallbackService {
 public:
  ModelServiceImpl(const RpcParts& parts, const PageTokens& tokens, const Clock& clock,
                   SessionRegistry& sessions)
      : parts_(parts), tokens_(tokens), clock_(clock), sessions_(sessions) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* CreateModel(Context*, const v1::CreateModelRequest*, v1::Model*) override;
  Reactor* GetModel(Context*, const v1::GetModelRequest*, v1::Model*) override;
  Reactor* ListModels(Context*, const v1::ListModelsRequest*, v1::ListModelsResponse*) override;
  Reactor* Predict(Context*, const v1::PredictRequest*, v1::PredictResponse*) override;

 private:
  const RpcParts& parts_;
  const PageTokens& tokens_;
  const Clock& clock_;
  SessionRegistry& sessions_;
};

}  // namespace attune
