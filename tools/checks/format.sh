#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fails for every C++ file that clang-format would change. To mend: tools/checks/format.sh --fix
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
cd "$ROOT"
mode=(--dry-run -Werror)
if [ "${1-}" = --fix ]; then mode=(-i); fi
git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cc' |
  xargs -0 -n 20 -P "$(nproc)" .venv/bin/clang-format "${mode[@]}"
