// SPDX-License-Identifier: Apache-2.0
#include "server/session/hello_rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/jobs/attempt_changes.h"
#include "server/jobs/field_checks.h"

namespace attune {
namespace {

constexpr int kMaxHeld = 4096;
constexpr int kMaxSlots = 1024;
constexpr size_t kMaxIdBytes = 128;

void Place(const AttemptRecord& attempt, const v1::HeldAttempt* held, bool other_boot,
           HelloPlan& plan) {
  const bool counts = !IsFinal(attempt.state);
  if (held == nullptr) {
    const bool lease_again = attempt.state == v1::Attempt::GRANTED && !other_boot;
    if (!lease_again) plan.dead.push_back(attempt);
    return;
  }
  if (held->running() && !counts) plan.stale.push_back(*held);
  if (!held->running() && attempt.slot_held) plan.free_slot.push_back(attempt);
  if (counts) plan.alive.push_back(attempt);
}

}  // namespace

HelloPlan PlanHello(const std::vector<AttemptRecord>& attempts, const v1::Hello& hello,
                    bool other_boot) {
  std::map<int64_t, const v1::HeldAttempt*> held;
  for (const v1::HeldAttempt& attempt : hello.held()) held[attempt.fence()] = &attempt;
  HelloPlan plan;
  std::set<int64_t> known;
  for (const AttemptRecord& attempt : attempts) {
    known.insert(attempt.fence);
    const auto found = held.find(attempt.fence);
    Place(attempt, found == held.end() ? nullptr : found->second, other_boot, plan);
  }
  for (const auto& [fence, attempt] : held) {
    if (!known.contains(fence) && attempt->running()) plan.stale.push_back(*attempt);
  }
  return plan;
}

absl::Status CheckHello(const v1::Hello& hello) {
  FieldChecks checks;
  if (!IsResourceId(hello.worker_id())) {
    checks.Add("hello.worker_id",
               absl::StrCat("must be 1 to 63 lower-case letters, digits and '-', first a letter, "
                            "not last '-', got ",
                            Echo(hello.worker_id())));
  }
  for (const auto& [field, id] : {std::pair("hello.boot_id", &hello.boot_id()),
                                  std::pair("hello.agent_instance", &hello.agent_instance())}) {
    if (id->empty() || id->size() > kMaxIdBytes) {
      checks.Add(field, absl::StrCat("must have 1 to ", kMaxIdBytes, " bytes, got ", id->size()));
    }
  }
  checks.Integer("hello.inventory.slots", hello.inventory().slots(), 1, kMaxSlots);
  checks.Pairs("hello.inventory.labels", hello.inventory().labels(), 32, 63);
  if (hello.held_size() > kMaxHeld) {
    checks.Add("hello.held",
               absl::StrCat("may have at most ", kMaxHeld, " attempts, got ", hello.held_size()));
  }
  auto violations = checks.Take();
  return violations.empty() ? absl::OkStatus() : InvalidFields(std::move(violations));
}

}  // namespace attune
