#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up, builds and runs the tests. The last line is "N passed, N failed"; the exit status says
# whether all passed.
#
#   test.sh [--preset release|debug|asan|tsan] [--suite NAME]… [--all]
#
#   --preset asan|tsan   the torch-free tests under a sanitizer
#   --suite NAME         only this suite (CONTRIBUTING.md lists them)
#   --all                every case of the suites that otherwise take a sample
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

preset=release
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --preset) preset=${2-} && shift 2 || die "--preset needs a name" ;;
    --suite) arguments+=(--suite "${2-}") && shift 2 || die "--suite needs a name" ;;
    --all) arguments+=(--all) && shift ;;
    *) die "unknown argument '$1'; see the head of this file" ;;
  esac
done
folder=$(build_folder "$preset")
bash "$ROOT/tools/setup.sh" --for test
bash "$ROOT/tools/build.sh" --preset "$preset"
exec "$PYTHON" "$ROOT/tools/run_suites.py" --preset "$preset" --build "$folder" \
  ${arguments[@]+"${arguments[@]}"}
