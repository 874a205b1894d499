// SPDX-License-Identifier: Apache-2.0
// The inputs of a job made ready: local files and folders become datasets and models on the server,
// bare ids become names, and everything is checked before a job is made.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/job_spec.pb.h"
#include "client/cli/dataset_options.h"
#include "client/cli/session.h"
#include "client/input_publisher.h"

namespace attune {

// Where a job names what it works on; views into the spec. An optional one may be empty.
struct InputFields {
  std::string* model;
  std::vector<std::string*> datasets;
};
InputFields InputFieldsOf(v1::JobSpec& spec);

class JobInputs {
 public:
  // Borrows all three.
  JobInputs(Session& session, Connection& connection, const DatasetOptions& reading);

  // Puts names in place of what people wrote. kLocalInput: neither a name nor a file.
  absl::Status Publish(v1::JobSpec& spec);

  // Where a fine-tuning job names no task: the one that its training rows are of. After Publish.
  absl::Status ChooseTask(v1::JobSpec& spec);

  // Waits for the checks. False: an input is INVALID, and its problems were printed.
  absl::StatusOr<bool> AwaitChecks(const v1::JobSpec& spec);

 private:
  absl::Status PublishDataset(std::string& input);
  absl::Status PublishModel(std::string& input);
  // False: given as a name, which now is complete.
  absl::StatusOr<bool> IsLocal(const char* collection, std::string& input);
  void Refuse(const std::string& name, const std::string& problems);

  Session& session_;
  const DatasetOptions& reading_;
  InputPublisher publisher_;
};

}  // namespace attune
