// SPDX-License-Identifier: Apache-2.0
#include "client/cli/predict_rows.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/trainer_protocol.h"
#include "client/cli/listing.h"
#include "client/cli/model_argument.h"
#include "client/client_errors.h"
#include "client/text/error_text.h"
#include "client/text/words.h"

namespace attune {
namespace {

constexpr int64_t kMaxImagesBytes = 3 << 20;  // of one call; see model_service.proto

// What is predicted of a row, and how sure the model is of it.
std::pair<std::string, std::string> LabelAndScore(const v1::Prediction& row) {
  if (row.has_value()) return {MetricText(row.value()), ""};
  std::vector<std::string> labels = {row.labels().begin(), row.labels().end()};
  if (!row.label().empty()) labels = {row.label()};
  std::vector<std::string> scores;
  for (const std::string& label : labels) {
    const auto score = row.scores().find(label);
    scores.push_back(score == row.scores().end() ? "-" : MetricText(score->second));
  }
  return {absl::StrJoin(labels, ", "), absl::StrJoin(scores, ", ")};
}

Table TableOf(const v1::PredictResponse& response, const FewRows& asked) {
  const bool numbers = response.rows_size() > 0 && response.rows(0).has_value();
  const std::vector<std::string>& names = asked.images.empty() ? asked.texts : asked.images;
  Table table({numbers ? "VALUE" : "LABEL", "SCORE", asked.images.empty() ? "TEXT" : "IMAGE"});
  const auto rows = std::min(names.size(), static_cast<size_t>(response.rows_size()));
  for (size_t i = 0; i < rows; ++i) {
    auto [label, score] = LabelAndScore(response.rows(static_cast<int>(i)));
    table.AddRow({std::move(label), std::move(score), names[i]});
  }
  return table;
}

// One a line and nothing else, for whoever reads on.
void PrintTranslations(const v1::PredictResponse& response, std::ostream& out) {
  for (const v1::Prediction& row : response.rows()) out << Printable(row.translation()) << "\n";
}

absl::Status TooLarge(const std::string& path) {
  return ClientError(ClientReason::kLocalInput,
                     absl::StrCat("up to ", path, " the images have more than ",
                                  BytesText(kMaxImagesBytes), ", which is what one call may hold"),
                     "name fewer or smaller ones, or predict a folder of them with a job: --data "
                     "DIR");
}

absl::Status AddImages(const FewRows& asked, FileSystem& files, v1::PredictRequest& request) {
  int64_t left = kMaxImagesBytes;
  for (const std::string& path : asked.images) {
    const absl::StatusOr<int64_t> size = files.FileSize(path);
    if (!size.ok()) return LocalFileError(size.status(), path);
    if (*size > left) return TooLarge(path);
    absl::StatusOr<std::string> bytes = files.ReadFile(path, left);
    if (!bytes.ok()) return LocalFileError(bytes.status(), path);
    if (bytes->empty()) {
      return ClientError(ClientReason::kLocalInput, absl::StrCat(path, " is empty"),
                         "name a JPEG or PNG file");
    }
    left -= static_cast<int64_t>(bytes->size());
    request.add_rows()->set_image(*std::move(bytes));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> PredictRows(const std::string& model, const FewRows& rows, Session& session) {
  FileSystem& files = session.surroundings().files;
  if (files.Exists(model)) {
    return ClientError(
        ClientReason::kUsage,
        absl::StrCat(rows.images.empty() ? "--text" : "--image",
                     " asks a model of the server, and ", model, " is a local folder"),
        absl::StrCat("import it first: attune models import ", model));
  }
  v1::PredictRequest request;
  request.set_max_length(rows.max_length);
  if (rows.beam_size > 0) request.mutable_decoding()->set_beam_size(rows.beam_size);
  for (const std::string& text : rows.texts) request.add_rows()->add_texts(text);
  ATTUNE_RETURN_IF_ERROR(AddImages(rows, files, request));
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  ATTUNE_ASSIGN_OR_RETURN(const v1::Model found, FetchModel(*connection, model));
  request.set_name(found.name());
  ATTUNE_ASSIGN_OR_RETURN(const v1::PredictResponse response,
                          connection->Call(&v1::ModelService::Stub::Predict, request));
  if (found.model_type() == kMarianSsru && session.format() == OutputFormat::kTable) {
    PrintTranslations(response, session.out());
  } else {
    PrintList(session, response, response.rows(), TableOf(response, rows));
  }
  return kExitOk;
}

}  // namespace attune
