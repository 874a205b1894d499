// SPDX-License-Identifier: Apache-2.0
#include "server/http/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "server/http/metric_families.h"

namespace attune {
namespace {

// Fields 22 (start time in ticks), 23 (virtual bytes) and 24 (resident pages) of /proc/self/stat.
struct Stat {
  double start_ticks = 0, virtual_bytes = 0, resident_pages = 0;
};

Stat ReadStat() {
  std::ifstream file("/proc/self/stat");
  std::string skipped;
  std::getline(file, skipped, ')');  // pid and name; a name may hold spaces
  for (int field = 3; field < 22; ++field) file >> skipped;
  Stat stat;
  file >> stat.start_ticks >> stat.virtual_bytes >> stat.resident_pages;
  return stat;
}

double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

int CountOpenDescriptors() {
  DIR* dir = opendir("/proc/self/fd");
  if (dir == nullptr) return 0;
  int count = 0;
  while (readdir(dir) != nullptr) ++count;
  closedir(dir);
  return count - 3;  // ".", ".." and the folder itself
}

}  // namespace

void AddProcessMetrics(std::vector<prometheus::MetricFamily>& out) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const Stat stat = ReadStat();
  out.push_back(Counter("process_cpu_seconds_total", "User and system CPU time.")
                    .Add(seconds(usage.ru_utime) + seconds(usage.ru_stime))
                    .Build());
  out.push_back(
      Gauge("process_open_fds", "Open file descriptors.").Add(CountOpenDescriptors()).Build());
  out.push_back(Gauge("process_max_fds", "Limit of open file descriptors.")
                    .Add(static_cast<double>(limit.rlim_cur))
                    .Build());
  out.push_back(
      Gauge("process_virtual_memory_bytes", "Virtual memory.").Add(stat.virtual_bytes).Build());
  out.push_back(Gauge("process_resident_memory_bytes", "Resident memory.")
                    .Add(stat.resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE)))
                    .Build());
  out.push_back(Gauge("process_start_time_seconds", "Start time since the epoch.")
                    .Add(BootTime() + stat.start_ticks / static_cast<double>(sysconf(_SC_CLK_TCK)))
                    .Build());
}

}  // namespace attune
