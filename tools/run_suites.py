# SPDX-License-Identifier: Apache-2.0
"""Runs the test suites over a finished build and counts single cases. tools/test.sh calls it.

Suites: `checks` are the scripts of tools/checks; `unit`, `simulation` and `integration` are the
gtest binaries that CMake registers, told apart by their folder under tests/; `parity` and `e2e` are
Python unittest scripts. A passing program prints one line, a failing one all its output. Each
suite's time budget stands in CONTRIBUTING.md's table: going over it is reported, and only many
times over it does a suite get stopped and fail.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITES = ("checks", "unit", "simulation", "integration", "parity", "e2e")
NEEDS_TRAINER = ("checks", "parity", "e2e")  # left out where the trainer is not built
NEEDS_GRPC_ORDER = ("integration",)  # client and server in one process
SANITIZERS = ("asan", "tsan")
HARD_LIMIT = 4  # times the budget
SANITIZER_SLOWDOWN = 4


@dataclasses.dataclass
class Result:
    """What one program (a gtest binary, a script) came to."""
    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    output: str = ""


@dataclasses.dataclass
class Run:
    """What all programs of this run share."""
    build: Path
    environment: dict
    deadline: float = 0.0


@dataclasses.dataclass
class Gtest:
    """A gtest binary, with the variables that CMake's ENVIRONMENT property gives it."""
    path: Path
    variables: dict


def execute(run, command, cwd, variables=None):
    """Runs a program to its end or to the suite's deadline: (exit status or None, output).

    The output goes through a file: a process that the program leaves behind would hold a pipe open.
    """
    with tempfile.TemporaryFile() as sink:
        environment = run.environment | (variables or {})
        process = subprocess.Popen(command, cwd=cwd, env=environment, start_new_session=True,
                                   stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)
        note = ""
        try:
            status = process.wait(timeout=max(1, run.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status, note = None, "\nstopped: the suite's time was up\n"
        sink.seek(0)
        return status, sink.read().decode("utf-8", "replace") + note


# ---- gtest ----


def registered_binaries(build):
    """[(suite, Gtest)] of every gtest binary that CMake knows."""
    answer = subprocess.run(["ctest", "--show-only=json-v1", "--test-dir", str(build)],
                            check=True, capture_output=True, text=True)
    listing = json.loads(answer.stdout)
    graph = listing["backtraceGraph"]
    found = []
    for test in listing["tests"]:
        if "command" not in test:
            raise SystemExit(f"run_suites: {test['name']} is registered but was not built")
        node = graph["nodes"][test["backtrace"]]
        while "parent" in node and graph["nodes"][node["parent"]].get("line"):
            node = graph["nodes"][node["parent"]]
        folder = Path(graph["files"][node["file"]]).resolve().relative_to(ROOT / "tests").parts[0]
        suite = folder if folder in ("simulation", "integration") else "unit"
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        variables = dict(v.split("=", 1) for v in properties.get("ENVIRONMENT", []))
        found.append((suite, Gtest(Path(test["command"][0]), variables)))
    return sorted(found, key=lambda entry: (entry[0], entry[1].path))


def run_gtest(run, binary):
    result = Result(binary.path.name)
    with tempfile.TemporaryDirectory(prefix="attune-test-") as work:
        report = Path(work) / "report.json"
        status, result.output = execute(
            run, [str(binary.path), f"--gtest_output=json:{report}"], work, binary.variables)
        try:
            suites = json.loads(report.read_text())["testsuites"]
        except (OSError, ValueError):  # crashed or stopped before it could write its report
            suites = []
        for case in (case for suite in suites for case in suite["testsuite"]):
            if case["status"] != "RUN":
                continue
            if "failures" in case:
                result.failed += 1
            elif case["result"] == "SKIPPED":
                result.skipped += 1
            else:
                result.passed += 1
    if result.failed == 0 and (status != 0 or result.passed + result.skipped == 0):
        result.output += f"\n{binary.path.name} ended with status {status}, {result.passed} passed\n"
        result.failed = 1
    return result


# ---- Python ----


def python_tests(suite):
    """The scripts of a Python suite; a file without unittest.main() is a module they share."""
    files = sorted((ROOT / "tests" / suite).glob("*.py"))
    return [f for f in files if f.name.endswith("_parity.py") or "unittest.main(" in f.read_text()]


def run_unittest(run, script):
    result = Result(script.stem)
    status, result.output = execute(run, [sys.executable, str(script), "-v"], ROOT)
    ran = re.findall(r"^Ran (\d+) tests? in ", result.output, re.M)
    counts = dict(re.findall(r"(failures|errors|skipped|unexpected successes)=(\d+)",
                             (result.output.splitlines() or [""])[-1]))
    result.skipped = int(counts.pop("skipped", 0))
    result.failed = sum(map(int, counts.values()))
    if not ran or ran[-1] == "0" or (status != 0 and result.failed == 0):
        result.output += f"\n{script.name} ended with status {status} and no count of its tests\n"
        result.failed = max(1, result.failed)
    if ran:
        result.passed = max(0, int(ran[-1]) - result.skipped - result.failed)
    return result


def run_check(run, script):
    interpreter = sys.executable if script.suffix == ".py" else "bash"
    status, output = execute(run, [interpreter, str(script), str(run.build)], ROOT)
    return Result(script.stem, passed=int(status == 0), failed=int(status != 0), output=output)


# ---- the whole ----


def plan(suite, binaries):
    """(function, programs, how many at a time) of a suite."""
    if suite == "checks":
        scripts = (ROOT / "tools" / "checks").iterdir()
        return run_check, sorted(s for s in scripts if s.suffix in (".py", ".sh")), 1
    if suite in ("parity", "e2e"):
        return run_unittest, python_tests(suite), 1
    return run_gtest, [binary for of, binary in binaries if of == suite], 2


def timed(function, run, program):
    start = time.monotonic()
    result = function(run, program)
    result.seconds = time.monotonic() - start
    return result


def show(result):
    counts = f"{result.passed} passed"
    if result.failed:
        counts += f", {result.failed} failed"
    if result.skipped:
        counts += f", {result.skipped} skipped"
    verdict = "FAILED" if result.failed else "ok"
    print(f"  {verdict:6}  {result.name:32} {counts:28} {result.seconds:6.1f} s", flush=True)
    if result.failed:
        print(result.output.rstrip(), flush=True)


def run_suite(suite, run, binaries):
    function, programs, at_once = plan(suite, binaries)
    if not programs:
        empty = Result(suite, failed=1, output=f"the suite {suite} has no test")
        show(empty)
        return [empty]
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(timed, function, run, program) for program in programs]
        results = []
        for future in concurrent.futures.as_completed(futures):
            results.append(future.result())
            show(results[-1])
    return results


def budgets():
    """{suite: seconds} from the table in CONTRIBUTING.md."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) (s|min) \|", (ROOT / "CONTRIBUTING.md").read_text(),
                      re.M)
    table = {name: int(count) * (60 if unit == "min" else 1) for name, count, unit in rows}
    missing = [suite for suite in SUITES if suite not in table]
    if missing:
        raise SystemExit(f"run_suites: CONTRIBUTING.md's table has no time budget for {missing}")
    return table


def environment(options):
    result = dict(os.environ)
    result.update(ATTUNE_BIN_DIR=str(options.build / "bin"), HF_HUB_OFFLINE="1",
                  TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false",
                  PYTHONDONTWRITEBYTECODE="1")
    if options.all:
        result["ATTUNE_TEST_ALL"] = "1"
    return result


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--preset", default="release")
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("--all", action="store_true")
    return parser.parse_args()


def leave_out(suites, names, preset, why):
    """The others; says which are gone, and why."""
    gone = [suite for suite in suites if suite in names]
    if gone:
        print(f"not run under {preset}, since {why}: {', '.join(gone)}")
    return [suite for suite in suites if suite not in names]


def main():
    options = parse_arguments()
    suites = options.suite or SUITES
    if options.preset in SANITIZERS:
        suites = leave_out(suites, NEEDS_TRAINER, options.preset, "they need the trainer")
    if options.preset == "tsan":
        suites = leave_out(suites, NEEDS_GRPC_ORDER, options.preset,
                           "gRPC orders what they do, and Debian's is built without the sanitizer")
    slowdown = SANITIZER_SLOWDOWN if options.preset in SANITIZERS else 1
    table, binaries = budgets(), registered_binaries(options.build)
    run = Run(options.build, environment(options))
    summary, everything = [], []
    for suite in suites:
        print(f"{suite}:", flush=True)
        start = time.monotonic()
        run.deadline = start + HARD_LIMIT * slowdown * table[suite]
        results = run_suite(suite, run, binaries)
        used = time.monotonic() - start
        note = "  over its budget" if used > slowdown * table[suite] else ""
        summary.append(f"  {suite:12} {used:6.0f} s of {slowdown * table[suite]:5} s{note}")
        everything += results
    print("time used:", *summary, sep="\n")
    passed, failed, skipped = (sum(getattr(r, kind) for r in everything)
                               for kind in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(failed > 0 or passed == 0)


if __name__ == "__main__":
    main()
