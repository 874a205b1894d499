// SPDX-License-Identifier: Apache-2.0
// Whether a spec fits the rows that it refers to: texts, images or translations, kinds of labels,
// metrics that exist for them, a model that can do the work. Pure. What a model that is still
// CHECKING leaves open is no violation; it is asked again when the checks are done.
#pragma once

#include <string>
#include <vector>

#include "attune/v1/job_spec.pb.h"
#include "base/errors.h"
#include "server/jobs/input_kind.h"
#include "server/jobs/job_inputs.h"

namespace attune {

std::vector<FieldViolation> CheckFit(const v1::JobSpec& spec, const JobInputs& inputs);

// "single-label", "multi-label", "number", "translations" or "absent".
std::string LabelKindWord(v1::LabelKind kind);

// The metrics that an evaluation of such labels has; the first is the default best_metric.
std::vector<std::string> MetricsOf(InputKind rows, v1::LabelKind kind);

}  // namespace attune
