#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One real job from submit to a model that loads elsewhere: tunes all-MiniLM-L6-v2 for sentiment on
# 8,530 movie reviews and measures it on 2,128 that it never saw. Installs and builds what is
# missing, starts the server unless it is up, and leaves it running: a second run is one more job.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

BIN=$ROOT/build/bin
OPS=127.0.0.1:7462
DATA=${ATTUNE_DATA:-${XDG_DATA_HOME:-$HOME/.local/share}/attune}
REVIEWS=$ATTUNE_CACHE/data/movie-reviews

# Every command of the demo, as a user would type it.
import_model() {
  "$BIN/attune" models import "$ATTUNE_CACHE/models/all-minilm-l6-v2" --id all-minilm-l6-v2
}
add_dataset() { # add_dataset FILE ID
  "$BIN/attune" datasets add "$1" --id "$2" \
    --format csv --text-column text --label-column label
}
submit_job() { # submit_job ID: follows the job to its end
  "$BIN/attune" submit --watch --id "$1" --base models/all-minilm-l6-v2 \
    --train datasets/movie-reviews-train --test datasets/movie-reviews-test \
    --eval-fraction 0.05 --set hyperparameters.epochs=3 --set hyperparameters.batch_size=32 \
    --set hyperparameters.learning_rate=5e-5 --set hyperparameters.seed=0
}
download_model() { # download_model JOB FOLDER
  "$BIN/attune" download "$1" --output "$2"
}

is_ready() {
  local status
  { exec 3<>"/dev/tcp/${OPS/://}"; } 2>/dev/null || return 1
  printf 'GET /readyz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$OPS" >&3
  read -r _ status _ <&3
  exec 3>&-
  [ "$status" = 200 ]
}

start_server() {
  local log=$DATA/logs/attuned.log server
  (umask 077 && mkdir -p "$DATA/logs")
  echo "Starting attuned (log: $log)"
  setsid "$BIN/attuned" </dev/null >>"$log" 2>&1 &
  server=$!
  for _ in $(seq 300); do
    if is_ready; then return; fi
    if ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
  done
  tail -n 20 "$log" >&2
  die "the server did not come up; its last lines stand above, all of them in $log"
}

main() {
  bash "$ROOT/tools/setup.sh" --for demo
  bash "$ROOT/tools/build.sh" attuned attune-worker attune-trainer attune-inspect attune
  is_ready || start_server
  import_model
  add_dataset "$REVIEWS/train.csv" movie-reviews-train
  add_dataset "$REVIEWS/test.csv" movie-reviews-test

  local id folder difference
  id=movie-reviews-$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
  folder=attune-demo/$id
  submit_job "$id" || die "jobs/$id did not succeed; build/bin/attune get $id says why"
  download_model "jobs/$id" "$folder" >/dev/null
  difference=$("$PYTHON" "$ROOT/tools/check_model.py" "$folder" "$BIN/attune-trainer" \
    "$REVIEWS/test.csv")
  echo "  folder   ./$folder   (loads in transformers; logits within $difference)"
  echo "  metrics  http://$OPS/metrics      stop the server: build/bin/attune admin stop"
}

main
