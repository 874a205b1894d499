// SPDX-License-Identifier: Apache-2.0
#include "base/loopback.h"

#include <arpa/inet.h>

#include <string>

namespace attune {

bool IsLoopbackHost(std::string_view host) {
  in_addr ipv4{};
  if (inet_pton(AF_INET, std::string(host).c_str(), &ipv4) == 1) {
    return ntohl(ipv4.s_addr) >> 24 == 127;
  }
  return host == "localhost" || host == "::1" || host == "[::1]";
}

bool IsLoopbackAddress(std::string_view address) {
  if (address.starts_with("unix:")) return true;
  return IsLoopbackHost(address.substr(0, address.rfind(':')));
}

}  // namespace attune
