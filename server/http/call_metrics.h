// SPDX-License-Identifier: Apache-2.0
// gRPC call counts as metric families, named as other gRPC servers do. Pure.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "base/rpc_counters.h"

namespace attune {

void AddCallMetrics(const RpcCounters::Snapshot& calls, std::vector<prometheus::MetricFamily>& out);

}  // namespace attune
