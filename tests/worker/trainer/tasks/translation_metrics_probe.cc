// SPDX-License-Identifier: Apache-2.0
// translation_metrics_probe, for tests of parity. A line of standard input is a corpus:
// {"translations": [TEXT, …], "references": [TEXT, …]}; its answer is {"bleu", "chrf"}.
#include <iostream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "worker/trainer/tasks/translation_metrics.h"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const nlohmann::json corpus = nlohmann::json::parse(line);
    const auto translations = corpus.at("translations").get<std::vector<std::string>>();
    const auto references = corpus.at("references").get<std::vector<std::string>>();
    const nlohmann::json scores = {{"bleu", attune::Bleu(translations, references)},
                                   {"chrf", attune::Chrf(translations, references)}};
    std::cout << scores.dump() << "\n";
  }
  return 0;
}
