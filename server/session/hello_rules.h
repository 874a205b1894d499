// SPDX-License-Identifier: Apache-2.0
// What a worker's Hello proves about the attempts that the server has for it (lifecycle R5). Pure.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "attune/v1/worker.pb.h"
#include "server/store/attempts_table.h"

namespace attune {

struct HelloPlan {
  std::vector<AttemptRecord> alive;      // held, and the one that counts
  std::vector<AttemptRecord> dead;       // proved dead
  std::vector<AttemptRecord> free_slot;  // the trainer is dead, its reports are still to come
  std::vector<v1::HeldAttempt> stale;    // runs, but counts no more
};

// `attempts` are the worker's that hold a slot or are not final. An attempt in GRANTED that is not
// held is in none of the lists: its lease goes out again, unless the machine was booted anew.
HelloPlan PlanHello(const std::vector<AttemptRecord>& attempts, const v1::Hello& hello,
                    bool other_boot);

// INVALID_ARGUMENT for an id, an inventory or a list that cannot be.
absl::Status CheckHello(const v1::Hello& hello);

}  // namespace attune
