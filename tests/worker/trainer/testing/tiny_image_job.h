// SPDX-License-Identifier: Apache-2.0
// TinyJob's sister for images: a random EfficientNet-Lite0 without a classifier, which sees 32 × 32
// pixels, and tars of a few dozen PNGs, whose class is their colour.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "tests/worker/trainer/testing/tiny_job.h"
#include "worker/trainer/tasks/image_classification.h"

namespace attune::testing {

class TinyImageJob {
 public:
  TinyImageJob();

  TrainerSpec spec;  // 6 steps of 2 × 4 images in two epochs, without dropout, work_dir "work"

  std::string Path(const std::string& name) const { return JoinPath(folder_.path(), name); }
  std::unique_ptr<ImageClassification> LoadTask() const;

 private:
  TemporaryFolder folder_;
};

// A tar of these members: name and content.
std::string TarOf(const std::vector<std::pair<std::string, std::string>>& members);

// A PNG of that colour with some noise.
std::string NoisyPng(int64_t width, int64_t height, int red, int green, int blue, uint64_t seed);

}  // namespace attune::testing
