// SPDX-License-Identifier: Apache-2.0
// process_* as the Prometheus client libraries name them, from /proc/self.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace attune {

void AddProcessMetrics(std::vector<prometheus::MetricFamily>& out);

}  // namespace attune
