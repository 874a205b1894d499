// SPDX-License-Identifier: Apache-2.0
// Which addresses are of this machine alone. Without encryption nothing listens or dials elsewhere.
// Pure.
#pragma once

#include <string_view>

namespace attune {

// "127.0.0.1" (any of 127/8), "::1", "[::1]" or "localhost". Not a matter of prefixes:
// 127.0.0.1.example.org is somebody's name.
bool IsLoopbackHost(std::string_view host);

// "HOST:PORT", or "unix:PATH".
bool IsLoopbackAddress(std::string_view address);

}  // namespace attune
