#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two small English-Portuguese models tuned on the descriptions of Debian's packages: attune-trainer
# beside the same model in plain PyTorch, on this machine, with the same weights, rows and settings.
# BLEU and chrF on descriptions of packages that neither saw, and on everyday sentences, before and
# after; then what LoRA of attune-trainer does to both.
#
#   bench/translation.sh                       everything
#   bench/translation.sh --direction en-pt     one direction
#   bench/translation.sh --rows 3200 --epochs 1    shorter
#
# Needs what tools/setup.sh --for test installs, and a build (ATTUNE_BIN_DIR, default build/bin).
# Fetches models and descriptions (70 MB) into the cache folder. The everyday sentences are
# ../shared/data/general-en-pt.tsv, and left out where that file is not there.
set -euo pipefail
cd "$(dirname "$0")/.."
export ATTUNE_BIN_DIR=${ATTUNE_BIN_DIR:-$PWD/build/bin}
export ATTUNE_CACHE=${ATTUNE_CACHE:-$HOME/.cache/attune}
PYTHON=${PYTHON:-.venv/bin/python}
"$PYTHON" tools/fetch_data.py "$ATTUNE_CACHE" translation
exec "$PYTHON" bench/translation.py "$@"
