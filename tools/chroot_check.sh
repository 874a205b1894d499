#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the demo (twice) and the tests from a fresh clone in a Debian that has bash, git and CA
# certificates added and nothing else, and prints how long each took. As root; needs debootstrap.
#
#   chroot_check.sh bookworm|trixie FOLDER [--warm]     --warm: with this machine's compiler cache
#
# FOLDER must not exist; it keeps the chroot and the logs afterwards. The minimal system is kept as
# a tar in the cache for the next run. What apt and pip are told on this machine (proxies, indexes,
# folders of wheels, certificates) counts inside too. Mounts and processes live in namespaces of
# their own and end with this script.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

if [ "${1-}" != --inside ]; then
  suite=${1-} folder=${2-} warm=${3-}
  case $suite in
    bookworm | trixie) ;;
    *) die "usage: chroot_check.sh bookworm|trixie FOLDER [--warm]" ;;
  esac
  [ -z "$warm" ] || [ "$warm" = --warm ] || die "'$warm' is not --warm"
  [ -n "$folder" ] && ! [ -e "$folder" ] || die "'$folder' must be the name of a new folder"
  [ "$(id -u)" = 0 ] || die "must be root: it mounts and changes the root folder"
  command -v debootstrap >/dev/null || die "install debootstrap first"
  if (exec 3<>/dev/tcp/127.0.0.1/7460) 2>/dev/null; then
    die "127.0.0.1:7460 is taken, and the demo would use that server: stop it first"
  fi
  mkdir -p "$folder"
  exec unshare --mount --pid --fork --kill-child \
    bash "${BASH_SOURCE[0]}" --inside "$suite" "$(realpath "$folder")" "$warm"
fi
suite=$2 folder=$3 warm=$4

debian_mirror() { # where this machine's apt gets Debian from; nothing: debootstrap's default
  apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' "Codename: ${VERSION_CODENAME-}" \
    2>/dev/null | head -n 1
}

unpack_base() {
  local kept=$ATTUNE_CACHE/chroot/$suite.tar fresh
  if ! [ -f "$kept" ]; then
    mkdir -p "$ATTUNE_CACHE/chroot"
    fresh=$(mktemp -d)
    # shellcheck disable=SC2046  # one word or none
    debootstrap --variant=minbase --include=bash,git,ca-certificates "$suite" "$fresh" \
      $(debian_mirror) >"$folder/debootstrap.log"
    tar -C "$fresh" --exclude='./dev/*' --exclude='./var/cache/apt/archives/*.deb' \
      -cf "$kept.part" .
    mv "$kept.part" "$kept"
    rm -rf "$fresh"
  fi
  mkdir -p "$root"
  tar -C "$root" -xpf "$kept"
}

share() { # share PATH: the same file or folder inside, read-only
  if ! [ -e "$1" ] || [ -e "$root$1" ]; then return 0; fi
  if [ -d "$1" ]; then
    mkdir -p "$root$1"
  else
    mkdir -p "$(dirname "$root$1")"
    touch "$root$1"
  fi
  mount --bind "$1" "$root$1"
  mount -o remount,bind,ro "$root$1"
}

share_settings() {
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  apt-config dump Acquire | grep -iE 'proxy|::CAInfo|Retries|Timeout' \
    >"$root/etc/apt/apt.conf.d/99host" || true
  if [ "$suite" = "${VERSION_CODENAME-}" ] && [ -f /etc/apt/sources.list.d/debian.sources ]; then
    rm -f "$root/etc/apt/sources.list"
    cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
  fi
  cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  local path
  for path in /etc/pip.conf /etc/xdg/pip "$HOME/.config/pip" "$HOME/.pip"; do share "$path"; done
  # Local folders among pip's indexes, with the folder of files beside a simple/ index.
  for path in $(python3 -m pip config list | grep -oE "(file://)?/[^ '\"\\]+" |
    sed 's|^file://||'); do
    share "${path%/simple}"
  done
}

inside() { # inside COMMAND: with nothing of this machine's environment but what reaches packages
  local keep=() name
  for name in $(compgen -e | grep -E '^(PIP_.*|.*_proxy|.*_PROXY|SSL_CERT_FILE)$' || true); do
    keep+=("$name=${!name}")
  done
  env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    ${keep[@]+"${keep[@]}"} chroot "$root" bash -c "cd /root/attune && $1"
}

timed() { # timed NAME COMMAND: output to a log, the time to the terminal
  local start=$SECONDS status=0
  inside "$2" >"$folder/$1.log" 2>&1 </dev/null || status=$?
  printf '%-12s %5d s  exit %d  %s\n' "$1" $((SECONDS - start)) "$status" \
    "$(tail -n 1 "$folder/$1.log")"
  return "$status"
}

[ ! -f /etc/os-release ] || source /etc/os-release
root=$folder/root
unpack_base
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
share_settings
if [ -n "$warm" ]; then
  mkdir -p "$root/root/.cache/ccache"
  mount --bind "$(ccache --get-config cache_dir)" "$root/root/.cache/ccache"
fi
git clone --quiet "$ROOT" "$root/root/attune"
timed demo "bash tools/demo.sh"
timed demo-again "bash tools/demo.sh"
inside "build/bin/attune admin stop"
timed test "bash tools/test.sh"
