// SPDX-License-Identifier: Apache-2.0
// What of a text's token vectors a classifier's head sits on, as TrainerSpec::pooling names it, and
// who decides it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace attune {

enum class Pooling {
  kFirstToken,  // through the family's own head
  kMean,        // of all of a text's tokens; one linear layer sits on it
};

std::string PoolingName(Pooling pooling);     // "first_token", "mean"
bool IsPooling(std::string_view name);        // one of these two
Pooling PoolingNamed(std::string_view name);  // kFirstToken where it is neither

// What a base says of itself (model_folder.h).
struct BasePooling {
  std::string trained;                  // ModelFolder::pooling()
  bool has_head = false;                // it has a classifier,
  Pooling head = Pooling::kFirstToken;  // which sits on this
};

struct PoolingChoice {
  Pooling pooling = Pooling::kFirstToken;
  std::string notice;  // one sentence or two for whoever watches the job; "": nothing to tell
  bool warns = false;  // of the notice: it may cost accuracy
};

// What a job of this method on this base has its head on. `wanted` is the job's own word
// (TrainerSpec::pooling) and counts before all others. Without one: where the base's classifier
// sits, if it has one; the mean, where the base was trained to produce it and stays frozen (method
// "head"); else the first token. "partial" trains the layers that make the first token's vector,
// and keeps the family's own head like "full" and "lora".
PoolingChoice ChoosePooling(std::string_view wanted, std::string_view method,
                            const BasePooling& base);

}  // namespace attune
