// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/job_filter.h"

#include <cctype>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

struct Token {
  std::string text;
  size_t column = 0;  // 1-based
  bool quoted = false;
};

absl::Status Bad(size_t column, std::string_view what) {
  return InvalidFields({{"filter", absl::StrCat("column ", column, ": ", std::string(what),
                                                "; write terms like state = RUNNING or "
                                                "labels.team = \"nlp\", joined by AND")}});
}

absl::StatusOr<std::vector<Token>> Tokenise(std::string_view filter) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < filter.size();) {
    const char c = filter[i];
    if (std::isspace(static_cast<unsigned char>(c))) {
      ++i;
      continue;
    }
    size_t end = i;
    if (c == '"') {
      end = filter.find('"', i + 1);
      if (end == std::string_view::npos) return Bad(i + 1, "this quote is never closed");
      tokens.push_back({std::string(filter.substr(i + 1, end - i - 1)), i + 1, true});
      i = end + 1;
      continue;
    }
    if (c == '=' || c == '!') {
      end = i + (c == '!' ? 2 : 1);
    } else {
      while (end < filter.size() && !std::isspace(static_cast<unsigned char>(filter[end])) &&
             filter[end] != '=' && filter[end] != '!' && filter[end] != '"') {
        ++end;
      }
    }
    tokens.push_back({std::string(filter.substr(i, end - i)), i + 1, false});
    i = end;
  }
  return tokens;
}

absl::Status AddTerm(const Token& field, bool equal, const Token& value, JobListQuery& query) {
  if (field.text == "state") {
    v1::Job::State state;
    if (!v1::Job::State_Parse(value.text, &state) || state == v1::Job::STATE_UNSPECIFIED) {
      return Bad(value.column, "no such state");
    }
    if (!query.states.empty() && (equal || !query.exclude_states)) {
      return Bad(field.column, "one state only (several are possible with != alone)");
    }
    query.states.push_back(state);
    query.exclude_states = !equal;
    return absl::OkStatus();
  }
  if (absl::StartsWith(field.text, "labels.") && field.text.size() > 7) {
    query.labels.push_back({field.text.substr(7), value.text, equal});
    return absl::OkStatus();
  }
  return Bad(field.column, "unknown field; there are state and labels.KEY");
}

}  // namespace

absl::Status ParseJobFilter(std::string_view filter, JobListQuery& query) {
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<Token> tokens, Tokenise(filter));
  for (size_t i = 0; i < tokens.size(); i += 3) {
    if (i > 0) {
      if (tokens[i].quoted || tokens[i].text != "AND") return Bad(tokens[i].column, "expected AND");
      ++i;
    }
    if (i + 2 >= tokens.size()) return Bad(filter.size() + 1, "a term ends too early");
    const Token& op = tokens[i + 1];
    if (op.quoted || (op.text != "=" && op.text != "!=")) {
      return Bad(op.column, "expected = or !=");
    }
    ATTUNE_RETURN_IF_ERROR(AddTerm(tokens[i], op.text == "=", tokens[i + 2], query));
  }
  return absl::OkStatus();
}

}  // namespace attune
