// SPDX-License-Identifier: Apache-2.0
// What the check of a dataset, model or job found, in words. The reports are those of
// attune-inspect, read leniently: a server of another version may say more or less. Pure. All text
// is printable.
#pragma once

#include <string>

#include "attune/v1/dataset.pb.h"
#include "attune/v1/job.pb.h"
#include "attune/v1/model.pb.h"

namespace attune {

// One problem a line with its place, and its remedy below: "reviews.csv:7:3: …". Where the report
// lists none, the resource's error message.
std::string ProblemLines(const v1::Dataset& dataset);
std::string ProblemLines(const v1::Model& model);

// State, rows, labels with their counts, duplicates, lengths; several lines.
std::string DatasetReportText(const v1::Dataset& dataset);

// What a job was found to work on: each set with its rows, labels, lengths and truncated rows, what
// sets share, the memory it will need; several lines. "" while it was not checked.
std::string JobReportText(const v1::Job& job);

}  // namespace attune
