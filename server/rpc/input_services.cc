// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/input_services.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "server/rpc/input_validator.h"
#include "server/rpc/prediction_call.h"
#include "server/store/blobs_table.h"
#include "server/store/inputs_table.h"

namespace attune {
namespace {

using google::protobuf::util::MessageDifferencer;
using google::protobuf::util::TimeUtil;

google::protobuf::Timestamp NowAsTimestamp(const Clock& clock) {
  return TimeUtil::MillisecondsToTimestamp(absl::ToUnixMillis(clock.Now()));
}

absl::Status RequireBlob(const Snapshot& snapshot, const v1::FileRef& file) {
  ATTUNE_ASSIGN_OR_RETURN(const auto size, FindBlobSize(snapshot, file.sha256()));
  if (size && *size == file.size_bytes()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "INPUT_NOT_READY",
                   absl::StrCat("the bytes of '", file.path(), "' (sha256 ", file.sha256(), ", ",
                                file.size_bytes(),
                                " bytes) were not uploaded; send them with BlobService.WriteBlob "
                                "first"));
}

absl::Status Taken(std::string_view name) {
  return MakeError(
      absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS",
      absl::StrCat(std::string(name),
                   " exists with other content; nothing is ever overwritten, so choose "
                   "another id"));
}

bool SameFiles(const v1::Model& a, const v1::Model& b) {
  if (a.files_size() != b.files_size()) return false;
  for (int i = 0; i < a.files_size(); ++i) {
    if (!MessageDifferencer::Equals(a.files(i), b.files(i))) return false;
  }
  return true;
}

bool SameContent(const v1::Dataset& a, const v1::Dataset& b) {
  return a.file().sha256() == b.file().sha256() && a.format() == b.format() &&
         MessageDifferencer::Equals(a.columns(), b.columns());
}

// One page of numbered rows, newest first.
template <typename T, typename List, typename Add>
absl::Status FillPage(const Snapshot& snapshot, const PageTokens& tokens, std::string_view query,
                      int32_t requested, const std::string& token, List list, Add add,
                      std::string* next_page_token) {
  ATTUNE_ASSIGN_OR_RETURN(const int page_size, PageSize(requested));
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<int64_t> before, tokens.Read(query, token));
  ATTUNE_ASSIGN_OR_RETURN(std::vector<Numbered<T>> rows, list(snapshot, before, page_size + 1));
  const bool more = static_cast<int>(rows.size()) > page_size;
  if (more) {
    rows.resize(page_size);
    *next_page_token = tokens.Make(query, rows.back().number);
  }
  for (Numbered<T>& row : rows) add(std::move(row.value));
  return absl::OkStatus();
}

}  // namespace

DatasetServiceImpl::Reactor* DatasetServiceImpl::CreateDataset(
    Context* context, const v1::CreateDatasetRequest* request, v1::Dataset* response) {
  return WriteThenReply(parts_, context, Access::kClient,
                        [this, request, response](Transaction& transaction) -> absl::Status {
                          v1::CreateDatasetRequest full = *request;
                          v1::Dataset& given = *full.mutable_dataset();
                          FillDefaults(given);
                          if (auto violations = ValidateDataset(full); !violations.empty()) {
                            return InvalidFields(std::move(violations));
                          }
                          absl::StatusOr<v1::Dataset> existing =
                              attune::GetDataset(transaction, full.dataset_id());
                          if (existing.ok()) {
                            if (!SameContent(*existing, given)) return Taken(existing->name());
                            *response = *std::move(existing);
                            return absl::OkStatus();
                          }
                          ATTUNE_RETURN_IF_ERROR(RequireBlob(transaction, given.file()));
                          v1::Dataset dataset;
                          dataset.set_name(ResourceName("datasets", full.dataset_id()));
                          dataset.set_display_name(given.display_name());
                          *dataset.mutable_file() = given.file();
                          dataset.set_format(given.format());
                          *dataset.mutable_columns() = given.columns();
                          dataset.set_state(v1::Dataset::CHECKING);
                          *dataset.mutable_create_time() = NowAsTimestamp(clock_);
                          ATTUNE_RETURN_IF_ERROR(InsertDataset(transaction, dataset));
                          transaction.Touch(TopicKind::kDataset, full.dataset_id());
                          *response = std::move(dataset);
                          return absl::OkStatus();
                        });
}

DatasetServiceImpl::Reactor* DatasetServiceImpl::GetDataset(Context* context,
                                                            const v1::GetDatasetRequest* request,
                                                            v1::Dataset* response) {
  return ReadNow(parts_, context, Access::kClient, [&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("datasets", request->name()));
    ATTUNE_ASSIGN_OR_RETURN(*response, attune::GetDataset(snapshot, id));
    return absl::OkStatus();
  });
}

DatasetServiceImpl::Reactor* DatasetServiceImpl::ListDatasets(
    Context* context, const v1::ListDatasetsRequest* request, v1::ListDatasetsResponse* response) {
  return ReadOnPool(parts_, context, Access::kClient, [this, request, response](Snapshot& s) {
    return FillPage<v1::Dataset>(
        s, tokens_, "datasets", request->page_size(), request->page_token(), attune::ListDatasets,
        [response](v1::Dataset row) { *response->add_datasets() = std::move(row); },
        response->mutable_next_page_token());
  });
}

ModelServiceImpl::Reactor* ModelServiceImpl::CreateModel(Context* context,
                                                         const v1::CreateModelRequest* request,
                                                         v1::Model* response) {
  return WriteThenReply(parts_, context, Access::kClient,
                        [this, request, response](Transaction& transaction) -> absl::Status {
                          if (auto violations = ValidateModel(*request); !violations.empty()) {
                            return InvalidFields(std::move(violations));
                          }
                          absl::StatusOr<v1::Model> existing =
                              attune::GetModel(transaction, request->model_id());
                          if (existing.ok()) {
                            if (!SameFiles(*existing, request->model()))
                              return Taken(existing->name());
                            *response = *std::move(existing);
                            return absl::OkStatus();
                          }
                          for (const v1::FileRef& file : request->model().files()) {
                            ATTUNE_RETURN_IF_ERROR(RequireBlob(transaction, file));
                          }
                          v1::Model model;
                          model.set_name(ResourceName("models", request->model_id()));
                          model.set_display_name(request->model().display_name());
                          *model.mutable_files() = request->model().files();
                          model.set_state(v1::Model::CHECKING);
                          *model.mutable_create_time() = NowAsTimestamp(clock_);
                          ATTUNE_RETURN_IF_ERROR(InsertModel(transaction, model));
                          transaction.Touch(TopicKind::kModel, request->model_id());
                          *response = std::move(model);
                          return absl::OkStatus();
                        });
}

ModelServiceImpl::Reactor* ModelServiceImpl::GetModel(Context* context,
                                                      const v1::GetModelRequest* request,
                                                      v1::Model* response) {
  return ReadNow(parts_, context, Access::kClient, [&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("models", request->name()));
    ATTUNE_ASSIGN_OR_RETURN(*response, attune::GetModel(snapshot, id));
    return absl::OkStatus();
  });
}

ModelServiceImpl::Reactor* ModelServiceImpl::ListModels(Context* context,
                                                        const v1::ListModelsRequest* request,
                                                        v1::ListModelsResponse* response) {
  return ReadOnPool(parts_, context, Access::kClient, [this, request, response](Snapshot& s) {
    return FillPage<v1::Model>(
        s, tokens_, "models", request->page_size(), request->page_token(), attune::ListModels,
        [response](v1::Model row) { *response->add_models() = std::move(row); },
        response->mutable_next_page_token());
  });
}

ModelServiceImpl::Reactor* ModelServiceImpl::Predict(Context* context,
                                                     const v1::PredictRequest* request,
                                                     v1::PredictResponse* response) {
  absl::StatusOr<PredictionTask> task;
  absl::Status status = parts_.authenticator.Authorise(*context, Access::kClient);
  if (status.ok()) {
    status = RunGuarded(parts_.counters, [&] {
      return parts_.store.Read([&](Snapshot& snapshot) {
        task = ReadPredictionTask(snapshot, *request);
        return task.status();
      });
    });
  }
  return StartPrediction(sessions_, status.ok() ? std::move(task) : status, *context, *response);
}

}  // namespace attune
