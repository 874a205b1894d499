# SPDX-License-Identifier: Apache-2.0
"""Drives bench/sentiment.sh: runs both sides one after the other and prints a table."""
import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile

import sentiment_data as data
from side_by_side import HERE, dataset, environment, run_ours, run_peer, say_whether_quiet

STEPS, WARM_UP_STEPS, PAIRS = 70, 10, 3  # 60 steps count


def spec(train, **more):
    return {"job": "jobs/bench", "attempt": 1, "base_model_dir": data.BASE,
            "base_model_name": "models/all-minilm-l6-v2", "task": "text_classification",
            "labels": data.LABELS, "train": dataset(train), "method": "full",
            "hyperparameters": {"epochs": data.EPOCHS, "batch_size": data.BATCH,
                                "learning_rate": data.RATE, "dropout": data.DROPOUT,
                                "seed": data.SEED}, **more}


def our_rate(path):
    events, _ = run_ours(lambda folder: spec(path, max_steps=STEPS))
    frames = [(at, e) for at, e in events if e["type"] == "metrics" and e["step"] >= WARM_UP_STEPS]
    (first_at, first), (last_at, last) = frames[0], frames[-1]
    return (last["tokens"] - first["tokens"]) / (last_at - first_at)


def compare_losses():
    print("Losses of 50 steps, gradient norms and logits against transformers':", flush=True)
    parity = os.path.join(HERE, "..", "tests", "parity", "trainer_parity.py")
    subprocess.run([sys.executable, parity, "MiniLm"], check=True, env=environment())


def compare_rates(name, path):
    ours, peers = [], []
    for _ in range(PAIRS):
        ours.append(our_rate(path))
        result, _ = run_peer("hf_sentiment.py", "rate", STEPS, path)
        peers.append(result["tokens_per_second"])
    for who, values in (("attune", ours), ("HF Trainer", peers)):
        print(f"  {name:14s} {who:10s} {statistics.median(values):7.0f} real tokens/s "
              f"({min(values):.0f}–{max(values):.0f})")
    print(f"  {name:14s} ratio      {statistics.median(ours) / statistics.median(peers):7.2f}", flush=True)
    return result["versions"]


def compare_whole_runs():
    events, our_seconds = run_ours(lambda folder: spec(
        data.TRAIN, eval_fraction=data.EVAL_FRACTION, test=dataset(data.TEST)))
    tested = {e["split"]: e for _, e in events if e["type"] == "evaluation"}
    peer, peer_seconds = run_peer("hf_sentiment.py", "whole")
    started = next(e for _, e in events if e["type"] == "started")
    assert (started["train_examples"], started["eval_examples"]) == (peer["train"], peer["eval"]), "another split"
    print(f"  {peer['train']} rows trained, {peer['eval']} evaluated each epoch, {peer['test']} tested")
    accuracy = tested["TEST"]["metrics"]["accuracy"]
    base = tested["TEST_BASE"]["metrics"]["accuracy"]
    print(f"  attune      test accuracy {accuracy:.4f} (untuned {base:.4f})  {our_seconds:6.1f} s")
    print(f"  HF Trainer  test accuracy {peer['accuracy']:.4f} (untuned {peer['base']:.4f})  {peer_seconds:6.1f} s")
    print(f"  time ratio  {our_seconds / peer_seconds:.3f}", flush=True)


def token_lengths(rows):
    from transformers import AutoTokenizer
    encoded = AutoTokenizer.from_pretrained(data.BASE)([text for text, _ in rows], truncation=True)
    return [len(ids) for ids in encoded["input_ids"]]


def print_histogram(lengths):
    print(f"Tokens a row: mean {statistics.mean(lengths):.1f}, median {statistics.median(lengths):.0f}, "
          f"longest {max(lengths)}")
    bins = collections.Counter(n // 8 * 8 for n in lengths)
    for low in sorted(bins):
        print(f"  {low:3d}–{low + 7:3d} {bins[low]:5d} {'#' * (60 * bins[low] // max(bins.values()))}")


def uniform_rows(rows, lengths):
    """As many rows of the most frequent length as the steps need, over and over."""
    length = statistics.mode(lengths)
    same = [row for row, n in zip(rows, lengths) if n == length]
    return [same[i % len(same)] for i in range(STEPS * data.BATCH)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate-only", action="store_true")
    options = parser.parse_args()
    rows = data.read(data.TRAIN)
    lengths = token_lengths(rows)
    print_histogram(lengths)
    if not options.rate_only:
        compare_losses()
    say_whether_quiet()
    if not options.rate_only:
        print("Whole runs, from process start to exit:")
        compare_whole_runs()
    print(f"Training rate, {PAIRS} interleaved pairs of {STEPS - WARM_UP_STEPS} steps, median (range):")
    with tempfile.TemporaryDirectory() as folder:
        uniform = os.path.join(folder, "uniform.csv")
        data.write(uniform, uniform_rows(rows, lengths))
        versions = compare_rates("reviews", data.TRAIN)
        compare_rates("uniform length", uniform)
    print("versions: " + json.dumps(versions))


if __name__ == "__main__":
    main()
