// SPDX-License-Identifier: Apache-2.0
// The sets of a job (train, eval, test), row by row: every label known, lengths in tokens, what the
// sets share. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "formats/datasets/label_tally.h"
#include "formats/inspect/report.h"
#include "formats/inspect/row_source.h"

namespace attune {

class SetInspection {
 public:
  // `classes` by id; not looked at where labels are no classes. All are borrowed.
  SetInspection(RowSource& rows, int64_t max_length, const std::vector<std::string>& classes,
                JobReport* report);

  // Reads the file as the set `name`. A part of it, as `eval_fraction` says, is the set "eval".
  // Sets are read in the order train, eval, test.
  absl::Status Read(const DatasetSpec& spec, const std::string& name, double eval_fraction = 0);

  // Puts what was counted into the report.
  void Finish();

 private:
  struct Set {
    explicit Set(std::string kind) : labels(std::move(kind)) {}
    SetReport report;
    LabelTally labels;
    absl::flat_hash_map<uint64_t, int64_t> contents;  // hash → first line
  };

  void AddRow(const InspectedRow& row, const std::string& name);
  void CheckLabels(const InspectedRow& row, Problems* problems) const;
  void CountTokens(const InspectedRow& row, SetReport* report) const;
  void FindOverlap(const std::string& name, uint64_t hash, int64_t line);

  RowSource& rows_;
  const int64_t max_length_;
  const std::vector<std::string>& classes_;
  const absl::flat_hash_set<std::string> known_;
  JobReport& report_;
  std::map<std::string, Set> sets_;
};

}  // namespace attune
