// SPDX-License-Identifier: Apache-2.0
// Jobs and their events in words. Pure. All text is printable.
#pragma once

#include <string>

#include "attune/v1/event.pb.h"
#include "attune/v1/job.pb.h"
#include "client/text/terminal.h"

namespace attune {

std::string StateName(v1::Job::State state);  // "RUNNING"; "STATE_12" for one it does not know
std::string ReasonName(v1::Job::StateReason reason);  // "" for none

// "queued, position 1", "running: training", "failed".
std::string StateWords(const v1::Job& job);

// One line, without "\n": " eval at step 254: accuracy 0.812, macro F1 0.811 (best)".
std::string EventLine(const v1::JobEvent& event, const Terminal& terminal);

// Of a translation model: a row and what it makes of it, one line without "\n"; else "".
std::string SampleLine(const v1::Evaluation& evaluation, const Terminal& terminal);

// The end of a job, several lines.
std::string Summary(const v1::Job& job, const Terminal& terminal);

// "accuracy 0.812, macro F1 0.811, loss 0.412": what people look for first, and what this client
// does not know; further details of the metrics that it knows are left out.
std::string MetricsText(const v1::Evaluation& evaluation);

}  // namespace attune
