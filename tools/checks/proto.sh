#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lints proto/attune with buf, by the rules of proto/buf.yaml.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
exec "$ROOT/.venv/bin/buf" lint "$ROOT/proto"
