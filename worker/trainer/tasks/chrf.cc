// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "formats/text/utf8.h"
#include "worker/trainer/tasks/ngrams.h"
#include "worker/trainer/tasks/translation_metrics.h"

namespace attune {
namespace {

constexpr size_t kOrders = 6;
constexpr double kBetaSquared = 4;

struct Counts {
  int64_t made = 0, expected = 0, right = 0;
};

std::string WithoutSpaces(const std::string& text) {
  std::string out;
  for (const std::string_view word : SplitWords(text)) out += word;
  return out;
}

// Where each character starts, and the end.
std::vector<size_t> CharacterStarts(const std::string& text) {
  std::vector<size_t> starts = {0};
  for (size_t at = 0; at < text.size();) {
    NextCharacter(text, &at);
    starts.push_back(at);
  }
  return starts;
}

void Add(const std::string& translation, const std::string& reference,
         std::array<Counts, kOrders>& counts) {
  const std::string ours = WithoutSpaces(translation), theirs = WithoutSpaces(reference);
  const std::vector<size_t> our_starts = CharacterStarts(ours);
  const std::vector<size_t> their_starts = CharacterStarts(theirs);
  for (size_t n = 1; n <= kOrders; ++n) {
    const std::vector<std::string_view> grams = NGrams(ours, our_starts, n);
    const std::vector<std::string_view> wanted = NGrams(theirs, their_starts, n);
    // As sacrebleu has it, what a reference is too short for is not counted against a translation.
    if (!wanted.empty()) counts[n - 1].made += static_cast<int64_t>(grams.size());
    counts[n - 1].expected += static_cast<int64_t>(wanted.size());
    counts[n - 1].right += CountMatches(grams, wanted);
  }
}

}  // namespace

double Chrf(const std::vector<std::string>& translations,
            const std::vector<std::string>& references) {
  std::array<Counts, kOrders> counts = {};
  for (size_t i = 0; i < translations.size(); ++i) Add(translations[i], references[i], counts);
  double precision = 0, recall = 0;
  int orders = 0;  // those that both sides have
  for (const Counts& count : counts) {
    if (count.made == 0 || count.expected == 0) continue;
    precision += static_cast<double>(count.right) / static_cast<double>(count.made);
    recall += static_cast<double>(count.right) / static_cast<double>(count.expected);
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  return 100 * (1 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall);
}

}  // namespace attune
