// SPDX-License-Identifier: Apache-2.0
// A server interceptor that counts calls by method and code, whatever their API.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>

#include "base/clock.h"
#include "base/rpc_counters.h"

namespace attune {

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallCounter(
    RpcCounters& counters, const Clock& clock);

}  // namespace attune
