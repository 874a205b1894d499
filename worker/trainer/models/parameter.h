// SPDX-License-Identifier: Apache-2.0
// A tensor of a model with its gradient and optimizer state. One tensor may hold several that the
// file formats name apart (query, key and value), as ranges of its rows. Used by the compute thread
// only; a checkpoint copies it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"

namespace attune {

struct ParameterPart {
  std::string name;  // as the family's ForSequenceClassification model has it
  int64_t row_begin = 0, rows = 0;
};

struct Parameter {
  std::vector<ParameterPart> parts;
  at::Tensor value;
  bool trainable = true;  // false: no gradient is made, and the optimizer never sees it
  at::Tensor first_moment, second_moment;  // of trainable ones, once AllocateMoments was called
  at::Tensor grad;                         // undefined: none yet in this step
  bool decays = true;                      // false for bias and norm parameters

  // For embedding tables, of which a batch touches few rows: `grad` stays allocated and is zero
  // but in the rows marked here, and a row that never was touched is left alone by the optimizer
  // (its moments are zero, so without weight decay its update is exactly zero).
  bool sparse_rows = false;
  std::vector<uint8_t> touched;  // in this step
  std::vector<uint8_t> active;   // ever
};

// Room for tensors of `rows_each` × `columns` one below the other, by these names; with columns 0
// for vectors one after the other, which do not decay.
void AllocateParts(Parameter& parameter, const std::vector<std::string>& names, int64_t rows_each,
                   int64_t columns);

// The part as a view of `whole`, which is value, first_moment or second_moment.
at::Tensor PartOf(const at::Tensor& whole, const ParameterPart& part);

void Freeze(const std::vector<Parameter*>& parameters);
std::vector<Parameter*> TrainableOf(const std::vector<Parameter*>& parameters);
// As zeros; with them the gradients of sparse parameters, which stay as long.
void AllocateMoments(const std::vector<Parameter*>& parameters);

// Adds a micro-batch's gradient to the step's.
void AccumulateGrad(Parameter& parameter, const at::Tensor& grad);

// Marks the rows of a sparse parameter whose gradient a batch is about to add to.
void TouchRows(Parameter& parameter, const std::vector<int32_t>& rows);

// Drops the gradients, after the optimizer step.
void ClearGrads(std::vector<Parameter*> parameters);

// Sets `active` from the moments, after they were loaded.
void FindActiveRows(Parameter& parameter);

}  // namespace attune
