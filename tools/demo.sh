#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One real job from submit to a model that works elsewhere. Installs and builds what is missing,
# starts the server unless it is up, and leaves it running: a second run is one more job.
#
#   demo.sh [sentiment]           tunes all-MiniLM-L6-v2 for sentiment on 8,530 movie reviews and
#                                 measures it on 2,128 that it never saw
#   demo.sh images                tunes EfficientNet-Lite0 on 2,000 images of Fashion-MNIST and
#                                 measures it on 1,000 that it never saw
#   demo.sh images --data DIR     the same on your own: a folder of JPEG and PNG files for each
#                                 class, a fifth of which is held out; or DIR/train and DIR/test
#   demo.sh translation           tunes a small English-Portuguese model for the descriptions of
#                                 Debian's packages on 3,200 sentences, and measures it on those of
#                                 packages that it never saw
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

BIN=$ROOT/build/bin
OPS=127.0.0.1:7462
DATA=${ATTUNE_DATA:-${XDG_DATA_HOME:-$HOME/.local/share}/attune}

# ---- what is tuned on what: BASE, a folder of the cache; DATASETS, file and id of each that is added
# before; JOB, what the job is told; IMAGES, folders of classes. And how the result is shown ----

choose_sentiment() {
  NAME=movie-reviews BASE=all-minilm-l6-v2
  DATASETS=("$ATTUNE_CACHE/data/movie-reviews/train.csv" movie-reviews-train
    "$ATTUNE_CACHE/data/movie-reviews/test.csv" movie-reviews-test)
  READING=(--format csv --text-column text --label-column label)
  JOB=(--train datasets/movie-reviews-train --test datasets/movie-reviews-test --eval-fraction 0.05
    --set hyperparameters.epochs=3 --set hyperparameters.batch_size=32
    --set hyperparameters.learning_rate=5e-5 --set hyperparameters.seed=0)
}
show_sentiment() { # show_sentiment JOB FOLDER
  local difference
  difference=$("$PYTHON" "$ROOT/tools/check_model.py" "$2" "$BIN/attune-trainer" "${DATASETS[2]}")
  echo "  folder   ./$2   (loads in transformers; logits within $difference)"
}

# What is not said is the default for images.
choose_images() { # choose_images [DIR]
  NAME=images BASE=efficientnet-lite0 DATASETS=() READING=()
  if [ $# = 0 ]; then
    NAME=fashion-mnist IMAGES=$ATTUNE_CACHE/data/fashion-mnist/test
    DATASETS=("$ATTUNE_CACHE/data/fashion-mnist/train" fashion-mnist-train
      "$IMAGES" fashion-mnist-test)
    JOB=(--train datasets/fashion-mnist-train --test datasets/fashion-mnist-test
      --eval-fraction 0.1 --set hyperparameters.epochs=2)
  elif [ -d "$1/train" ] && [ -d "$1/test" ]; then
    IMAGES=$1/test
    JOB=(--train "$1/train" --test "$1/test" --eval-fraction 0.1)
  else
    IMAGES=$1
    JOB=(--train "$1" --eval-fraction 0.2)
  fi
  JOB+=(--set hyperparameters.seed=0)
}
show_images() { # show_images JOB FOLDER: what the model says of the first image of some classes
  local shown=() class image
  for class in "$IMAGES"/*/; do
    image=$(find "$class" -iname '*.png' -o -iname '*.jp*g' | sort | sed -n 1p)
    if [ -n "$image" ] && [ ${#shown[@]} -lt 10 ]; then shown+=(--image "$image"); fi
  done
  "$BIN/attune" predict "$1" "${shown[@]}"
  echo "  folder   ./$2   (config.json and model.safetensors as timm has them)"
}

# A part of the pairs, so that it takes a minute.
choose_translation() {
  local data=$ATTUNE_CACHE/data/package-descriptions
  NAME=package-descriptions BASE=marian-enpt-tiny
  DATASETS=("$data/train.jsonl" package-descriptions-train
    "$data/test.jsonl" package-descriptions-test)
  READING=(--label-kind text --text-column en --label-column pt)
  JOB=(--train datasets/package-descriptions-train --test datasets/package-descriptions-test
    --set hyperparameters.max_steps=100 --set hyperparameters.seed=0)
}
show_translation() { # show_translation JOB FOLDER: what the model makes of sentences of no package
  local text
  for text in "This package contains the development files." \
    "a fast text editor for large files" "It is written in C++ and needs no server."; do
    echo "  $text → $("$BIN/attune" predict "$1" --text "$text")"
  done
  echo "  folder   ./$2   (safetensors, and the same weights as Marian has them)"
}

# ---- every command of the demo, as a user would type it ----

import_model() {
  "$BIN/attune" models import "$ATTUNE_CACHE/models/$BASE" --id "$BASE"
}
add_dataset() { # add_dataset FILE ID
  "$BIN/attune" datasets add "$1" --id "$2" "${READING[@]}"
}
submit_job() { # submit_job ID: follows the job to its end
  "$BIN/attune" submit --watch --id "$1" --base "models/$BASE" "${JOB[@]}"
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
  local use=${1:-sentiment}
  case $use in
    sentiment | translation) [ $# -le 1 ] || die "$use takes no argument; see the head of this file" ;;
    images) [ $# -le 1 ] || [ "${2-} $#" = "--data 3" ] || die "images takes --data DIR alone" ;;
    *) die "there is no demo '$use'; there are sentiment, images and translation" ;;
  esac
  [ $# -lt 3 ] || [ -d "$3" ] || die "--data $3: no such folder"
  "choose_$use" "${@:3}"
  bash "$ROOT/tools/setup.sh" --for demo --data "$use"
  bash "$ROOT/tools/build.sh" attuned attune-worker attune-trainer attune-inspect attune
  is_ready || start_server
  import_model
  local i id folder
  for ((i = 0; i < ${#DATASETS[@]}; i += 2)); do
    add_dataset "${DATASETS[i]}" "${DATASETS[i + 1]}"
  done
  id=$NAME-$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
  folder=attune-demo/$id
  submit_job "$id" || die "jobs/$id did not succeed; build/bin/attune get $id says why"
  download_model "jobs/$id" "$folder" >/dev/null
  "show_$use" "jobs/$id" "$folder"
  echo "  metrics  http://$OPS/metrics      stop the server: build/bin/attune admin stop"
}

main "$@"
