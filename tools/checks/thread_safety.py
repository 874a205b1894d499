# SPDX-License-Identifier: Apache-2.0
"""clang's -Wthread-safety -Werror over every .cc of the torch-free folders.

    thread_safety.py BUILD_FOLDER

Flags come from compile_commands.json, less what only gcc knows. A file that passed is not looked
at again until it, a header of ours that it reaches, its flags or clang changes: the cache folder
keeps one empty file for each pass.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("base/", "formats/", "server/", "worker/agent/", "client/")
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.M)
WARNINGS = ["-Wthread-safety", "-Werror"]


def clang_flags(command):
    """The -I, -isystem, -D and -std of a gcc command line."""
    words = iter(shlex.split(command))
    flags = []
    for word in words:
        if word == "-isystem":
            flags += [word, next(words)]
        elif re.match(r"-(I|D|std=)", word):
            flags.append(word)
    return flags


@functools.cache
def include_names(path):
    return INCLUDE.findall(path.read_bytes())


def reachable(path, folders):
    """A file and every header in our tree or its generated folder that it includes, sorted."""
    found, open_ = set(), [path]
    while open_:
        file = open_.pop()
        if file in found:
            continue
        found.add(file)
        for name in include_names(file):
            candidates = (folder / name.decode() for folder in folders)
            open_ += [c for c in candidates if c.is_file()][:1]
    return sorted(found)


@functools.cache
def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cache_key(version, flags, path, build):
    parts = [version, *flags, *WARNINGS]
    for file in reachable(path, (ROOT, build / "generated")):
        parts += [str(file), digest(file)]
    # Another clone of the same sources is the same thing.
    text = "\n".join(parts).replace(str(build), "BUILD").replace(str(ROOT), "ROOT")
    return hashlib.sha256(text.encode()).hexdigest()


def check(flags, path):
    answer = subprocess.run(["clang++", "-fsyntax-only", *flags, *WARNINGS, str(path)], cwd=ROOT,
                            capture_output=True, text=True)
    return answer.returncode == 0, answer.stderr


def sources(build):
    """{file: flags} of the files to check."""
    commands = json.loads((build / "compile_commands.json").read_text())
    chosen = {}
    for entry in commands:
        path = Path(entry["file"]).resolve()
        if path.is_relative_to(ROOT) and str(path.relative_to(ROOT)).startswith(FOLDERS):
            chosen[path] = clang_flags(entry["command"])
    return chosen


def main():
    build = Path(sys.argv[1]).resolve()
    cache = Path(os.environ.get("ATTUNE_CACHE") or Path.home() / ".cache" / "attune")
    passes = cache / "thread-safety"
    passes.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["clang++", "--version"], check=True, capture_output=True,
                             text=True).stdout
    files = sources(build)
    if not files:
        raise SystemExit("thread_safety: compile_commands.json names no torch-free file")
    stamps = {path: passes / cache_key(version, flags, path, build)
              for path, flags in files.items()}
    due = [path for path in files if not stamps[path].exists()]
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda path: check(files[path], path), due)
        for path, (passed, output) in zip(due, results):
            if passed:
                stamps[path].touch()
            else:
                failures += 1
                print(output.rstrip())
    print(f"thread_safety: {len(files)} files, {len(due)} looked at, {failures} failed")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
