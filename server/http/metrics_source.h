// SPDX-License-Identifier: Apache-2.0
// /metrics as a snapshot: nothing is kept in registry families, which would leave stale series of
// jobs that ended. Each Collect reads the store, the counters and /proc anew. Thread-safe.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/rpc_counters.h"
#include "server/jobs/job_counters.h"
#include "server/jobs/queue_view.h"
#include "server/store/store.h"

namespace attune {

struct MetricsParts {
  const Store& store;
  const JobCounters& jobs;
  const RpcCounters& calls;
  const QueueView& queue;
  // Wall time of each connected worker's last message.
  std::function<std::map<std::string, absl::Time>()> last_heartbeats;
  FileSystem& files;
  std::string data_dir;
  std::string version;
};

class MetricsSource final : public prometheus::Collectable {
 public:
  explicit MetricsSource(MetricsParts parts) : parts_(std::move(parts)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

  // The exposition text (text/plain; version=0.0.4).
  std::string Text() const;

 private:
  const MetricsParts parts_;
};

}  // namespace attune
