#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the build, the demo and the tests need, where it is missing: Debian packages (as
# root or through sudo), a Python environment in .venv, the demo's weights and data. Needs bash and
# CA certificates; quick when nothing is missing.
#
#   setup.sh [--for demo|test] [--data sentiment|images|translation]
#
# Default: --for test, which includes what demo needs, and the data that the tests need (sentiment and
# translation; for demo sentiment).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

BUILD_PACKAGES=(build-essential cmake ninja-build ccache pkg-config python3 python3-venv
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc libabsl-dev libsqlite3-dev
  prometheus-cpp-dev libspdlog-dev nlohmann-json3-dev libcli11-dev libyaml-cpp-dev
  libcpp-httplib-dev libutf8proc-dev libssl-dev libjpeg62-turbo-dev
  libpng-dev libgtest-dev libgmock-dev)
TEST_PACKAGES=(clang)

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null || die "not root and no sudo: as root, run: $*"
    sudo "$@"
  fi
}

install_debian_packages() {
  local missing
  missing=$(comm -23 <(printf '%s\n' "$@" | sort) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u))
  [ -n "$missing" ] || return 0
  echo "setup: installing Debian packages:" $missing
  as_root apt-get update -qq
  # shellcheck disable=SC2086  # one word a package
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 $missing
}

# promtool is unpacked, not installed: Debian's prometheus package would start a server on :9090.
fetch_promtool() {
  command -v promtool >/dev/null && return
  echo "setup: fetching promtool (Debian's prometheus package, 19 MB, unpacked, not installed)"
  local work get=(apt-get download -qq -o APT::Sandbox::User=root prometheus)
  work=$(mktemp -d)
  (cd "$work" && { "${get[@]}" || { as_root apt-get update -qq && "${get[@]}"; }; }) ||
    die "cannot download Debian's package prometheus, which holds promtool"
  dpkg-deb -x "$work"/prometheus_*.deb "$work"
  mkdir -p "$ATTUNE_CACHE/bin"
  mv "$work/usr/bin/promtool" "$ATTUNE_CACHE/bin/promtool"
  rm -rf "$work"
}

pip() { "$PYTHON" -m pip --disable-pip-version-check "$@"; }

# Prints the torch requirement to install: the CPU build of the pinned version where pip's indexes
# have one, else whatever they have under that version, which may be a CUDA build of some GB.
torch_requirement() {
  local pinned
  pinned=$(grep '^torch==' "$ROOT/tools/requirements.txt")
  # No CPU build is no error: the plain version serves, at several times the size.
  if pip install -qq --dry-run --no-deps --ignore-installed "$pinned+cpu" >/dev/null 2>&1; then
    echo "$pinned+cpu"
  else
    echo "$pinned"
  fi
}

make_python_environment() {
  local requirements=$1 profile=$2 key
  key=$(cat "$ROOT"/tools/requirements.txt "$ROOT"/tools/requirements-test.txt | sha256sum)
  if "$PYTHON" -c '' 2>/dev/null; then
    for stamp in "$ROOT/.venv/attune-$profile" "$ROOT/.venv/attune-test"; do
      if [ -f "$stamp" ] && [ "$(<"$stamp")" = "$key" ]; then return; fi
    done
  fi
  if ! "$PYTHON" -m pip --version >/dev/null 2>&1; then
    echo "setup: making .venv with $(python3 --version)"
    rm -rf "$ROOT/.venv"
    python3 -m venv "$ROOT/.venv"
  fi
  local torch
  torch=$(torch_requirement)
  echo "setup: Python packages, with $torch"
  pip install -qq --dry-run --report - -r "$requirements" "$torch" |
    "$PYTHON" "$ROOT/tools/download_size.py"
  pip install -qq -r "$requirements" "$torch"
  echo "$key" >"$ROOT/.venv/attune-$profile"
  echo "setup: .venv is ready, $(du -sh "$ROOT/.venv" | cut -f1)"
}

main() {
  local profile=test data=()
  while [ $# -gt 1 ]; do
    case $1 in
      --for) profile=$2 ;;
      --data) data=("$2") ;;
      *) break ;;
    esac
    shift 2
  done
  [ $# = 0 ] || die "unknown argument '$1'; see the head of this file"
  case $profile in
    demo)
      install_debian_packages "${BUILD_PACKAGES[@]}"
      make_python_environment "$ROOT/tools/requirements.txt" demo
      ;;
    test)
      install_debian_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
      fetch_promtool
      make_python_environment "$ROOT/tools/requirements-test.txt" test
      [ ${#data[@]} -gt 0 ] || data=(sentiment translation)
      ;;
    *) die "there is no --for '$profile'; see the head of this file" ;;
  esac
  local part
  for part in "${data[@]:-sentiment}"; do
    "$PYTHON" "$ROOT/tools/fetch_data.py" "$ATTUNE_CACHE" "$part"
  done
}

main "$@"
