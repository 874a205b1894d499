// SPDX-License-Identifier: Apache-2.0
// Waits and files of the client's tests: a wait is recorded, moves the clock and returns at once.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/rng.h"
#include "client/connection.h"
#include "client/interruption.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temp_dir.h"

namespace attune {

class RecordedWaits final : public Interruption {
 public:
  explicit RecordedWaits(FakeClock& clock) : clock_(clock) {}
  bool WaitFor(absl::Duration duration) override {
    waits.push_back(duration);
    clock_.Advance(duration);
    return !triggered();
  }
  absl::Duration Total() const {
    absl::Duration total;
    for (const absl::Duration wait : waits) total += wait;
    return total;
  }
  std::vector<absl::Duration> waits;

 private:
  FakeClock& clock_;
};

class Folder {
 public:
  std::string Path(const std::string& name) const { return dir_.Path(name); }
  bool Has(const std::string& name) const { return std::filesystem::exists(Path(name)); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }
  std::string Read(const std::string& name) const {
    std::ifstream in(Path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

 private:
  TempDir dir_;
};

// What a Connection borrows.
struct ClientParts {
  FakeClock clock;
  SeededRng rng{1};
  RecordedWaits waits{clock};

  Connection Connect(const std::string& address, const std::string& token = "secret") {
    return Connection({address, token, "a test"}, MakeChannel(address), CallPolicy(), clock, rng,
                      waits);
  }
};

}  // namespace attune
