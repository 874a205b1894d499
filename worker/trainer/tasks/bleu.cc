// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>

#include "absl/strings/str_replace.h"
#include "worker/trainer/tasks/ngrams.h"
#include "worker/trainer/tasks/translation_metrics.h"

namespace attune {
namespace {

constexpr size_t kOrders = 4;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Symbols of ASCII that are words of their own: all but "'", ",", "-" and "." (and letters, digits,
// control characters). A space counts as one, which changes nothing.
bool IsSymbol(char c) {
  return (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || c == '/' || (c >= ':' && c <= '@') ||
         (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

bool IsPoint(char c) { return c == '.' || c == ','; }

std::string WithSymbolsApart(const std::string& text) {
  std::string out;
  for (const char c : text) {
    IsSymbol(c) ? out.append({' ', c, ' '}) : out.append(1, c);
  }
  return out;
}

// Each rule looks at pairs of neighbours, from the left; a pair that it changes is used up.
// ([^0-9])([.,]) → "\1 \2 "
std::string WithPointsBehindOthersApart(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (i + 1 == text.size() || IsDigit(text[i]) || !IsPoint(text[i + 1])) continue;
    out.append({' ', text[++i], ' '});
  }
  return out;
}

// ([.,])([^0-9]) → " \1 \2"
std::string WithPointsBeforeOthersApart(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 == text.size() || !IsPoint(text[i]) || IsDigit(text[i + 1])) {
      out += text[i];
    } else {
      out.append({' ', text[i], ' ', text[i + 1]});
      ++i;
    }
  }
  return out;
}

// ([0-9])(-) → "\1 \2 "
std::string WithDashesBehindDigitsApart(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (i + 1 == text.size() || !IsDigit(text[i]) || text[i + 1] != '-') continue;
    out.append({' ', text[++i], ' '});
  }
  return out;
}

// What sacrebleu's tokeniser "13a" makes of a text, as mteval-v13a.pl of WMT does: its words, each
// with one space behind it. Bytes above 0x7F are like letters, so bytes will do for characters.
std::string Tokenize13a(const std::string& text) {
  std::string line = text;
  const std::vector<std::string_view> words = SplitWords(line);
  line.resize(words.empty() ? 0
                            : static_cast<size_t>(words.back().data() - line.data()) +
                                  words.back().size());  // no white space at the end
  const auto replace = [&](const char* what, const char* by) {
    line = absl::StrReplaceAll(line, {{what, by}});
  };
  replace("<skipped>", "");
  replace("-\n", "");
  replace("\n", " ");
  replace("&quot;", "\"");
  replace("&amp;", "&");
  replace("&lt;", "<");
  replace("&gt;", ">");
  line = WithDashesBehindDigitsApart(
      WithPointsBeforeOthersApart(WithPointsBehindOthersApart(WithSymbolsApart(" " + line + " "))));
  std::string tokens;
  for (const std::string_view word : SplitWords(line)) tokens.append(word).append(1, ' ');
  return tokens;
}

// Where each token starts, and the end.
std::vector<size_t> TokenStarts(const std::string& tokens) {
  std::vector<size_t> starts = {0};
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == ' ') starts.push_back(i + 1);
  }
  return starts;
}

struct Statistics {
  int64_t made_length = 0, reference_length = 0;
  std::array<int64_t, kOrders> right = {}, made = {};  // n-grams, by n − 1

  void Add(const std::string& translation, const std::string& reference) {
    const std::string ours = Tokenize13a(translation), theirs = Tokenize13a(reference);
    const std::vector<size_t> our_starts = TokenStarts(ours), their_starts = TokenStarts(theirs);
    made_length += static_cast<int64_t>(our_starts.size()) - 1;
    reference_length += static_cast<int64_t>(their_starts.size()) - 1;
    for (size_t n = 1; n <= kOrders; ++n) {
      const std::vector<std::string_view> grams = NGrams(ours, our_starts, n);
      made[n - 1] += static_cast<int64_t>(grams.size());
      right[n - 1] += CountMatches(grams, NGrams(theirs, their_starts, n));
    }
  }
};

// The geometric mean of the precisions; one without any match counts as 1/2, 1/4, … of a match.
double MeanPrecision(const Statistics& counted) {
  double sum_of_logs = 0, share = 1;
  for (size_t n = 0; n < kOrders; ++n) {
    if (counted.made[n] == 0) return 0;
    double right = static_cast<double>(counted.right[n]);
    if (right == 0) right = share /= 2;
    sum_of_logs += std::log(100 * right / static_cast<double>(counted.made[n]));
  }
  return std::exp(sum_of_logs / kOrders);
}

}  // namespace

double Bleu(const std::vector<std::string>& translations,
            const std::vector<std::string>& references) {
  Statistics counted;
  for (size_t i = 0; i < translations.size(); ++i) counted.Add(translations[i], references[i]);
  if (counted.right[0] == 0) return 0;
  const auto made = static_cast<double>(counted.made_length);
  const auto expected = static_cast<double>(counted.reference_length);
  const double brevity = made < expected ? std::exp(1 - expected / made) : 1;
  return brevity * MeanPrecision(counted);
}

}  // namespace attune
