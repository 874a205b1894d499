// SPDX-License-Identifier: Apache-2.0
// Field checks of CreateDataset, CreateModel and Predict. Pure; the files themselves are checked by
// attune-inspect.
#pragma once

#include <string_view>
#include <vector>

#include "attune/v1/dataset_service.pb.h"
#include "attune/v1/model_service.pb.h"
#include "base/errors.h"

namespace attune {

std::vector<FieldViolation> ValidateDataset(const v1::CreateDatasetRequest& request);
std::vector<FieldViolation> ValidateModel(const v1::CreateModelRequest& request);
std::vector<FieldViolation> ValidatePrediction(const v1::PredictRequest& request);

// Defaults: the format from the file's extension, columns "text" (not of images) and "label".
void FillDefaults(v1::Dataset& dataset);

}  // namespace attune
