// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/device_inventory.h"

#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "base/framed_pipe.h"
#include "nlohmann/json.hpp"
#include "worker/agent/trainer_process.h"

namespace attune {
namespace {

constexpr int kTrainerTimeoutMs = 10000;
constexpr size_t kMaxInventoryBytes = 1 << 20;

// The value behind the first "key : value" line of a /proc file; empty when there is none.
std::string ProcValue(const char* path, absl::string_view key) {
  const absl::StatusOr<std::string> text = PosixFileSystem().ReadFile(path);
  if (!text.ok()) return "";
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::StripAsciiWhitespace(parts.first) == key) {
      return std::string(absl::StripAsciiWhitespace(parts.second));
    }
  }
  return "";
}

int64_t MemoryBytes() {
  const std::string value = ProcValue("/proc/meminfo", "MemTotal");  // "32814220 kB"
  int64_t kibibytes = 0;
  if (!absl::SimpleAtoi(value.substr(0, value.find(' ')), &kibibytes)) return 0;
  int64_t bytes = kibibytes << 10;
  // A container's limit, where there is one; the file holds "max" otherwise.
  const absl::StatusOr<std::string> limit = PosixFileSystem().ReadFile("/sys/fs/cgroup/memory.max");
  int64_t limit_bytes = 0;
  if (limit.ok() && absl::SimpleAtoi(absl::StripAsciiWhitespace(*limit), &limit_bytes)) {
    bytes = std::min(bytes, limit_bytes);
  }
  return bytes;
}

std::vector<int> AllowedCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// All that comes until the other side closes, or the time is over.
std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  while (text.size() < kMaxInventoryBytes && poll(&wait, 1, kTrainerTimeoutMs) == 1) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  return text;
}

std::vector<std::string> Strings(const nlohmann::json& object, const char* key) {
  std::vector<std::string> strings;
  for (const nlohmann::json& item : object.value(key, nlohmann::json::array())) {
    if (item.is_string()) strings.push_back(item.get<std::string>());
  }
  return strings;
}

}  // namespace

absl::StatusOr<Machine> DetectMachine() {
  Machine machine;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) machine.hostname = name.data();
  machine.cpu_model = ProcValue("/proc/cpuinfo", "model name");
  machine.cpus = AllowedCpus();
  if (machine.cpus.empty()) return ErrnoStatus(errno, "asking which cores may be used");
  machine.memory_bytes = MemoryBytes();
  ATTUNE_ASSIGN_OR_RETURN(const std::string boot_id,
                          PosixFileSystem().ReadFile("/proc/sys/kernel/random/boot_id"));
  machine.boot_id = std::string(absl::StripAsciiWhitespace(boot_id));
  return machine;
}

absl::StatusOr<std::vector<TrainerOptions>> SplitIntoSlots(const Machine& machine, int slots,
                                                           int threads) {
  const int cores = static_cast<int>(machine.cpus.size());
  if (slots < 1 || slots > cores) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--slots ", slots, ": a slot needs a core of its own, so 1 to ", cores, " fit here"));
  }
  std::vector<TrainerOptions> split(static_cast<size_t>(slots));
  for (int slot = 0; slot < slots; ++slot) {
    TrainerOptions& options = split[static_cast<size_t>(slot)];
    options.cpus.assign(machine.cpus.begin() + cores * slot / slots,
                        machine.cpus.begin() + cores * (slot + 1) / slots);
    const int own = static_cast<int>(options.cpus.size());
    options.threads = threads > 0 ? threads : own;
    options.alone = options.threads <= own;  // more threads than cores must not spin
  }
  return split;
}

absl::StatusOr<TrainerInventory> ParseTrainerInventory(const std::string& json) {
  const nlohmann::json object = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return absl::InvalidArgumentError("the trainer's --inventory did not print a JSON object");
  }
  TrainerInventory inventory;
  const nlohmann::json version = object.value("torch_version", nlohmann::json());
  if (version.is_string()) inventory.torch_version = version.get<std::string>();
  inventory.device_type = object.value("cuda", nlohmann::json()) == true ? "cuda" : "cpu";
  inventory.model_families = Strings(object, "families");
  inventory.tasks = Strings(object, "tasks");
  return inventory;
}

absl::StatusOr<TrainerInventory> AskTrainer(Spawner& spawner, const std::string& trainer_path) {
  ATTUNE_ASSIGN_OR_RETURN(const auto ends, MakeSocketPair());
  SpawnOptions spawn;
  spawn.argv = {trainer_path, "--inventory"};
  spawn.environment = TrainerEnvironment({}, environ);
  spawn.descriptors = {{ends.second, STDOUT_FILENO}};
  auto child = spawner.Spawn(spawn, [](ExitStatus) {});
  close(ends.second);
  const std::string printed = child.ok() ? ReadAll(ends.first) : "";
  close(ends.first);
  if (child.ok()) (void)(*child)->Kill(SIGKILL);  // NOT_FOUND when it has ended, as it should
  absl::StatusOr<TrainerInventory> inventory =
      child.ok() ? ParseTrainerInventory(printed) : child.status();
  if (!inventory.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot use the trainer ", trainer_path, ": ", inventory.status().message(),
                     "; build attune-trainer, or name one with --trainer PATH"));
  }
  return inventory;
}

v1::WorkerInventory MakeInventory(const Machine& machine, const TrainerInventory& trainer,
                                  const std::vector<TrainerOptions>& slots) {
  v1::WorkerInventory inventory;
  inventory.set_hostname(machine.hostname);
  inventory.set_torch_version(trainer.torch_version);
  inventory.set_cpu_model(machine.cpu_model);
  inventory.set_slots(static_cast<int32_t>(slots.size()));
  int32_t threads = slots.empty() ? 0 : slots.front().threads;
  for (const TrainerOptions& slot : slots) threads = std::min<int32_t>(threads, slot.threads);
  inventory.set_threads_per_slot(threads);
  if (!slots.empty()) {
    inventory.set_memory_per_slot_bytes(machine.memory_bytes / static_cast<int64_t>(slots.size()));
  }
  inventory.set_device_type(trainer.device_type);
  for (const std::string& family : trainer.model_families) inventory.add_model_families(family);
  for (const std::string& task : trainer.tasks) inventory.add_tasks(task);
  return inventory;
}

}  // namespace attune
