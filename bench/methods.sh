#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# LoRA and head-only tuning of MiniLM on movie reviews and on chest X-ray reports: attune-trainer
# beside PEFT and Hugging Face's Trainer, on this machine, with the same weights, rows and settings.
#
#   bench/methods.sh                          everything
#   bench/methods.sh --data reviews --method head     one row of it
#   bench/methods.sh --epochs 1                       shorter
#
# Needs what tools/setup.sh --for test installs, and a build (ATTUNE_BIN_DIR, default build/bin).
# Fetches the reports (29 MB) into the cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."
export ATTUNE_BIN_DIR=${ATTUNE_BIN_DIR:-$PWD/build/bin}
export ATTUNE_CACHE=${ATTUNE_CACHE:-$HOME/.cache/attune}
PYTHON=${PYTHON:-.venv/bin/python}
"$PYTHON" tools/fetch_data.py "$ATTUNE_CACHE" xray-reports
exec "$PYTHON" bench/methods.py "$@"
