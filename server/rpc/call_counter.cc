// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/call_counter.h"

#include <string>

namespace attune {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

// One per call. A call that ends without a status of ours was cancelled.
class CallCounter final : public Interceptor {
 public:
  CallCounter(const char* method, RpcCounters& counters, const Clock& clock)
      : method_(method), counters_(counters), clock_(clock), start_(clock.SinceBoot()) {
    counters_.Started(method_);
  }

  ~CallCounter() override {
    if (!handled_) Handled(grpc::StatusCode::CANCELLED);
  }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (!handled_ && methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      handled_ = true;
      Handled(methods->GetSendStatus().error_code());
    }
    methods->Proceed();
  }

 private:
  void Handled(int code) {
    counters_.Handled(method_, code, absl::ToDoubleSeconds(clock_.SinceBoot() - start_));
  }

  const std::string method_;
  RpcCounters& counters_;
  const Clock& clock_;
  const absl::Duration start_;
  bool handled_ = false;
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Factory(RpcCounters& counters, const Clock& clock) : counters_(counters), clock_(clock) {}

  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    return new CallCounter(info->method(), counters_, clock_);
  }

 private:
  RpcCounters& counters_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallCounter(
    RpcCounters& counters, const Clock& clock) {
  return std::make_unique<Factory>(counters, clock);
}

}  // namespace attune
