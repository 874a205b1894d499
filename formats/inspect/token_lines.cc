// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/token_lines.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "formats/json/strict_json.h"

namespace attune {

absl::Status TokenizeLines(const Tokenizer& tokenizer, int64_t max_length, std::istream& in,
                           std::ostream& out) {
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    ATTUNE_ASSIGN_OR_RETURN(const nlohmann::ordered_json json, ParseJsonFile(line, "stdin"));
    Encoding encoding;
    if (json.is_string()) {
      encoding = tokenizer.Encode(json.get_ref<const std::string&>(), max_length);
    } else if (json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string()) {
      encoding = tokenizer.EncodePair(json[0].get_ref<const std::string&>(),
                                      json[1].get_ref<const std::string&>(), max_length);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("stdin:", number, ": expected a string or a list of two"));
    }
    out << "[" << absl::StrJoin(encoding.ids, ",") << "]\n";
  }
  return absl::OkStatus();
}

}  // namespace attune
