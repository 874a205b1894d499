// SPDX-License-Identifier: Apache-2.0
// Where one attempt keeps its files, under the agent's work folder:
//
//   attempts/{job}-f{fence}/
//     outbox             reports not yet acknowledged (event_outbox.h)
//     trainer.identity   the trainer process, to be found dead by a later agent
//     trainer.log        its stderr, capped
//     base/ compare/ data/ resume/ start/  inputs, hard links into the blob cache
//     trainer/           what the trainer writes
//     outgoing/{step}/   links to the files of a checkpoint on its way; {step}.json is its frame
//   predictor/           model and process of predictions of a few rows (predictor.h)
//   cache/               blobs by digest (blob_cache.h)
//   features/            what trainers computed of frozen layers, for later attempts and jobs
//
// Pure names; nothing here touches the disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace attune {

class AttemptFolder {
 public:
  explicit AttemptFolder(std::string root) : root_(std::move(root)) {}
  static AttemptFolder For(const std::string& work_dir, std::string_view job, int64_t fence);
  static std::string All(const std::string& work_dir);       // their parent
  static std::string Features(const std::string& work_dir);  // beside it, shared by all

  const std::string& root() const { return root_; }
  std::string outbox() const { return root_ + "/outbox"; }
  std::string identity() const { return root_ + "/trainer.identity"; }
  std::string log() const { return root_ + "/trainer.log"; }
  std::string base() const { return root_ + "/base"; }
  std::string compare() const { return root_ + "/compare"; }
  std::string data(const std::string& role) const { return root_ + "/data/" + role; }
  std::string resume() const { return root_ + "/resume"; }
  std::string start() const { return root_ + "/start"; }
  std::string trainer() const { return root_ + "/trainer"; }
  std::string outgoing() const { return root_ + "/outgoing"; }
  std::string outgoing_step(int64_t step) const;
  std::string outgoing_frame(int64_t step) const { return outgoing_step(step) + ".json"; }

 private:
  std::string root_;
};

// A relative path that stays in its folder: no "..", not absolute, no empty part.
bool StaysInFolder(std::string_view path);
// "a/b/c" → "a/b".
std::string ParentOf(const std::string& path);

}  // namespace attune
