// SPDX-License-Identifier: Apache-2.0
// Builds prometheus::MetricFamily values. Pure.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace attune {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class FamilyBuilder {
 public:
  FamilyBuilder(prometheus::MetricType type, std::string name, std::string help);

  FamilyBuilder& Add(double value, const MetricLabels& labels = {});
  // `counts` has one entry more than `bounds` and is not cumulative.
  FamilyBuilder& AddHistogram(const std::vector<double>& bounds, const std::vector<int64_t>& counts,
                              double sum, const MetricLabels& labels = {});
  prometheus::MetricFamily Build() { return std::move(family_); }

 private:
  prometheus::MetricFamily family_;
};

FamilyBuilder Gauge(std::string name, std::string help);
FamilyBuilder Counter(std::string name, std::string help);
FamilyBuilder Histogram(std::string name, std::string help);

}  // namespace attune
