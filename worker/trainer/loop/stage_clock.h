// SPDX-License-Identifier: Apache-2.0
// How long a run has spent in each of its stages. Used by the compute thread only.
#pragma once

#include <map>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"

namespace attune {

class StageClock {
 public:
  explicit StageClock(const Clock& clock) : clock_(clock) {}

  // Counts its own lifetime as part of `stage`; scopes do not overlap.
  class Scope {
   public:
    Scope(StageClock& clock, const char* stage)
        : clock_(clock), stage_(stage), start_(clock.clock_.SinceBoot()) {}
    ~Scope() { clock_.seconds_[stage_] += absl::ToDoubleSeconds(Elapsed()); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    absl::Duration Elapsed() const { return clock_.clock_.SinceBoot() - start_; }

   private:
    StageClock& clock_;
    const char* stage_;
    absl::Duration start_;
  };

  const std::map<std::string, double>& seconds() const { return seconds_; }

 private:
  const Clock& clock_;
  std::map<std::string, double> seconds_;
};

}  // namespace attune
