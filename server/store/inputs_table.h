// SPDX-License-Identifier: Apache-2.0
// Rows of datasets, models and cached checks. CHECKING rows are written by rpc, their results by
// inspection; models made by a job by jobs. Insert and Put touch the topic of the row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/dataset.pb.h"
#include "attune/v1/model.pb.h"
#include "server/store/store.h"

namespace attune {

template <typename T>
struct Numbered {
  int64_t number = 0;  // creation order, for page tokens
  T value;
};

absl::Status InsertDataset(Transaction& transaction, const v1::Dataset& dataset);  // ALREADY_EXISTS
absl::Status PutDataset(Transaction& transaction, const v1::Dataset& dataset);
absl::StatusOr<v1::Dataset> GetDataset(const Snapshot& snapshot, std::string_view id);
absl::StatusOr<std::vector<Numbered<v1::Dataset>>> ListDatasets(
    const Snapshot& snapshot, std::optional<int64_t> before_number, int limit);  // newest first
absl::StatusOr<std::vector<std::string>> ListCheckingDatasets(const Snapshot& snapshot);

absl::Status InsertModel(Transaction& transaction, const v1::Model& model);
absl::Status PutModel(Transaction& transaction, const v1::Model& model);
absl::StatusOr<v1::Model> GetModel(const Snapshot& snapshot, std::string_view id);
absl::StatusOr<std::vector<Numbered<v1::Model>>> ListModels(const Snapshot& snapshot,
                                                            std::optional<int64_t> before_number,
                                                            int limit);
absl::StatusOr<std::vector<std::string>> ListCheckingModels(const Snapshot& snapshot);

// Results of dataset × base × task checks, by key.
struct CheckRecord {
  bool ok = false;
  std::string report_json;
  std::string message;                 // when not ok: the first problems in words
  int64_t estimated_memory_bytes = 0;  // of the trainer at its peak; 0: not known
};
absl::Status PutCheck(Transaction& transaction, std::string_view key, const CheckRecord& record);
absl::StatusOr<std::optional<CheckRecord>> FindCheck(const Snapshot& snapshot,
                                                     std::string_view key);

}  // namespace attune
