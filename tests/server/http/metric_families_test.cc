// SPDX-License-Identifier: Apache-2.0
#include "server/http/metric_families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include "server/http/call_metrics.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::string Text(prometheus::MetricFamily family) {
  return prometheus::TextSerializer().Serialize({std::move(family)});
}

TEST(FamilyBuilder, HistogramBucketsAreCumulativeAndEndAtInfinity) {
  const std::string text =
      Text(Histogram("h", "help").AddHistogram({1, 4}, {2, 3, 1}, 9.5).Build());
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"4\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"+Inf\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("h_count 6\n"));
  EXPECT_THAT(text, HasSubstr("h_sum 9.5\n"));
}

TEST(FamilyBuilder, LabelsKeepTheirOrder) {
  EXPECT_THAT(Text(Counter("c", "help").Add(3, {{"b", "1"}, {"a", "2"}}).Build()),
              HasSubstr("c{b=\"1\",a=\"2\"} 3\n"));
}

TEST(CallMetrics, CountsOnlyDeclaredMethods) {
  RpcCounters counters;
  counters.Declare("/attune.v1.JobService/GetJob");
  counters.Started("/attune.v1.JobService/GetJob");
  counters.Handled("/attune.v1.JobService/GetJob", 5, 0.002);
  counters.Started("/made.up/Method");
  std::vector<prometheus::MetricFamily> families;
  AddCallMetrics(counters.Take(), families);
  const std::string text = prometheus::TextSerializer().Serialize(families);
  EXPECT_THAT(text, HasSubstr("grpc_server_started_total{grpc_service=\"attune.v1.JobService\","
                              "grpc_method=\"GetJob\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("grpc_method=\"GetJob\",grpc_code=\"NotFound\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("grpc_method=\"GetJob\",grpc_code=\"OK\"} 0\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("made.up")));
}

}  // namespace
}  // namespace attune
