// SPDX-License-Identifier: Apache-2.0
// The settings that Marian keeps beside its weights: YAML, of which it writes "key: value" lines
// and, below a key without a value, "  - item" lines.
#include <charconv>
#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "formats/text/utf8.h"
#include "formats/weights/translation_config.h"
#include "formats/weights/translation_sizes.h"

namespace attune {
namespace {

constexpr char kOnlyThis[] =
    "Choose a student model with an SSRU decoder, as Firefox Translations and Bergamot have them.";

// What decides about the architecture. One that is not said has the value of `absent`.
struct Fixed {
  const char *key, *value, *absent;
};
constexpr Fixed kFixed[] = {
    {"type", "transformer", "amun"},
    {"transformer-decoder-autoreg", "rnn", "self-attention"},
    {"dec-cell", "ssru", "gru"},
    {"tied-embeddings-all", "true", "false"},
    {"transformer-postprocess", "dan", "dan"},
    {"transformer-preprocess", "", ""},
    {"transformer-postprocess-top", "", ""},
    {"transformer-ffn-activation", "relu", "swish"},
    {"transformer-ffn-depth", "2", "2"},
    {"transformer-decoder-ffn-depth", "0", "0"},  // as the encoder's
    {"transformer-train-position-embeddings", "false", "false"},
    {"transformer-no-projection", "false", "false"},
    {"transformer-pool", "false", "false"},
    {"transformer-rnn-projection", "false", "false"},
    {"transformer-depth-scaling", "false", "false"},
    {"transformer-tied-layers", "[]", "[]"},
    {"lemma-dim-emb", "0", "0"},
    {"output-omit-bias", "false", "false"},
    {"right-left", "false", "false"},
    {"ulr", "false", "false"},
};

class SettingsReader {
 public:
  SettingsReader(const std::string& file, Problems& problems) : file_(file), problems_(problems) {}

  void ReadLines(std::string_view yaml) {
    int64_t number = 0;
    for (const absl::string_view piece :
         absl::StrSplit(absl::string_view(yaml.data(), yaml.size()), '\n')) {
      ++number;
      const std::string_view line(piece.data(), piece.size());
      if (line.empty() || line.front() == '#') continue;
      if (!ReadLine(line)) {
        Refuse(
            absl::StrCat("line ", number, " of its settings is no 'key: value' of a new key and ",
                         "no item: ", Printable(line, 80)),
            "Hand in the file as Marian wrote it.");
        return;
      }
    }
  }

  void CheckArchitecture() {
    for (const Fixed& fixed : kFixed) {
      const auto found = values_.find(fixed.key);
      const std::string value = items_.contains(fixed.key) ? "a list"
                                : found == values_.end()   ? fixed.absent
                                                           : found->second;
      if (value == fixed.value) continue;
      Refuse(absl::StrCat(fixed.key, " '", Printable(value, 80), "' is not supported; supported: '",
                          fixed.value, "'"),
             kOnlyThis);
    }
  }

  void Size(const std::string& key, int64_t high, int64_t* out) {
    const auto found = values_.find(key);
    const std::string text = found == values_.end() ? "" : found->second;
    if (Number(text, high, out)) return;
    Refuse(absl::StrCat(key, " must be an integer from 1 to ", high, ", got '", Printable(text, 40),
                        "'"),
           "Hand in the file as Marian wrote it.");
  }

  // One vocabulary for both sides.
  void Vocabulary(int64_t* out) {
    const std::vector<std::string>& sizes = items_["dim-vocabs"];
    if (sizes.size() == 2 && sizes[0] == sizes[1] &&
        Number(sizes[0], kMaxTranslationVocabulary, out)) {
      return;
    }
    std::string got;
    for (const std::string& size : sizes) absl::StrAppend(&got, got.empty() ? "" : ", ", size);
    Refuse(absl::StrCat("dim-vocabs must be two equal numbers up to ", kMaxTranslationVocabulary,
                        ", got [", Printable(got, 80), "]"),
           "Choose a model with one vocabulary for both languages.");
  }

 private:
  void Refuse(std::string message, std::string remedy) {
    problems_.Add({file_, 0, 0, std::move(message), std::move(remedy)});
  }

  static bool Number(std::string_view text, int64_t high, int64_t* out) {
    int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end || number < 1 || number > high) return false;
    *out = number;
    return true;
  }

  bool ReadLine(std::string_view line) {
    const size_t dash = line.find_first_not_of(' ');
    if (dash != std::string_view::npos && line.substr(dash, 2) == "- ") {
      items_[key_].push_back(Unquoted(line.substr(dash + 2)));
      return !key_.empty();
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || dash != 0) return false;
    key_ = line.substr(0, colon);
    const size_t value = line.find_first_not_of(' ', colon + 1);
    if (value == std::string_view::npos) return true;
    return values_.emplace(key_, Unquoted(line.substr(value))).second;
  }

  static std::string Unquoted(std::string_view text) {
    const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                        text.back() == text.front();
    return std::string(quoted ? text.substr(1, text.size() - 2) : text);
  }

  const std::string& file_;
  Problems& problems_;
  std::string key_;
  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, std::vector<std::string>> items_;
};

}  // namespace

TranslationConfig ParseMarianSettings(std::string_view yaml, const std::string& file,
                                      Problems& problems) {
  TranslationConfig config;
  SettingsReader reader(file, problems);
  reader.ReadLines(yaml);
  if (!problems.empty()) return config;
  reader.CheckArchitecture();
  reader.Vocabulary(&config.vocab_size);
  reader.Size("dim-emb", kMaxTranslationWidth, &config.hidden_size);
  reader.Size("transformer-dim-ffn", kMaxTranslationWidth, &config.feed_forward_size);
  reader.Size("transformer-heads", kMaxTranslationWidth, &config.heads);
  reader.Size("enc-depth", kMaxTranslationLayers, &config.encoder_layers);
  reader.Size("dec-depth", kMaxTranslationLayers, &config.decoder_layers);
  CheckTranslationSizes(config, file, problems);
  return config;
}

}  // namespace attune
