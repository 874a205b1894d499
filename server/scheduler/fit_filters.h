// SPDX-License-Identifier: Apache-2.0
// Which worker can run which job, and why not. Each filter has a check and words for people. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace attune {

// What a job demands of a worker.
struct Demand {
  std::string task;        // "text_classification", "image_classification", "translation"
  std::string model_type;  // HF model_type of its base: "bert"
  int64_t memory_bytes = 0;
  bool memory_is_estimate = false;  // of the server, where the job asked for less
  std::map<std::string, std::string> labels;
  int threads = 0;  // 0: all of the slot
};

// What a worker offers now.
struct WorkerOffer {
  std::string id;
  bool connected = false;
  bool draining = false;
  std::vector<std::string> model_families, tasks;
  std::map<std::string, std::string> labels;
  int64_t memory_per_slot_bytes = 0;
  int threads_per_slot = 0;
  int slots = 0;
  int free_slots = 0;
};

// It could run the job, were a slot free.
bool Suits(const Demand& demand, const WorkerOffer& worker);

// It can run the job now.
bool Fits(const Demand& demand, const WorkerOffer& worker);

// Why no worker runs it now, in words. `ahead`: jobs before it in the queue.
std::string Explain(const Demand& demand, const std::vector<WorkerOffer>& workers, int ahead);

}  // namespace attune
