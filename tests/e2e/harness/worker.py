# SPDX-License-Identifier: Apache-2.0
"""A worker that a test plays by hand: it opens a session and takes leases, but trains nothing."""
import queue
import threading

import grpc

from harness.stubs import v1

HEARTBEAT_SECONDS = 0.4
LEASE_SECONDS = 20


class PlayedWorker:
    def __init__(self, client, worker_id):
        self._client = client
        self._outgoing = queue.SimpleQueue()
        self._leases = queue.SimpleQueue()
        self._held = {}
        self._closed = threading.Event()
        inventory = v1.WorkerInventory(hostname="played", attune_version="0.1.0", slots=1,
                                       threads_per_slot=1, memory_per_slot_bytes=1 << 30,
                                       device_type="cpu", model_families=["bert"],
                                       tasks=["text_classification"])
        self._send(hello=v1.Hello(worker_id=worker_id, boot_id="a-boot", agent_instance="one",
                                  inventory=inventory))
        self._stream = client.workers.OpenSession(iter(self._outgoing.get, None))
        for work in (self._receive, self._beat):
            threading.Thread(target=work, daemon=True).start()

    def _send(self, **message):
        self._outgoing.put(v1.WorkerMessage(**message))

    def _receive(self):
        try:
            for message in self._stream:
                if message.HasField("lease"):
                    lease = message.lease
                    self._held[lease.fence] = v1.HeldAttempt(
                        job=lease.job, attempt=lease.attempt, fence=lease.fence, running=True)
                    self._leases.put(lease)
        except grpc.RpcError:
            pass  # the session was closed

    def _beat(self):
        sequence = 0
        while not self._closed.wait(HEARTBEAT_SECONDS):
            sequence += 1
            self._send(heartbeat=v1.Heartbeat(sequence=sequence, held=list(self._held.values())))

    def lease(self):
        return self._leases.get(timeout=LEASE_SECONDS)

    def report(self, lease, first_index, *reports, **changes):
        """ReportAttempt for the lease; changes replace fields of the request."""
        request = v1.ReportAttemptRequest(job=lease.job, attempt=lease.attempt, fence=lease.fence,
                                          first_index=first_index, reports=reports)
        for field, value in changes.items():
            setattr(request, field, value)
        return self._client.workers.ReportAttempt(request).next_index

    def close(self):
        self._closed.set()
        self._outgoing.put(None)
        self._stream.cancel()
