// SPDX-License-Identifier: Apache-2.0
// attune.v1.AdminService. Thread-safe.
#pragma once

#include <functional>

#include "attune/v1/admin_service.grpc.pb.h"
#include "server/rpc/unary.h"

namespace attune {

class AdminServiceImpl final : public v1::AdminService::CallbackService {
 public:
  // `stop` starts to drain and returns at once.
  AdminServiceImpl(const RpcParts& parts, v1::ServerInfo info,
                   std::function<void(bool keep_workers)> stop)
      : parts_(parts), info_(std::move(info)), stop_(std::move(stop)) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* Stop(Context*, const v1::StopRequest*, v1::StopResponse*) override;
  Reactor* GetServerInfo(Context*, const v1::GetServerInfoRequest*, v1::ServerInfo*) override;

  // The port is known once the server listens.
  void SetGrpcAddress(const std::string& address) { info_.set_grpc_address(address); }

 private:
  const RpcParts& parts_;
  v1::ServerInfo info_;
  const std::function<void(bool)> stop_;
};

}  // namespace attune
