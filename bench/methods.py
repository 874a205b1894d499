# SPDX-License-Identifier: Apache-2.0
"""Drives bench/methods.sh: each method on each data set, both sides one after the other."""
import argparse
import os
import tempfile

import sentiment_data as data
from side_by_side import dataset, run_ours, run_peer, say_whether_quiet

# Method: (epochs, learning rate, what the trainer's spec says).
METHODS = {
    "lora": (3, 5e-4, {"method": "lora", "lora": {"rank": 8, "alpha": 8}}),
    "lora-all-linear": (3, 5e-4, {"method": "lora", "lora": {
        "rank": 8, "alpha": 8, "target_modules": ["all-linear"]}}),
    "head": (10, 1e-3, {"method": "head", "pooling": "first_token"}),
    "head-mean": (10, 1e-3, {"method": "head", "pooling": "mean"}),
}
DATA = {"reviews": os.path.dirname(data.TRAIN),
        "xray-reports": os.path.join(data.CACHE, "data", "xray-reports")}


def spec(method, epochs, train, test, cache):
    _, rate, more = METHODS[method]
    return {"job": "jobs/bench", "attempt": 1, "base_model_dir": data.BASE, "cache_dir": cache,
            "base_model_name": "models/all-minilm-l6-v2", "base_model_sha256": data.digest(os.path.join(data.BASE, "model.safetensors")),
            "task": "text_classification",
            "labels": sorted({label for _, label in data.read(train)}),
            "train": dataset(train, sha256=data.digest(train)),
            "test": dataset(test, sha256=data.digest(test)),
            "hyperparameters": {"epochs": epochs, "batch_size": data.BATCH, "learning_rate": rate,
                                "dropout": data.DROPOUT, "seed": data.SEED}, **more}


def measured(events, split):
    return next(e["metrics"]["accuracy"] for _, e in events
                if e["type"] == "evaluation" and e["split"] == split)


def compare(name, method, epochs, cache):
    train, test = (os.path.join(DATA[name], f"{part}.csv") for part in ("train", "test"))
    _, rate, _ = METHODS[method]
    events, seconds = run_ours(lambda folder: spec(method, epochs, train, test, cache))
    peer, peer_seconds = run_peer("hf_methods.py", method, epochs, rate, train, test)
    ours = measured(events, "TEST")
    print(f"{name:13s} {method:16s} {epochs:2d} epochs  attune {ours:.4f} (untuned {measured(events, 'TEST_BASE'):.4f}) "
          f"{seconds:6.1f} s   HF {peer['accuracy']:.4f} {peer_seconds:6.1f} s   difference "
          f"{100 * (ours - peer['accuracy']):+.2f} points, time ratio {seconds / peer_seconds:.3f}",
          flush=True)
    if method.startswith("head"):
        again, warm = run_ours(lambda folder: spec(method, epochs, train, test, cache))
        same = measured(again, "TEST") == ours
        print(f"{'':30s} attune again, with a full cache: {warm:.1f} s, ratio "
              f"{warm / peer_seconds:.3f}, {'the same' if same else 'ANOTHER'} result", flush=True)
    return peer["versions"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=DATA, action="append")
    parser.add_argument("--method", choices=METHODS, action="append")
    parser.add_argument("--epochs", type=int, help="instead of the method's own")
    options = parser.parse_args()
    say_whether_quiet()
    print("Test accuracy and wall time of the process, from start to exit:")
    with tempfile.TemporaryDirectory() as cache:
        for name in options.data or DATA:
            for method in options.method or METHODS:
                versions = compare(name, method, options.epochs or METHODS[method][0], cache)
    print(f"versions: {versions}")


if __name__ == "__main__":
    main()
