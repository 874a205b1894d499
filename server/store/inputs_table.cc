// SPDX-License-Identifier: Apache-2.0
#include "server/store/inputs_table.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/store/database.h"

namespace attune {
namespace {

// Datasets and models have tables of the same form.
struct DatasetTable {
  using Value = v1::Dataset;
  static constexpr char kTable[] = "datasets";
  static constexpr char kColumn[] = "dataset";
  static constexpr TopicKind kTopic = TopicKind::kDataset;
};

struct ModelTable {
  using Value = v1::Model;
  static constexpr char kTable[] = "models";
  static constexpr char kColumn[] = "model";
  static constexpr TopicKind kTopic = TopicKind::kModel;
};

template <typename Table>
absl::Status Insert(Transaction& transaction, const typename Table::Value& value) {
  ATTUNE_ASSIGN_OR_RETURN(std::string id, ParseResourceName(Table::kTable, value.name()));
  Statement insert = transaction.database().Prepare(absl::StrCat(
      "INSERT INTO ", Table::kTable, " (id, state, ", Table::kColumn, ") VALUES (?, ?, ?)"));
  ATTUNE_RETURN_IF_ERROR(insert.Bind(id, value.state(), value).Run());
  transaction.Touch(Table::kTopic, std::move(id));
  return absl::OkStatus();
}

template <typename Table>
absl::Status Put(Transaction& transaction, const typename Table::Value& value) {
  ATTUNE_ASSIGN_OR_RETURN(std::string id, ParseResourceName(Table::kTable, value.name()));
  Statement update = transaction.database().Prepare(absl::StrCat(
      "UPDATE ", Table::kTable, " SET state = ?, ", Table::kColumn, " = ? WHERE id = ?"));
  ATTUNE_RETURN_IF_ERROR(update.Bind(value.state(), value, id).Run());
  if (transaction.database().changed_rows() == 0) {
    return absl::NotFoundError(absl::StrCat("no such ", Table::kColumn));
  }
  transaction.Touch(Table::kTopic, std::move(id));
  return absl::OkStatus();
}

template <typename Table>
absl::StatusOr<typename Table::Value> Get(const Snapshot& snapshot, std::string_view id) {
  Statement query = snapshot.database().Prepare(
      absl::StrCat("SELECT ", Table::kColumn, " FROM ", Table::kTable, " WHERE id = ?"));
  query.Bind(id);
  typename Table::Value value;
  if (query.Next() && query.Parse(0, value)) return value;
  ATTUNE_RETURN_IF_ERROR(query.status());
  return absl::NotFoundError(absl::StrCat(ResourceName(Table::kTable, id), " does not exist"));
}

template <typename Table>
absl::StatusOr<std::vector<Numbered<typename Table::Value>>> List(
    const Snapshot& snapshot, std::optional<int64_t> before_number, int limit) {
  Statement query = snapshot.database().Prepare(
      absl::StrCat("SELECT number, ", Table::kColumn, " FROM ", Table::kTable,
                   " WHERE number < ? ORDER BY number DESC LIMIT ?"));
  query.Bind(before_number.value_or(std::numeric_limits<int64_t>::max()), limit);
  std::vector<Numbered<typename Table::Value>> rows;
  typename Table::Value value;
  while (query.Next() && query.Parse(1, value)) rows.push_back({query.Int(0), std::move(value)});
  ATTUNE_RETURN_IF_ERROR(query.status());
  return rows;
}

template <typename Table>
absl::StatusOr<std::vector<std::string>> ListChecking(const Snapshot& snapshot) {
  static_assert(Table::Value::CHECKING == 1);
  Statement query = snapshot.database().Prepare(
      absl::StrCat("SELECT id FROM ", Table::kTable, " WHERE state = 1 ORDER BY number"));
  std::vector<std::string> ids;
  while (query.Next()) ids.push_back(query.Text(0));
  ATTUNE_RETURN_IF_ERROR(query.status());
  return ids;
}

}  // namespace

absl::Status InsertDataset(Transaction& transaction, const v1::Dataset& dataset) {
  return Insert<DatasetTable>(transaction, dataset);
}
absl::Status PutDataset(Transaction& transaction, const v1::Dataset& dataset) {
  return Put<DatasetTable>(transaction, dataset);
}
absl::StatusOr<v1::Dataset> GetDataset(const Snapshot& snapshot, std::string_view id) {
  return Get<DatasetTable>(snapshot, id);
}
absl::StatusOr<std::vector<Numbered<v1::Dataset>>> ListDatasets(
    const Snapshot& snapshot, std::optional<int64_t> before_number, int limit) {
  return List<DatasetTable>(snapshot, before_number, limit);
}
absl::StatusOr<std::vector<std::string>> ListCheckingDatasets(const Snapshot& snapshot) {
  return ListChecking<DatasetTable>(snapshot);
}

absl::Status InsertModel(Transaction& transaction, const v1::Model& model) {
  return Insert<ModelTable>(transaction, model);
}
absl::Status PutModel(Transaction& transaction, const v1::Model& model) {
  return Put<ModelTable>(transaction, model);
}
absl::StatusOr<v1::Model> GetModel(const Snapshot& snapshot, std::string_view id) {
  return Get<ModelTable>(snapshot, id);
}
absl::StatusOr<std::vector<Numbered<v1::Model>>> ListModels(const Snapshot& snapshot,
                                                            std::optional<int64_t> before_number,
                                                            int limit) {
  return List<ModelTable>(snapshot, before_number, limit);
}
absl::StatusOr<std::vector<std::string>> ListCheckingModels(const Snapshot& snapshot) {
  return ListChecking<ModelTable>(snapshot);
}

absl::Status PutCheck(Transaction& transaction, std::string_view key, const CheckRecord& record) {
  Statement put = transaction.database().Prepare(
      "INSERT OR REPLACE INTO checks (key, ok, report_json, message, estimated_memory_bytes) "
      "VALUES (?, ?, ?, ?, ?)");
  return put.Bind(key, record.ok, record.report_json, record.message, record.estimated_memory_bytes)
      .Run();
}

absl::StatusOr<std::optional<CheckRecord>> FindCheck(const Snapshot& snapshot,
                                                     std::string_view key) {
  Statement query = snapshot.database().Prepare(
      "SELECT ok, report_json, message, estimated_memory_bytes FROM checks WHERE key = ?");
  query.Bind(key);
  if (query.Next()) {
    return CheckRecord{query.Int(0) != 0, query.Text(1), query.Text(2), query.Int(3)};
  }
  ATTUNE_RETURN_IF_ERROR(query.status());
  return std::nullopt;
}

}  // namespace attune
