# SPDX-License-Identifier: Apache-2.0
"""Says how much pip is about to download, from `pip install --dry-run --report -` on stdin."""
import json
import os
import sys
import urllib.parse
import urllib.request


def size(url):
    if url.startswith("file:"):
        return os.path.getsize(urllib.request.url2pathname(urllib.parse.urlsplit(url).path))
    request = urllib.request.Request(url, method="HEAD")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.headers["Content-Length"])


def main():
    items = json.load(sys.stdin)["install"]
    total, unknown, largest = 0, 0, ("", 0)
    for item in items:
        try:
            bytes_ = size(item["download_info"]["url"])
        except (OSError, TypeError, ValueError):
            unknown += 1
            continue
        total += bytes_
        largest = max(largest, (item["metadata"]["name"], bytes_), key=lambda pair: pair[1])
    text = f"setup: {len(items)} packages to fetch, {total / 1e6:,.0f} MB"
    if largest[0]:
        text += f" ({largest[0]} alone {largest[1] / 1e6:,.0f} MB)"
    if unknown:
        text += f", without {unknown} whose size the index does not tell"
    print(text, flush=True)


if __name__ == "__main__":
    main()
