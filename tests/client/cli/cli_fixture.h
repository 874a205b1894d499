// SPDX-License-Identifier: Apache-2.0
// The whole command line in-process, against a scripted server that has the dataset "reviews" and
// the model "minilm".
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "client/cli/cli.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_surroundings.h"

namespace attune {

class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    environment_["ATTUNE_SERVER"] = server_.address();
    environment_["ATTUNE_TOKEN"] = "secret";
    environment_["XDG_STATE_HOME"] = folder_.Path("state");
    environment_["ATTUNE_DATA"] = folder_.Path("data");
    v1::Dataset ready;
    ready.set_name("datasets/reviews");
    ready.set_state(v1::Dataset::READY);
    server_.datasets.Put(ready);
    v1::Model model;
    model.set_name("models/minilm");
    model.set_state(v1::Model::READY);
    server_.models.Put(model);
    v1::Dataset verdict;
    verdict.set_state(v1::Dataset::READY);
    server_.datasets.set_verdict(verdict);
  }

  int Run(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    RecordedWaits waits(clock_);
    Surroundings surroundings{in_,
                              out_,
                              err_,
                              Terminal(),
                              Terminal(),
                              [this](const char* name) { return environment_[name]; },
                              PosixFileSystem(),
                              clock_,
                              rng_,
                              waits};
    return RunCli(arguments, surroundings);
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  void PutJob(const std::string& name, v1::Job::State state, const std::string& model = "") {
    v1::Job job;
    job.set_name(name);
    job.set_state(state);
    job.set_output_model(model);
    server_.jobs.Put(job);
  }
  void RefuseDatasets() {
    v1::Dataset verdict;
    verdict.set_state(v1::Dataset::INVALID);
    verdict.set_report_json(
        R"({"errors": [{"line": 7, "column": 3, "message": "not UTF-8", "remedy": "save as UTF-8"}]})");
    server_.datasets.set_verdict(verdict);
  }

  Folder folder_;
  FakeServer server_;
  FakeClock clock_;
  SeededRng rng_{1};
  std::istringstream in_;
  std::ostringstream out_, err_;
  std::map<std::string, std::string> environment_;
};

}  // namespace attune
