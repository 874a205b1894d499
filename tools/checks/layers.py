# SPDX-License-Identifier: Apache-2.0
"""Fails for every #include that ARCHITECTURE.md's table "Allowed includes" does not list."""
import fnmatch
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("base/", "formats/", "server/", "worker/", "client/", "tests/", "bench/")
INCLUDE = re.compile(r'\s*#\s*include\s*["<]([^">]+)[">]')


def read_table():
    """{folder: (folders, third-party patterns)}; whatever stands in backquotes counts."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    section = re.search(r"^#+ .*Allowed includes.*?$(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    if not section:
        raise SystemExit("layers: ARCHITECTURE.md has no section 'Allowed includes'")
    table = {}
    for line in section.group(1).splitlines():
        cells = [re.findall(r"`([^`]+)`", cell) for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 3:
            table[cells[0][0]] = (cells[1], cells[2])
    if "everywhere" not in table:
        raise SystemExit("layers: the table of 'Allowed includes' has no row `everywhere`")
    return table


def matching_rows(path, table):
    stem, folder = path.rsplit(".", 1)[0], path.rsplit("/", 1)[0]
    return [row for row in table
            if (path.startswith(row) if row.endswith("/") else row in (stem, folder))]


def grants(path, table):
    """The folders and the third-party patterns that a file may include; None without a row."""
    rows = matching_rows(path, table)
    if path.startswith("tests/"):
        rows += matching_rows(path[len("tests/"):], table)
    if not rows:
        return None
    folders = [row if row.endswith("/") else row + "/" for row in rows]
    patterns = list(table["everywhere"][1])
    for row in rows:
        folders += table[row][0]
        patterns += table[row][1]
    return folders, patterns


def is_allowed(include, folders, patterns):
    if include.startswith(OURS):
        return include.startswith(tuple(folders))
    if "/" not in include and "." not in include:
        return True  # the C++ standard library
    stub = include.endswith(".grpc.pb.h")
    return any(fnmatch.fnmatch(include, p) for p in patterns
               if not stub or p.endswith((".grpc.pb.h", "/*")))


def violations(path, table):
    allowed = grants(path, table)
    if allowed is None:
        yield f"{path}:1: no row of ARCHITECTURE.md's include table covers this file"
        return
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match and not is_allowed(match.group(1), *allowed):
            rows = ", ".join(matching_rows(path, table)) or "what this tests"
            yield (f"{path}:{number}: {match.group(1)} is not in ARCHITECTURE.md's include table "
                   f"for {rows}")


def main():
    listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--",
                              "*.h", "*.cc"], cwd=ROOT, check=True, capture_output=True, text=True)
    files = [f for f in listing.stdout.split() if (ROOT / f).exists()]
    if not files:
        raise SystemExit("layers: git lists no source file")
    table = read_table()
    found = [problem for f in files for problem in violations(f, table)]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"layers: {len(files)} files, {len(found)} includes that the table does not list")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
