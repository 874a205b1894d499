// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/translation_sizes.h"

#include "absl/strings/str_cat.h"
#include "formats/weights/hf_config.h"

namespace attune {
namespace {

constexpr char kOwnSettings[] = "Use the settings that belong to the weights.";

// Of the matrices; the sizes are within their limits, so that nothing overflows.
int64_t Weights(const TranslationConfig& config) {
  const int64_t square = config.hidden_size * config.hidden_size;
  const int64_t feed_forward = 2 * config.hidden_size * config.feed_forward_size;
  return config.vocab_size * config.hidden_size +
         config.encoder_layers * (4 * square + feed_forward) +
         config.decoder_layers * (6 * square + feed_forward);
}

}  // namespace

void CheckTranslationSizes(const TranslationConfig& config, const std::string& file,
                           Problems& problems) {
  if (!problems.empty()) return;
  const auto refuse = [&](std::string message) {
    problems.Add({file, 0, 0, std::move(message), kOwnSettings});
  };
  if (config.hidden_size % config.heads != 0) {
    refuse(absl::StrCat(config.heads, " attention heads do not divide the width ",
                        config.hidden_size));
  }
  if (config.hidden_size % 2 != 0 || config.hidden_size < 4) {
    refuse(absl::StrCat("the width must be even and at least 4 for sinusoidal positions, got ",
                        config.hidden_size));
  }
  if (Weights(config) > kMaxParameters) {
    refuse(absl::StrCat("a model of these sizes has ", Weights(config), " weights; at most ",
                        kMaxParameters, " are supported"));
  }
}

}  // namespace attune
