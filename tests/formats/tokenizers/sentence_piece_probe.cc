// SPDX-License-Identifier: Apache-2.0
// sentence_piece_probe FILE.spm, for tests of parity. A line of standard input is a JSON string, or
// a list of ids; its answer {"ids", "text"} has what it becomes, and what the ids become.
// Exit: 0; 1 and the reason on standard error when the file is not usable.
#include <iostream>
#include <string>
#include <vector>

#include "formats/tokenizers/sentence_piece.h"
#include "nlohmann/json.hpp"

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "sentence_piece_probe: expected a .spm file\n";
    return 2;
  }
  const auto model = attune::SentencePiece::Open(arguments[1]);
  if (!model.ok()) {
    std::cerr << model.status().message() << "\n";
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const nlohmann::json input = nlohmann::json::parse(line);
    const auto ids = input.is_string() ? (*model)->Encode(input.get_ref<const std::string&>())
                                       : input.get<std::vector<int32_t>>();
    std::cout << nlohmann::json{{"ids", ids}, {"text", (*model)->Decode(ids)}}.dump() << "\n";
  }
  return 0;
}
