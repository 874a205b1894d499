// SPDX-License-Identifier: Apache-2.0
#include "server/http/call_metrics.h"

#include <string>

#include "server/http/metric_families.h"

namespace attune {
namespace {

// "/attune.v1.JobService/GetJob" → service and method labels.
MetricLabels MethodLabels(const std::string& full) {
  const size_t slash = full.rfind('/');
  return {{"grpc_service", full.substr(1, slash - 1)}, {"grpc_method", full.substr(slash + 1)}};
}

const char* CodeName(int code) {
  static const char* const kNames[] = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  return code >= 0 && code <= 16 ? kNames[code] : "Unknown";
}

}  // namespace

void AddCallMetrics(const RpcCounters::Snapshot& calls,
                    std::vector<prometheus::MetricFamily>& out) {
  FamilyBuilder started = Counter("grpc_server_started_total", "Calls started.");
  FamilyBuilder handled = Counter("grpc_server_handled_total", "Calls ended, by code.");
  FamilyBuilder seconds = Histogram("grpc_server_handling_seconds", "Time of calls.");
  for (const auto& [name, method] : calls.methods) {
    const MetricLabels labels = MethodLabels(name);
    started.Add(static_cast<double>(method.started), labels);
    seconds.AddHistogram(RpcCounters::Bounds(), method.seconds_counts, method.seconds_sum, labels);
    for (const auto& [code, count] : method.handled) {
      MetricLabels with_code = labels;
      with_code.emplace_back("grpc_code", CodeName(code));
      handled.Add(static_cast<double>(count), with_code);
    }
  }
  out.push_back(started.Build());
  out.push_back(handled.Build());
  out.push_back(seconds.Build());
  out.push_back(Gauge("attune_watch_streams", "Open WatchJob streams.")
                    .Add(static_cast<double>(calls.watch_streams))
                    .Build());
  out.push_back(Counter("attune_handler_exceptions_total",
                        "Exceptions that reached the catch-all of a handler; must stay 0.")
                    .Add(static_cast<double>(calls.caught))
                    .Build());
}

}  // namespace attune
