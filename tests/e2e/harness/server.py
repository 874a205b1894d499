# SPDX-License-Identifier: Apache-2.0
"""attuned with its local worker in a folder of its own, and the CLI that talks to it."""
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import grpc

from harness.client import Client
from harness.processes import Process, processes_that_name
from harness.stubs import ROOT, v1
from harness.waiting import wait_for

BIN = Path(os.environ.get("ATTUNE_BIN_DIR", ROOT / "build" / "bin"))
START_SECONDS = 20
LOG_TAIL_BYTES = 6000


def free_port():
    """A port that the kernel gives to no outgoing connection.

    From its own range, a client that redials a killed server can be given the server's very port.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(lowest // 2, lowest)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Server:
    """One data folder, and the attuned that serves it (again, after a kill, on the same ports).

    trainer  None: attune-trainer; else a program to run instead (see fake_trainer)
    worker   "local" or "none"
    port     None: one that can be used again after a kill; 0: the server picks it
    """

    def __init__(self, worker="local", trainer=None, port=None):
        self.folder = Path(tempfile.mkdtemp(prefix="attune-e2e-"))
        self.data = self.folder / "data"
        self.log = self.folder / "attuned.log"
        self._worker = worker
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("ATTUNE_")}
        self._environment.update(ATTUNE_DATA=str(self.data), GRPC_VERBOSITY="NONE",
                                 XDG_STATE_HOME=str(self.folder / "state"))
        self._trainer = trainer
        self._port, self._ops_port = free_port() if port is None else port, 0
        self._clients = []
        self.attuned = None

    # ---- the process ----

    def command(self):
        return [str(BIN / "attuned"), "--data-dir", str(self.data), "--port", str(self._port),
                "--ops-port", str(self._ops_port), "--worker", self._worker,
                "--lease-ttl-seconds", "1.5", "--heartbeat-seconds", "0.5"]

    def start(self):
        """Returns once it serves. The kernel tells it to stop when this process dies."""
        environment = dict(self._environment)
        if self._trainer is not None:
            environment["ATTUNE_TRAINER"] = str(self._trainer)
        with open(self.log, "ab") as log:
            self.attuned = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *self.command()],
                                            cwd=self.folder, env=environment, stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        wait_for(self._serves, "attuned to serve", START_SECONDS)
        return self

    def _serves(self):
        if self.attuned.poll() is not None:
            raise AssertionError(f"attuned ended with {self.attuned.returncode}\n{self.log_tail()}")
        try:
            self.address = (self.data / "server.address").read_text().strip()
            self.token = (self.data / "admin.token").read_text().strip()
        except FileNotFoundError:
            return False
        client = Client(self.address, self.token)
        try:
            info = client.admin.GetServerInfo(v1.GetServerInfoRequest(), timeout=5)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        finally:
            client.close()
        if info.process_id != self.attuned.pid:
            return False
        self.ops_url = info.ops_url
        self._port = int(self.address.rpartition(":")[2])
        self._ops_port = int(self.ops_url.rpartition(":")[2])
        return self.http("/readyz")[0] == 200

    def kill(self):
        """SIGKILL; its worker lives on."""
        self.attuned.kill()
        self.attuned.wait(10)

    def terminate(self):
        """SIGTERM; returns the exit code."""
        self.attuned.send_signal(signal.SIGTERM)
        return self.attuned.wait(60)

    def flip_a_byte_of_blob(self, sha256):
        """What a failing disk does, unseen by the server."""
        path = self.data / "blobs" / sha256[:2] / sha256
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    def destroy(self):
        """Ends whatever still runs for this folder, and removes it."""
        for client in self._clients:
            client.close()
        if self.attuned and self.attuned.poll() is None:
            self.kill()
        trainers = self.trainers()
        for process in processes_that_name(str(self.folder)):
            process.kill()
        for process in trainers:
            process.kill()
            process.wait_gone()
        shutil.rmtree(self.folder)

    def log_tail(self):
        """The last words of the server, of its worker and of the trainers."""
        logs = [self.log, *sorted(self.data.glob("workers/local/attempts/*/trainer.log"))]
        return "".join(f"---- {path.relative_to(self.folder)}\n"
                       f"{path.read_bytes()[-LOG_TAIL_BYTES:].decode('utf-8', 'replace')}\n"
                       for path in logs if path.exists())

    # ---- its worker ----

    def agent(self):
        """The local worker, once it holds the lock of its folder."""
        def find():
            try:
                pid = int((self.data / "workers" / "local" / "lock").read_text())
            except (FileNotFoundError, ValueError):
                return None
            process = Process.find(pid)
            named = {p.pid for p in processes_that_name(str(self.data / "workers"))}
            return process if process and pid in named else None
        return wait_for(find, "the local worker to hold its lock")

    def trainers(self):
        """The trainers that live, by the identity files of their attempts."""
        found = []
        for path in self.data.glob("workers/local/attempts/*/trainer.identity"):
            try:
                pid, start_time = path.read_text().split()[:2]
            except (FileNotFoundError, ValueError):
                continue
            process = Process.find(int(pid))
            if process and process.start_time == start_time:
                found.append(process)
        return found

    # ---- talking to it ----

    def client(self, token=""):
        """"": the admin token; None: none."""
        client = Client(self.address, self.token if token == "" else token)
        self._clients.append(client)
        return client

    def worker_token(self):
        return (self.data / "worker.token").read_text().strip()

    def http(self, path):
        """(status, body) of the ops port; status 0 when nobody listens."""
        try:
            with urllib.request.urlopen(self.ops_url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except urllib.error.URLError:
            return 0, ""

    def metrics_text(self):
        status, body = self.http("/metrics")
        assert status == 200, (status, body)
        return body

    def cli_start(self, *arguments, **overrides):
        """The CLI as a process; overrides are environment variables."""
        return subprocess.Popen(
            [str(BIN / "attune"), *map(str, arguments)], cwd=self.folder,
            env={**self._environment, **overrides}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def cli(self, *arguments, seconds=120, **overrides):
        process = self.cli_start(*arguments, **overrides)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def fake_trainer(folder):
    """A script that runs fake_trainer with what trainer.env of its folder says then.

    While the file `hold` stands beside it, a trainer that was started does not come to speak. A
    second one at the same time fails: the local worker has one slot.
    """
    script = folder / "trainer.sh"
    script.write_text(f"""#!/bin/sh
if [ "$1" = --fd ]; then
  while [ -e {folder}/hold ]; do sleep 0.05; done
  [ -e {folder}/trainer.env ] && . {folder}/trainer.env
fi
[ "$1" = --fd ] || exec {BIN}/fake_trainer "$@"
exec flock --no-fork --nonblock {folder}/slot {BIN}/fake_trainer "$@"
""")
    script.chmod(0o700)
    return script


def set_trainer(folder, **variables):
    """What trainers that start from now on find in their environment: FAKE_STEP_MS=20, …"""
    whole = folder / "trainer.env.new"
    whole.write_text("".join(f"export {name}={value}\n" for name, value in variables.items()))
    whole.rename(folder / "trainer.env")
