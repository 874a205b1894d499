// SPDX-License-Identifier: Apache-2.0
#include "server/http/metric_families.h"

#include <limits>

namespace attune {
namespace {

prometheus::ClientMetric WithLabels(const MetricLabels& labels) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  return metric;
}

}  // namespace

FamilyBuilder::FamilyBuilder(prometheus::MetricType type, std::string name, std::string help) {
  family_.type = type;
  family_.name = std::move(name);
  family_.help = std::move(help);
}

FamilyBuilder& FamilyBuilder::Add(double value, const MetricLabels& labels) {
  prometheus::ClientMetric metric = WithLabels(labels);
  if (family_.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family_.metric.push_back(std::move(metric));
  return *this;
}

FamilyBuilder& FamilyBuilder::AddHistogram(const std::vector<double>& bounds,
                                           const std::vector<int64_t>& counts, double sum,
                                           const MetricLabels& labels) {
  prometheus::ClientMetric metric = WithLabels(labels);
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= bounds.size(); ++i) {
    cumulative += i < counts.size() ? static_cast<uint64_t>(counts[i]) : 0;
    prometheus::ClientMetric::Bucket bucket;
    bucket.cumulative_count = cumulative;
    bucket.upper_bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back(bucket);
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = sum;
  family_.metric.push_back(std::move(metric));
  return *this;
}

FamilyBuilder Gauge(std::string name, std::string help) {
  return FamilyBuilder(prometheus::MetricType::Gauge, std::move(name), std::move(help));
}

FamilyBuilder Counter(std::string name, std::string help) {
  return FamilyBuilder(prometheus::MetricType::Counter, std::move(name), std::move(help));
}

FamilyBuilder Histogram(std::string name, std::string help) {
  return FamilyBuilder(prometheus::MetricType::Histogram, std::move(name), std::move(help));
}

}  // namespace attune
