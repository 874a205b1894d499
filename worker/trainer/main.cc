// SPDX-License-Identifier: Apache-2.0
// attune-trainer: frames in, attempts, frames out.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/logging.h"
#include "worker/trainer/commands.h"
#include "worker/trainer/device/threads.h"

namespace {

constexpr int kExitUsage = 2;

// A trainer must not outlive its agent: nobody would own it, and it would keep its cores.
bool DieWithParent() {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  return getppid() == parent;  // else it died in between
}

int Usage() {
  std::fputs(
      "usage: attune-trainer --fd N            run one attempt for the agent at this socket\n"
      "       attune-trainer --predict N       answer predictions for the agent at this socket\n"
      "       attune-trainer --spec FILE       run one job alone; events as JSON lines\n"
      "       attune-trainer --inventory       what this trainer can do, as JSON\n"
      "       attune-trainer --logits FOLDER [--adapter FOLDER]\n"
      "                                        logits for JSON lines {\"text\": …} on stdin;\n"
      "                                        {\"image\": BASE64} of an image model;\n"
      "                                        {\"text\": …, \"target\": …} of a translation "
      "model\n",
      stderr);
  return kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  attune::BoundProductCaches();
  if (!attune::InitLogging("trainer", {}).ok()) return kExitUsage;
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "--inventory" && argc == 2) return attune::PrintInventory();
  if (argc == 5 && mode == "--logits" && std::string_view(argv[3]) == "--adapter") {
    return attune::PrintLogits(argv[2], argv[4]);
  }
  if (argc != 3) return Usage();
  const std::string value = argv[2];
  if (mode == "--spec") return attune::RunSpecFile(value, argv);
  if (mode == "--logits") return attune::PrintLogits(value, "");
  char* end = nullptr;
  const long fd = std::strtol(value.c_str(), &end, 10);
  if ((mode != "--fd" && mode != "--predict") || value.empty() || *end != '\0' || fd < 3)
    return Usage();
  if (!DieWithParent()) return kExitUsage;
  if (mode == "--predict") attune::ServePredictions(static_cast<int>(fd));
  attune::ServeAgent(static_cast<int>(fd));
}
