// SPDX-License-Identifier: Apache-2.0
// The sigmoid and its cross entropy, as torch.nn.BCEWithLogitsLoss defines it. Pure.
#pragma once

namespace attune {

double Sigmoid(double logit);

// −log sigmoid(logit) where `present`, else −log(1 − sigmoid(logit)).
double BinaryCrossEntropy(double logit, bool present);

// Its derivative.
double BinaryCrossEntropySlope(double logit, bool present);

}  // namespace attune
