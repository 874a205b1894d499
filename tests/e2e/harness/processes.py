# SPDX-License-Identifier: Apache-2.0
"""Processes by pid and start time, from /proc: a reused pid is never taken for the old process."""
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from harness.waiting import wait_for


def _stat(pid):
    """The fields of /proc/PID/stat from the state on; None when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


@dataclass(frozen=True)
class Process:
    pid: int
    start_time: str

    @staticmethod
    def find(pid):
        """None when there is no such process, or only a zombie of it."""
        fields = _stat(pid)
        return Process(pid, fields[19]) if fields and fields[0] not in "ZX" else None

    def alive(self):
        return Process.find(self.pid) == self

    def kill(self, number=signal.SIGKILL):
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive():
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)

    def wait_gone(self, seconds=10):
        wait_for(lambda: not self.alive(), f"process {self.pid} to end", seconds)

    def children(self):
        found = []
        for pid in _pids():
            fields = _stat(pid)
            if fields and fields[1] == str(self.pid):
                child = Process.find(pid)
                if child:
                    found.append(child)
        return found


def _pids():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def processes_that_name(text):
    """Those that have `text` on their command line, but this one."""
    found = []
    for pid in _pids():
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        process = Process.find(pid)
        if process and pid != os.getpid() and text.encode() in line:
            found.append(process)
    return found
