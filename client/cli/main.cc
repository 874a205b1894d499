// SPDX-License-Identifier: Apache-2.0
// attune: the command line of attuned.
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "client/cli/cli.h"

int main(int argc, char** argv) {
  // Our own errors say what gRPC's log would.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  const attune::Environment environment = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  attune::SystemClock clock;
  attune::SystemRng rng;
  attune::Interruption interruption;
  attune::Surroundings surroundings{std::cin,
                                    std::cout,
                                    std::cerr,
                                    attune::DetectTerminal(1, environment),
                                    attune::DetectTerminal(2, environment),
                                    environment,
                                    attune::PosixFileSystem(),
                                    clock,
                                    rng,
                                    interruption};
  return attune::RunCli(std::vector<std::string>(argv + 1, argv + argc), surroundings);
}
