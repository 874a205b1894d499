#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# EfficientNet-Lite0 tuned on Fashion-MNIST and on chest X-rays: attune-trainer beside a PyTorch loop
# with the same recipe, and images a second beside Hugging Face's Trainer, on this machine, with the
# same weights, pixels and settings.
#
#   bench/images.sh                              everything
#   bench/images.sh --row fashion-full           one row of it
#   bench/images.sh --xrays DIR                  where PneumoniaMNIST lies: train.tar, val.tar, test.tar
#
# Needs what tools/setup.sh --for test --data images installs, and a build (ATTUNE_BIN_DIR, default
# build/bin).
set -euo pipefail
cd "$(dirname "$0")/.."
export ATTUNE_BIN_DIR=${ATTUNE_BIN_DIR:-$PWD/build/bin}
export ATTUNE_CACHE=${ATTUNE_CACHE:-$HOME/.cache/attune}
PYTHON=${PYTHON:-.venv/bin/python}
exec "$PYTHON" bench/images.py "$@"
