// SPDX-License-Identifier: Apache-2.0
// The one line that says how far a job is. Pure.
//
//  step 381/762  epoch 1.50/3  loss 0.312  lr 2.5e-05  1,917 tok/s  eval accuracy 0.846  ETA 3:10
#pragma once

#include <optional>
#include <string>

#include "attune/v1/event.pb.h"
#include "attune/v1/job.pb.h"
#include "client/text/terminal.h"

namespace attune {

struct ProgressView {
  int64_t step = 0, total_steps = 0;  // 0: not known
  double epoch = 0, total_epochs = 0;
  std::optional<double> loss, learning_rate, tokens_per_second, images_per_second, eta_seconds;
  std::string eval_metric;  // "accuracy"; empty: no evaluation yet
  double eval_value = 0;
};

ProgressView ViewOf(const v1::Progress& progress);
void Update(ProgressView& view, const v1::StepMetrics& metrics);
void Update(ProgressView& view, const v1::Evaluation& evaluation);  // EVAL only; others are ignored

// With a bar, for `terminal`; what matters least is left out where the line would be too long.
std::string LiveLine(const ProgressView& view, const Terminal& terminal);
// Without a bar, whole.
std::string PlainLine(const ProgressView& view);

}  // namespace attune
