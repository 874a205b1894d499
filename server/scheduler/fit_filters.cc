// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/fit_filters.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace attune {
namespace {

bool Contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::string LabelWords(const Demand& demand) {
  return absl::StrJoin(demand.labels, ", ", absl::PairFormatter("="));
}

// "512 MiB", "3.2 GiB".
std::string MemoryWords(int64_t bytes) {
  constexpr double kMiB = 1 << 20, kGiB = 1 << 30;
  const auto value = static_cast<double>(bytes);
  return value < kGiB ? absl::StrFormat("%.0f MiB", value / kMiB)
                      : absl::StrFormat("%.1f GiB", value / kGiB);
}

using Offers = std::vector<const WorkerOffer*>;

std::string ExplainMemory(const Demand& demand, const Offers& refused) {
  int64_t most = 0;
  for (const WorkerOffer* worker : refused) most = std::max(most, worker->memory_per_slot_bytes);
  return absl::StrCat("with ", refused.size() > 1 ? "at most " : "", MemoryWords(most),
                      " of memory a slot, where ", MemoryWords(demand.memory_bytes), " are ",
                      demand.memory_is_estimate ? "estimated to be needed" : "asked for");
}

struct Filter {
  bool (*check)(const Demand&, const WorkerOffer&);
  // Goes on after the number of workers that it refused.
  std::string (*explain)(const Demand&, const Offers& refused);
};

// In the order in which they are told.
const Filter kFilters[] = {
    {[](const Demand&, const WorkerOffer& w) { return w.connected; },
     [](const Demand&, const Offers&) -> std::string { return "not connected"; }},
    {[](const Demand&, const WorkerOffer& w) { return !w.draining; },
     [](const Demand&, const Offers&) -> std::string { return "draining"; }},
    {[](const Demand& d, const WorkerOffer& w) { return Contains(w.tasks, d.task); },
     [](const Demand& d, const Offers&) { return absl::StrCat("without the task ", d.task); }},
    {[](const Demand& d, const WorkerOffer& w) { return Contains(w.model_families, d.model_type); },
     [](const Demand& d, const Offers&) {
       return absl::StrCat("without the model family ", d.model_type);
     }},
    {[](const Demand& d, const WorkerOffer& w) {
       return d.memory_bytes <= w.memory_per_slot_bytes;
     },
     ExplainMemory},
    {[](const Demand& d, const WorkerOffer& w) { return d.threads <= w.threads_per_slot; },
     [](const Demand& d, const Offers&) {
       return absl::StrCat("with fewer than ", d.threads, " threads a slot");
     }},
    {[](const Demand& d, const WorkerOffer& w) {
       return std::all_of(d.labels.begin(), d.labels.end(), [&](const auto& label) {
         const auto found = w.labels.find(label.first);
         return found != w.labels.end() && found->second == label.second;
       });
     },
     [](const Demand& d, const Offers&) {
       return absl::StrCat("without the labels ", LabelWords(d));
     }},
};

const Filter* FirstRefusal(const Demand& demand, const WorkerOffer& worker) {
  for (const Filter& filter : kFilters) {
    if (!filter.check(demand, worker)) return &filter;
  }
  return nullptr;
}

std::string ExplainRefusals(const Demand& demand, const std::vector<WorkerOffer>& workers) {
  std::vector<std::string> parts;
  for (const Filter& filter : kFilters) {
    Offers refused;
    for (const WorkerOffer& worker : workers) {
      if (FirstRefusal(demand, worker) == &filter) refused.push_back(&worker);
    }
    if (refused.empty()) continue;
    parts.push_back(absl::StrCat(refused.size(), " ", filter.explain(demand, refused)));
  }
  return absl::StrCat("no worker can run it (of ", workers.size(), ": ", absl::StrJoin(parts, ", "),
                      "); connect one that can, or lower its demands");
}

}  // namespace

bool Suits(const Demand& demand, const WorkerOffer& worker) {
  return FirstRefusal(demand, worker) == nullptr;
}

bool Fits(const Demand& demand, const WorkerOffer& worker) {
  return worker.free_slots > 0 && Suits(demand, worker);
}

std::string Explain(const Demand& demand, const std::vector<WorkerOffer>& workers, int ahead) {
  const bool connected =
      std::any_of(workers.begin(), workers.end(), [](const WorkerOffer& w) { return w.connected; });
  if (!connected) return "no worker is connected; start one with attune-worker";
  int slots = 0, free = 0;
  for (const WorkerOffer& worker : workers) {
    if (!Suits(demand, worker)) continue;
    slots += worker.slots;
    free += std::max(0, worker.free_slots);
  }
  if (slots == 0) return ExplainRefusals(demand, workers);
  if (free > 0) return "about to start";
  return absl::StrCat("waits for a free slot: ", slots, slots == 1 ? " slot" : " slots",
                      " that can run it, in use; ", ahead, ahead == 1 ? " job" : " jobs", " ahead");
}

}  // namespace attune
