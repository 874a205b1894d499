// SPDX-License-Identifier: Apache-2.0
#include "client/cli/checkpoint_choice.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/client_errors.h"

namespace attune {

absl::StatusOr<v1::CheckpointRef> CheckpointChoice(const std::string& choice,
                                                   const std::string& job) {
  v1::CheckpointRef ref;
  ref.set_job(job);
  ref.set_best(choice == "best");
  int64_t step = 0;
  if (choice == "newest" || choice == "best") return ref;
  if (!absl::SimpleAtoi(choice, &step) || step <= 0) {
    return ClientError(ClientReason::kUsage,
                       absl::StrCat("--checkpoint ", choice, ": expected a step, newest or best"),
                       absl::StrCat("list them: attune events ", job));
  }
  ref.set_step(step);
  return ref;
}

}  // namespace attune
