# SPDX-License-Identifier: Apache-2.0
"""Drives bench/images.sh: each recipe on both sides, one after the other."""
import argparse
import hashlib
import os
import tarfile
import tempfile

from side_by_side import run_ours, run_peer, say_whether_quiet

CACHE = os.environ["ATTUNE_CACHE"]
BASE = os.path.join(CACHE, "models", "efficientnet-lite0")
FASHION = os.path.join(CACHE, "data", "fashion-mnist")
BATCH, SEED = 32, 0
# Row: (data, method, epochs, learning rate, pixels of a side).
ROWS = {
    "fashion-head": ("fashion", "head", 5, 1e-3, 224),
    "fashion-head-10": ("fashion", "head", 10, 1e-3, 224),
    "fashion-full": ("fashion", "full", 2, 3e-4, 224),
    "xrays-full": ("xrays", "full", 3, 3e-4, 112),
}


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def pack(folder, path):
    """A folder of classes as a tar, in the order of its names."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for label in sorted(os.listdir(folder)):
            for name in sorted(os.listdir(os.path.join(folder, label))):
                tar.add(os.path.join(folder, label, name), f"{label}/{name}")
    return path


def labels_of(path):
    with tarfile.open(path) as tar:
        return sorted({name.split("/")[0] for name in tar.getnames() if "/" in name})


def spec(row, files, cache):
    _, method, epochs, rate, size = ROWS[row]
    def part(name):
        path = files[name]
        return {"path": path, "format": "images", "text_columns": [], "label_column": "", "sha256": digest(path)}
    return {"job": "jobs/bench", "attempt": 1, "base_model_dir": BASE, "cache_dir": cache,
            "base_model_name": "models/efficientnet-lite0",
            "base_model_sha256": digest(os.path.join(BASE, "model.safetensors")),
            "task": "image_classification", "labels": labels_of(files["train"]), "method": method,
            "image": {"size": size, "batch_norms": "fixed_statistics"},
            **{name: part(name) for name in ("train", "eval", "test") if name in files},
            "hyperparameters": {"epochs": epochs, "batch_size": BATCH, "learning_rate": rate, "dropout": 0.0,
                                "seed": SEED}}


def tested(events):
    return next(e["metrics"] for _, e in events if e["type"] == "evaluation" and e["split"] == "TEST")


def images_a_second(events):
    """Of the steps alone, after the first report of them."""
    steps = [(at, e["samples"]) for at, e in events if e["type"] == "metrics"]
    if len(steps) < 3:
        return float("nan")
    (begin, first), (end, last) = steps[1], steps[-1]
    return (last - first) / (end - begin)


def compare(row, files):
    _, method, epochs, rate, size = ROWS[row]
    with tempfile.TemporaryDirectory() as cache:
        events, seconds = run_ours(lambda _: spec(row, files, cache))
    arguments = (BASE, method, epochs, rate, size, BATCH, SEED)
    peer, peer_seconds = run_peer("torch_images.py", "loop", *arguments, files["train"], files.get("eval", "-"),
                                  files["test"])
    ours = tested(events)
    print(f"{row:16s} test accuracy attune {ours['accuracy']:.4f} PyTorch {peer['accuracy']:.4f} "
          f"({100 * (ours['accuracy'] - peer['accuracy']):+.2f} points)   AUC {ours['auc']:.4f} {peer['auc']:.4f}"
          f"   wall {seconds:.1f} s {peer_seconds:.1f} s, ratio {seconds / peer_seconds:.3f}", flush=True)
    if method == "full" and size == 224:
        trainer, _ = run_peer("torch_images.py", "trainer", *arguments, files["train"], "-", files["test"])
        mine, theirs = images_a_second(events), trainer["images_per_second"]
        print(f"{'':16s} images/s attune {mine:.1f}, HF Trainer {theirs:.1f}: {mine / theirs:.2f} times", flush=True)
    return peer["versions"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", choices=ROWS, action="append")
    parser.add_argument("--xrays", help="folder with train.tar, val.tar and test.tar")
    options = parser.parse_args()
    say_whether_quiet()
    with tempfile.TemporaryDirectory() as folder:
        sources = {"fashion": {part: pack(os.path.join(FASHION, part), os.path.join(folder, f"{part}.tar"))
                               for part in ("train", "test")}}
        if options.xrays:
            sources["xrays"] = {part: os.path.join(options.xrays, f"{name}.tar")
                                for part, name in (("train", "train"), ("eval", "val"), ("test", "test"))}
        versions = {}
        for row in options.row or ROWS:
            files = sources.get(ROWS[row][0])
            if files is None:
                print(f"{row:16s} left out: --xrays does not say where the X-rays lie", flush=True)
            else:
                versions = compare(row, files)
    print(f"versions: {versions}")


if __name__ == "__main__":
    main()
