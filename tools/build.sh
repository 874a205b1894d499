#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures where that was not done yet, and builds.
#
#   build.sh [--preset release|debug|asan|tsan] [target…]      default: release, all targets
#
# Binaries land in build/bin (build-PRESET/bin for the other presets). tools/setup.sh comes first.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

preset=release
if [ "${1-}" = --preset ]; then
  preset=${2-}
  shift 2 || die "--preset needs a name: release, debug, asan or tsan"
fi
folder=$(build_folder "$preset")
cd "$ROOT"
if ! [ -f "$folder/build.ninja" ]; then
  cmake --preset "$preset" --log-level=WARNING
fi
# One line a step suits a terminal; a log gets warnings and errors alone.
if [ -t 1 ]; then quiet=(); else quiet=(--quiet); fi
ninja -C "$folder" ${quiet[@]+"${quiet[@]}"} "$@"
