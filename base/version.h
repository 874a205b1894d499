// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace attune {

inline constexpr char kVersion[] = "0.1.0";  // equal to project(attune VERSION …)

}  // namespace attune
