// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/admin_service.h"

#include "base/grpc_status.h"

namespace attune {

AdminServiceImpl::Reactor* AdminServiceImpl::Stop(Context* context, const v1::StopRequest* request,
                                                  v1::StopResponse* response) {
  Reactor* reactor = context->DefaultReactor();
  const absl::Status status = parts_.authenticator.Authorise(*context, Access::kAdmin);
  if (status.ok()) {
    response->set_process_id(info_.process_id());
    stop_(request->keep_workers());
  }
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

AdminServiceImpl::Reactor* AdminServiceImpl::GetServerInfo(Context* context,
                                                           const v1::GetServerInfoRequest*,
                                                           v1::ServerInfo* response) {
  return ReadNow(parts_, context, Access::kClient, [&](Snapshot&) {
    *response = info_;
    return absl::OkStatus();
  });
}

}  // namespace attune
