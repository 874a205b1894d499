// SPDX-License-Identifier: Apache-2.0
// How close translations are to references, as sacrebleu 2 computes it. Pure; no torch.
#pragma once

#include <string>
#include <vector>

namespace attune {

// Corpus BLEU (Papineni et al. 2002) in per cent: tokeniser 13a, up to 4-grams, exponential
// smoothing; one reference a row. Both are of the same length ≥ 1.
double Bleu(const std::vector<std::string>& translations,
            const std::vector<std::string>& references);

// Corpus chrF2 (Popović 2015) in per cent: character 1- to 6-grams without white space, beta 2.
double Chrf(const std::vector<std::string>& translations,
            const std::vector<std::string>& references);

}  // namespace attune
