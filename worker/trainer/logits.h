// SPDX-License-Identifier: Apache-2.0
// What `attune-trainer --logits` does: the plain outputs of a model folder, without training and
// dropout.
#pragma once

#include <istream>
#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace attune {

// For each JSON line {"text": …} or {"texts": [a, b]} a line {"ids": […], "logits": […]}; of an
// image classifier, for each {"image": a file in base64}, {"logits": […]}; of a translation model,
// for each {"text": …, "target": its translation}, {"ids": […], "target_ids": […], "logits": −log p
// of each of these}. With an adapter_dir, which may be empty, of that adapter beside the folder's
// weights.
absl::Status AnswerLogits(const std::string& model_dir, const std::string& adapter_dir,
                          std::istream& in, std::ostream& out);

}  // namespace attune
