// SPDX-License-Identifier: Apache-2.0
// A FeatureMatrix on disk: 4096 bytes of JSON (format, key, rows, width) padded with spaces, the
// rows, and the SHA-256 of all that in hex. A file with its final name is complete.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "worker/trainer/features/feature_matrix.h"

namespace attune {

// Takes the next rows, one after another.
using RowSink = absl::FunctionRef<absl::Status(const float* rows, int64_t count)>;
// Gives all rows to the sink, in order; a status other than OK ends it.
using RowSource = absl::FunctionRef<absl::Status(RowSink)>;

// Durable once it returns OK; otherwise there is no such file.
absl::Status WriteFeatureFile(FileSystem& files, const std::string& path, const std::string& key,
                              FeatureShape shape, RowSource source);

// Reads it through once, to compare hashes, and leaves it mapped. NOT_FOUND; DATA_LOSS says how it
// is not what was asked for.
absl::StatusOr<std::shared_ptr<const FeatureMatrix>> OpenFeatureFile(const std::string& path,
                                                                     const std::string& key,
                                                                     FeatureShape shape);

}  // namespace attune
