// SPDX-License-Identifier: Apache-2.0
// The two tokens of a data folder, made at the first start: admin.token for people and services,
// worker.token for workers. 256 random bits each, in files of mode 0600.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/rng.h"

namespace attune {

struct AccessTokens {
  std::string admin, worker;
};

absl::StatusOr<AccessTokens> LoadOrMakeTokens(FileSystem& files, const std::string& data_dir,
                                              Rng& rng);

}  // namespace attune
