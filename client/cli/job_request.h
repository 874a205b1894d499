// SPDX-License-Identifier: Apache-2.0
// What `attune submit` asks for: a job file, flags on top of it, settings on top of these.
#pragma once

#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/job_service.pb.h"
#include "base/file_system.h"

namespace attune {

struct JobOptions {
  std::string file;        // "-": standard input; empty: none
  std::string checkpoint;  // of the origin, to start with: "newest", "best" or a step; empty: none
  std::string method;      // "full", "lora", "head" or "partial"; empty: as it stands
  std::string task;        // the field of the task in FineTune; empty: as it stands
  int64_t beam_size = 0;   // of translations; 0: as it stands
  std::string base, train, eval, test;
  std::optional<double> eval_fraction;
  std::string id, id_prefix;
  std::optional<int> priority;
  std::vector<std::string> labels;    // "k=v"
  std::vector<std::string> settings;  // "hyperparameters.learning_rate=1e-4"
};

// `origin` is the job to begin with where no file is given: its spec, labels and priority; nullptr:
// an empty fine-tuning job, without a task. Inputs are still as people name them: ids, names or
// paths (those in a job file are relative to it). kLocalInput for the file, kUsage for the flags.
absl::StatusOr<v1::CreateJobRequest> BuildJobRequest(const JobOptions& options,
                                                     const v1::Job* origin, std::istream& in,
                                                     FileSystem& files);

}  // namespace attune
