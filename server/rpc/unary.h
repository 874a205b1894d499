// SPDX-License-Identifier: Apache-2.0
// The frame of every unary call: authorise, run, translate the status, never let an exception out.
// A handler never waits: point reads (≤ 1 ms) run in it, lists on the reader pool, writes finish
// from their completion.
#pragma once

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/status/status.h"
#include "base/executor.h"
#include "base/grpc_status.h"
#include "base/rpc_counters.h"
#include "server/rpc/authenticator.h"
#include "server/store/store.h"

namespace attune {

// What every service borrows. Outlives the gRPC server.
struct RpcParts {
  Store& store;
  const Authenticator& authenticator;
  RpcCounters& counters;
  Executor& pool;  // a few threads for lists, replays and replies
};

// Runs `body`; an exception becomes INTERNAL, is logged and counted.
absl::Status RunGuarded(RpcCounters& counters, absl::FunctionRef<absl::Status()> body);

// Authorise, then a read on the calling thread.
template <typename Body>  // absl::Status(Snapshot&)
grpc::ServerUnaryReactor* ReadNow(const RpcParts& parts, grpc::CallbackServerContext* context,
                                  Access access, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  absl::Status status = parts.authenticator.Authorise(*context, access);
  if (status.ok()) {
    status = RunGuarded(parts.counters, [&] { return parts.store.Read(body); });
  }
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// Authorise, then a read on the pool. Request and response live until Finish.
template <typename Body>  // absl::Status(Snapshot&)
grpc::ServerUnaryReactor* ReadOnPool(const RpcParts& parts, grpc::CallbackServerContext* context,
                                     Access access, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (absl::Status status = parts.authenticator.Authorise(*context, access); !status.ok()) {
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }
  parts.pool.Post([&parts, reactor, body = std::move(body)]() mutable {
    reactor->Finish(
        ToGrpcStatus(RunGuarded(parts.counters, [&] { return parts.store.Read(body); })));
  });
  return reactor;
}

// Authorise, then a write; the reply leaves from the pool once it is durable.
template <typename Body>  // absl::Status(Transaction&)
grpc::ServerUnaryReactor* WriteThenReply(const RpcParts& parts,
                                         grpc::CallbackServerContext* context, Access access,
                                         Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (absl::Status status = parts.authenticator.Authorise(*context, access); !status.ok()) {
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }
  parts.store.Write(
      Lane::kUrgent,
      [&parts, body = std::move(body)](Transaction& transaction) mutable {
        return RunGuarded(parts.counters, [&] { return body(transaction); });
      },
      [&parts, reactor](absl::Status status) {
        parts.pool.Post([reactor, status] { reactor->Finish(ToGrpcStatus(status)); });
      });
  return reactor;
}

}  // namespace attune
