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
import time

import sentiment_data as data

HERE = os.path.dirname(os.path.abspath(__file__))
TRAINER = os.path.join(os.environ["ATTUNE_BIN_DIR"], "attune-trainer")
THREADS = len(os.sched_getaffinity(0))
STEPS, WARM_UP_STEPS, PAIRS = 70, 10, 3  # 60 steps count
QUIET_CORES, QUIET_TRIES = 0.15, 20


def environment():
    return {**os.environ, "OMP_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS),
            "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def busy_cores(seconds=3):
    def ticks():
        with open("/proc/stat", encoding="ascii") as f:
            fields = [int(x) for x in f.readline().split()[1:9]]
        return sum(fields) - fields[3] - fields[4]
    before = ticks()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


def wait_until_quiet():
    """True when other processes leave the machine alone; asks for a while before it gives up."""
    for _ in range(QUIET_TRIES):
        busy = busy_cores()
        if busy <= QUIET_CORES:
            return True
        print(f"  waiting: others use {busy:.1f} cores", flush=True)
        time.sleep(5)
    return False


def dataset(path):
    return {"path": path, "format": "csv", "text_columns": ["text"], "label_column": "label"}


def spec(folder, train, **more):
    return {"job": "jobs/bench", "attempt": 1, "work_dir": folder, "base_model_dir": data.BASE,
            "base_model_name": "models/all-minilm-l6-v2", "task": "text_classification", "labels": data.LABELS,
            "train": dataset(train), "method": "full", "threads": THREADS,
            "hyperparameters": {"epochs": data.EPOCHS, "batch_size": data.BATCH, "learning_rate": data.RATE,
                                "dropout": data.DROPOUT, "seed": data.SEED}, **more}


def run_ours(**more):
    """Events with the moment they came; the wall time of the process."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "spec.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(spec(folder, **more), f)
        start = time.perf_counter()
        with subprocess.Popen([TRAINER, "--spec", path], stdout=subprocess.PIPE, text=True,
                              env=environment()) as process:
            events = [(time.perf_counter(), json.loads(line)) for line in process.stdout]
        seconds = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f"attune-trainer ended with {process.returncode}: {events[-1:]}")
    return events, seconds


def run_peer(*arguments):
    start = time.perf_counter()
    done = subprocess.run([sys.executable, os.path.join(HERE, "hf_sentiment.py"), *map(str, arguments)],
                          stdout=subprocess.PIPE, text=True, env=environment(), check=True)
    seconds = time.perf_counter() - start
    line = next(l for l in done.stdout.splitlines() if l.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT ")), seconds


def our_rate(path):
    events, _ = run_ours(train=path, max_steps=STEPS)
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
        result, _ = run_peer("rate", STEPS, path)
        peers.append(result["tokens_per_second"])
    for who, values in (("attune", ours), ("HF Trainer", peers)):
        print(f"  {name:14s} {who:10s} {statistics.median(values):7.0f} real tokens/s "
              f"({min(values):.0f}–{max(values):.0f})")
    print(f"  {name:14s} ratio      {statistics.median(ours) / statistics.median(peers):7.2f}", flush=True)
    return result["versions"]


def compare_whole_runs():
    events, our_seconds = run_ours(train=data.TRAIN, eval_fraction=data.EVAL_FRACTION, test=dataset(data.TEST))
    tested = {e["split"]: e for _, e in events if e["type"] == "evaluation"}
    peer, peer_seconds = run_peer("whole")
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
    quiet = wait_until_quiet()
    print(f"{THREADS} threads; the machine is {'quiet' if quiet else 'NOT QUIET: the figures are not to be trusted'}")
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
