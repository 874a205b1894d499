// SPDX-License-Identifier: Apache-2.0
#include "client/cli/predict_texts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "client/cli/listing.h"
#include "client/cli/model_argument.h"
#include "client/client_errors.h"
#include "client/text/error_text.h"
#include "client/text/words.h"

namespace attune {
namespace {

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

Table TableOf(const v1::PredictResponse& response, const std::vector<std::string>& texts) {
  const bool numbers = response.rows_size() > 0 && response.rows(0).has_value();
  Table table({numbers ? "VALUE" : "LABEL", "SCORE", "TEXT"});
  const auto rows = std::min(texts.size(), static_cast<size_t>(response.rows_size()));
  for (size_t i = 0; i < rows; ++i) {
    auto [label, score] = LabelAndScore(response.rows(static_cast<int>(i)));
    table.AddRow({std::move(label), std::move(score), texts[i]});
  }
  return table;
}

}  // namespace

absl::StatusOr<int> PredictTexts(const std::string& model, const std::vector<std::string>& texts,
                                 int64_t max_length, Session& session) {
  if (session.surroundings().files.Exists(model)) {
    return ClientError(
        ClientReason::kUsage,
        absl::StrCat("--text asks a model of the server, and ", model, " is a local folder"),
        absl::StrCat("import it first: attune models import ", model));
  }
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  ATTUNE_ASSIGN_OR_RETURN(const v1::Model found, FetchModel(*connection, model));
  v1::PredictRequest request;
  request.set_name(found.name());
  request.set_max_length(max_length);
  for (const std::string& text : texts) request.add_rows()->add_texts(text);
  ATTUNE_ASSIGN_OR_RETURN(const v1::PredictResponse response,
                          connection->Call(&v1::ModelService::Stub::Predict, request));
  PrintList(session, response, response.rows(), TableOf(response, texts));
  return kExitOk;
}

}  // namespace attune
