// SPDX-License-Identifier: Apache-2.0
#include "client/input_publisher.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "client/client_errors.h"
#include "client/image_files.h"
#include "client/model_files.h"

namespace attune {
namespace {

constexpr absl::Duration kFirstPoll = absl::Milliseconds(20);
constexpr absl::Duration kSlowestPoll = absl::Seconds(1);
constexpr size_t kContentDigits = 8;

// "reviews-5f3a9c01": readable, and another content is another id.
std::string ContentId(const std::string& path, const std::string& content) {
  const std::string stem = std::filesystem::path(path).stem().string();
  return absl::StrCat(SlugFrom(stem), "-", Sha256::Hex(content).substr(0, kContentDigits));
}

std::string DatasetContent(const v1::Dataset& dataset) {
  const v1::TextColumns& columns = dataset.columns();
  std::string content = absl::StrCat(dataset.file().sha256(), "\n", dataset.format(), "\n",
                                     absl::StrJoin(columns.text(), "\n"), "\n\n", columns.label());
  // Only where they are given: ids of plain files stay what they were.
  if (columns.label_kind() != v1::LABEL_KIND_UNSPECIFIED) {
    absl::StrAppend(&content, "\nkind ", columns.label_kind());
  }
  if (!columns.label_separator().empty()) {
    absl::StrAppend(&content, "\nseparator ", columns.label_separator());
  }
  const std::map<std::string, std::string> names(columns.label_names().begin(),
                                                 columns.label_names().end());
  for (const auto& [raw, name] : names) absl::StrAppend(&content, "\n", raw, "\n", name);
  return content;
}

std::map<std::string, std::string> Digests(const v1::Model& model) {
  std::map<std::string, std::string> digests;
  for (const v1::FileRef& file : model.files()) digests[file.path()] = file.sha256();
  return digests;
}

std::string ModelContent(const v1::Model& model) {
  std::string content;
  for (const auto& [path, sha256] : Digests(model))
    absl::StrAppend(&content, path, " ", sha256, "\n");
  return content;
}

absl::Status Taken(const std::string& name) {
  return MakeError(absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS",
                   absl::StrCat(name, " exists and has another content; choose another --id"));
}

// The folder's own name: of "models/minilm/" it is "minilm", of "." that of the working folder.
std::string FolderName(const std::string& folder) {
  const auto path = std::filesystem::absolute(folder).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

// Calls `get` until its resource is no longer CHECKING.
template <typename Get>
auto Await(Interruption& interruption, Get get) -> decltype(get()) {
  absl::Duration delay = kFirstPoll;
  while (true) {
    auto resource = get();
    if (!resource.ok() || resource->state() != decltype(resource->state())(1)) return resource;
    if (!interruption.WaitFor(delay)) {
      return ClientError(ClientReason::kInterrupted, "interrupted", "the check goes on by itself");
    }
    delay = std::min(delay * 1.5, kSlowestPoll);
  }
}
static_assert(v1::Dataset::CHECKING == 1 && v1::Model::CHECKING == 1);

}  // namespace

InputPublisher::InputPublisher(Connection& connection, FileSystem& files, TransferObserver observer)
    : connection_(connection), files_(files), uploader_(connection, std::move(observer)) {}

absl::StatusOr<Published<v1::Dataset>> InputPublisher::PublishDataset(const DatasetFile& file) {
  Published<v1::Dataset> published;
  ATTUNE_ASSIGN_OR_RETURN(const LocalFile local, Describe(file, published.notes));
  v1::CreateDatasetRequest request;
  v1::Dataset& dataset = *request.mutable_dataset();
  *dataset.mutable_file() = local.ref;
  dataset.set_format(file.format);
  *dataset.mutable_columns() = file.columns;
  request.set_dataset_id(file.id.empty() ? ContentId(local.ref.path(), DatasetContent(dataset))
                                         : file.id);

  v1::GetDatasetRequest get;
  get.set_name(ResourceName("datasets", request.dataset_id()));
  const auto existing = connection_.Call(&v1::DatasetService::Stub::GetDataset, get);
  if (!existing.ok() && !absl::IsNotFound(existing.status())) return existing.status();
  published.already_there = existing.ok();
  if (existing.ok() && existing->file().sha256() != local.ref.sha256()) return Taken(get.name());
  ATTUNE_RETURN_IF_ERROR(uploader_.Upload({local}));
  ATTUNE_ASSIGN_OR_RETURN(published.resource,
                          connection_.Call(&v1::DatasetService::Stub::CreateDataset, request));
  return published;
}

absl::StatusOr<Published<v1::Model>> InputPublisher::PublishModel(const std::string& folder,
                                                                  std::string id) {
  ATTUNE_ASSIGN_OR_RETURN(ModelFiles found, FindModelFiles(folder));
  ATTUNE_ASSIGN_OR_RETURN(const auto local, DescribeModel(folder, found.paths));
  v1::CreateModelRequest request;
  for (const LocalFile& file : local) *request.mutable_model()->add_files() = file.ref;
  request.set_model_id(id.empty() ? ContentId(FolderName(folder), ModelContent(request.model()))
                                  : std::move(id));

  Published<v1::Model> published;
  published.notes = std::move(found.notes);
  v1::GetModelRequest get;
  get.set_name(ResourceName("models", request.model_id()));
  const auto existing = connection_.Call(&v1::ModelService::Stub::GetModel, get);
  if (!existing.ok() && !absl::IsNotFound(existing.status())) return existing.status();
  published.already_there = existing.ok();
  if (existing.ok() && Digests(*existing) != Digests(request.model())) return Taken(get.name());
  ATTUNE_RETURN_IF_ERROR(uploader_.Upload(local));
  ATTUNE_ASSIGN_OR_RETURN(published.resource,
                          connection_.Call(&v1::ModelService::Stub::CreateModel, request));
  return published;
}

absl::StatusOr<LocalFile> InputPublisher::Describe(const DatasetFile& file,
                                                   std::vector<std::string>& notes) {
  std::error_code error;
  const std::string filename = std::filesystem::path(file.path).filename().string();
  const bool folder = std::filesystem::is_directory(file.path, error);
  if (folder && !file.target.empty()) {
    return ClientError(ClientReason::kUsage,
                       absl::StrCat(file.path, " is a folder, which has no lines to translate"),
                       "name two text files, or leave the target out");
  }
  if (folder) return DescribeImages(file, notes);
  if (file.target.empty()) return DescribeFile(files_, file.path, filename);
  return DescribeAligned(files_, file.path, file.target, filename + ".jsonl");
}

absl::StatusOr<LocalFile> InputPublisher::DescribeImages(const DatasetFile& file,
                                                         std::vector<std::string>& notes) {
  if (file.format != v1::Dataset::FORMAT_UNSPECIFIED && file.format != v1::Dataset::IMAGES) {
    return ClientError(ClientReason::kUsage,
                       absl::StrCat(file.path, " is a folder, which can hold images only"),
                       "leave --format out, or name the file in it");
  }
  ATTUNE_ASSIGN_OR_RETURN(ImageFiles found, FindImageFiles(file.path));
  notes = std::move(found.notes);
  // By its extension the server knows the format.
  return DescribeArchive(files_, file.path, std::move(found.members),
                         FolderName(file.path) + ".tar");
}

absl::StatusOr<std::vector<LocalFile>> InputPublisher::DescribeModel(
    const std::string& folder, const std::vector<std::string>& paths) {
  std::vector<LocalFile> local;
  for (const std::string& path : paths) {
    ATTUNE_ASSIGN_OR_RETURN(local.emplace_back(),
                            DescribeFile(files_, JoinPath(folder, path), path));
  }
  return local;
}

absl::StatusOr<v1::Dataset> InputPublisher::AwaitDataset(const std::string& name) {
  v1::GetDatasetRequest request;
  request.set_name(name);
  return Await(connection_.interruption(),
               [&] { return connection_.Call(&v1::DatasetService::Stub::GetDataset, request); });
}

absl::StatusOr<v1::Model> InputPublisher::AwaitModel(const std::string& name) {
  v1::GetModelRequest request;
  request.set_name(name);
  return Await(connection_.interruption(),
               [&] { return connection_.Call(&v1::ModelService::Stub::GetModel, request); });
}

}  // namespace attune
