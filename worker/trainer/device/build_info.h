// SPDX-License-Identifier: Apache-2.0
// What decides the bits of a result besides the job itself. A run that is resumed where any of this
// differs is correct, but not bit for bit the run it would have been.
#pragma once

#include <string>

#include "worker/trainer/device/precision.h"

namespace attune {

struct BuildInfo {
  std::string torch_version;
  std::string cpu;       // model name and the vector instructions that torch uses
  std::string matmul;    // "onednn" or "mkl"
  std::string mkl_cbwr;  // MKL's code path, from the environment
  std::string dtype;     // "float32" or "bfloat16": precision.h
  int threads = 1;

  bool operator==(const BuildInfo&) const = default;
};

// Of this process, for training steps in this precision.
BuildInfo CurrentBuild(Precision precision = Precision::kFp32);

}  // namespace attune
