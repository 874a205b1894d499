#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Movie reviews, MiniLM, full fine-tuning: attune-trainer beside Hugging Face's Trainer, on this
# machine, with the same weights, rows, split, evaluations and settings. One command:
#
#   bench/sentiment.sh              everything: losses compared, accuracy, whole run, rate by pairs
#   bench/sentiment.sh --rate-only  the interleaved pairs alone
#
# Needs what tools/setup.sh installs, and a build (ATTUNE_BIN_DIR, default build/bin).
set -euo pipefail
cd "$(dirname "$0")/.."
export ATTUNE_BIN_DIR=${ATTUNE_BIN_DIR:-$PWD/build/bin}
export ATTUNE_CACHE=${ATTUNE_CACHE:-$HOME/.cache/attune}
exec "${PYTHON:-.venv/bin/python}" bench/sentiment.py "$@"
