// SPDX-License-Identifier: Apache-2.0
// TinyJob's sister for translation: a random encoder–decoder of two layers a side, and sentences of
// a language of letters, whose other language writes them as capitals.
#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/trainer_protocol.h"
#include "formats/weights/translation_folder.h"
#include "tests/worker/trainer/testing/tiny_job.h"
#include "worker/trainer/tasks/translation.h"

namespace attune::testing {

class TinyTranslationJob {
 public:
  TinyTranslationJob();

  TrainerSpec spec;  // 6 steps of 2 × 4 pairs in two epochs, without dropout, work_dir "work"

  std::string Path(const std::string& name) const { return JoinPath(folder_.path(), name); }
  std::unique_ptr<Translation> LoadTask() const;
  std::unique_ptr<TranslationFolder> OpenBase() const;

 private:
  TemporaryFolder folder_;
};

// A .spm file of both languages: </s>, <unk>, then every word as a piece.
std::string TinyVocabulary();

}  // namespace attune::testing
