// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/sim_network.h"

#include "tests/simulation/session_link.h"

namespace attune {

absl::Duration SimNetwork::Delay() {
  const absl::Duration usual = absl::Milliseconds(1 + 20 * rng_.Uniform());
  return Chance(0.05) ? usual + absl::Seconds(15 * rng_.Uniform()) : usual;
}

void SimNetwork::AddLink(std::weak_ptr<SessionLink> link) { links_.push_back(std::move(link)); }

void SimNetwork::CutSession(bool silently) {
  std::vector<std::shared_ptr<SessionLink>> open;
  std::erase_if(links_, [&](const std::weak_ptr<SessionLink>& weak) {
    std::shared_ptr<SessionLink> link = weak.lock();
    if (!link || link->cut()) return true;
    open.push_back(std::move(link));
    return false;
  });
  if (!open.empty()) open[rng_.Below(open.size())]->Cut(silently);
}

}  // namespace attune
