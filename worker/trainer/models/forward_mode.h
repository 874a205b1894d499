// SPDX-License-Identifier: Apache-2.0
// How one forward pass drops out, and where, and how exact the encoder's products are. Every place
// has a number of its own (its site), on which its masks are keyed, so that the backward pass draws
// the same ones again.
#pragma once

#include <cstdint>

#include "worker/trainer/device/keyed_random.h"
#include "worker/trainer/device/precision.h"

namespace attune {

struct DropoutRates {
  double hidden = 0, attention = 0, classifier = 0;
  double adapter = 0;  // of the inputs of LoRA adapters
};

// The default does not drop out and is exact.
struct ForwardMode {
  DropoutRates rates;
  StepKey key;
  Precision precision = Precision::kFp32;
};

// Of the head, which is small and close to the loss.
inline ForwardMode InFp32(ForwardMode mode) {
  mode.precision = Precision::kFp32;
  return mode;
}

inline constexpr uint64_t kEmbeddingSite = 0, kClassifierSite = 1, kHeadInputSite = 2,
                          kHeadAdapterSite = 3, kTargetEmbeddingSite = 4;

// Sites of layer `layer`, those of a decoder counted after its encoder's: each of its dropouts and
// of its linear layers has an offset < 16.
inline uint64_t LayerSite(size_t layer) { return 16 * (layer + 1); }
inline constexpr uint64_t kAttentionOffset = 0, kAttentionOutputOffset = 1, kOutputOffset = 2,
                          kQueryAdapterOffset = 3,  // then key, value
    kOutAdapterOffset = 6, kUpAdapterOffset = 7, kDownAdapterOffset = 8, kRecurrenceOffset = 9,
                          kInputAdapterOffset = 10, kForgetAdapterOffset = 11;

inline Dropout AdapterDropout(const ForwardMode& mode, uint64_t site) {
  return DropoutAt(mode.key, site, mode.rates.adapter);
}

}  // namespace attune
