# SPDX-License-Identifier: Apache-2.0
"""What the benches share: processes of both sides, one after the other, on a quiet machine."""
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TRAINER = os.path.join(os.environ["ATTUNE_BIN_DIR"], "attune-trainer")
THREADS = len(os.sched_getaffinity(0))
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


def say_whether_quiet():
    quiet = "quiet" if wait_until_quiet() else "NOT QUIET: the figures are not to be trusted"
    print(f"{THREADS} threads; the machine is {quiet}", flush=True)


def dataset(path, **more):
    return {"path": path, "format": "csv", "text_columns": ["text"], "label_column": "label", **more}


def run_ours(make_spec):
    """make_spec(folder) is the job. Events with the moment they came; the wall time of the process."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "spec.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"work_dir": folder, "threads": THREADS, **make_spec(folder)}, f)
        start = time.perf_counter()
        with subprocess.Popen([TRAINER, "--spec", path], stdout=subprocess.PIPE, text=True,
                              env=environment()) as process:
            events = [(time.perf_counter(), json.loads(line)) for line in process.stdout]
        seconds = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f"attune-trainer ended with {process.returncode}: {events[-1:]}")
    return events, seconds


def run_peer(script, *arguments):
    """What it printed after RESULT; the wall time of the process."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, os.path.join(HERE, script), *map(str, arguments)],
                          stdout=subprocess.PIPE, text=True, env=environment(), check=True)
    seconds = time.perf_counter() - start
    line = next(l for l in done.stdout.splitlines() if l.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT ")), seconds
