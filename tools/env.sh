# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts of this folder: where things are. Downloads live in a cache outside the
# tree, so that every clone on a machine shares them.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=$ROOT/.venv/bin/python
export ATTUNE_CACHE=${ATTUNE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/attune}
export PATH=$PATH:$ATTUNE_CACHE/bin

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# build_folder PRESET: where CMakePresets.json puts it.
build_folder() {
  case $1 in
    release) echo "$ROOT/build" ;;
    debug | asan | tsan) echo "$ROOT/build-$1" ;;
    *) die "no preset '$1'; there are release, debug, asan and tsan" ;;
  esac
}
