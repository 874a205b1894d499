// SPDX-License-Identifier: Apache-2.0
#include "client/text/message_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attune/v1/job.pb.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

v1::Job Sample() {
  v1::Job job;
  job.set_name("jobs/x");
  job.set_state(v1::Job::RUNNING);
  job.mutable_create_time()->set_seconds(1'700'000'000);
  (*job.mutable_labels())["answer"] = "yes";
  job.mutable_progress()->set_total_steps(10);
  return job;
}

TEST(MessageOutput, PrintsJsonWithProtoFieldNamesAndRfc3339) {
  EXPECT_EQ(ToOutput(Sample(), OutputFormat::kJsonLines),
            R"({"name":"jobs/x","labels":{"answer":"yes"},"state":"RUNNING",)"
            R"("progress":{"total_steps":"10"},"create_time":"2023-11-14T22:13:20Z"})"
            "\n");
  EXPECT_THAT(ToOutput(Sample(), OutputFormat::kJson), HasSubstr("\n \"state\": \"RUNNING\""));
}

TEST(MessageOutput, PrintsYamlThatReadsBackAsTheSameTypes) {
  EXPECT_EQ(ToOutput(Sample(), OutputFormat::kYaml),
            "---\n"
            "name: \"jobs/x\"\n"
            "labels:\n  answer: \"yes\"\n"
            "state: \"RUNNING\"\n"
            "progress:\n  total_steps: \"10\"\n"
            "create_time: \"2023-11-14T22:13:20Z\"\n");
}

TEST(MessageOutput, PrintsNames) { EXPECT_EQ(ToOutput(Sample(), OutputFormat::kName), "jobs/x\n"); }

TEST(MessageOutput, KnowsItsFormats) {
  for (const std::string& name : OutputFormatNames()) EXPECT_TRUE(ParseOutputFormat(name)) << name;
  EXPECT_FALSE(ParseOutputFormat("xml"));
}

}  // namespace
}  // namespace attune
