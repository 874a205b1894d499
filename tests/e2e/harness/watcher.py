# SPDX-License-Identifier: Apache-2.0
"""A watcher as the API wants one: after a lost stream it asks again after its last sequence."""
import threading

import grpc

from harness.client import FINAL_STATES
from harness.stubs import v1

REDIAL_SECONDS = 0.1


def is_final(event):
    return event.WhichOneof("payload") == "state" and event.state.state in FINAL_STATES


class Watcher:
    """Follows one job in a thread, from the first event to the end of a stream after the final one.

    `events` are the durable events in the order they came, `reconnects` the streams that were lost.
    """

    def __init__(self, client, name):
        self._client, self._name = client, name
        self.events, self.metrics = [], []
        self.reconnects = 0
        self.failure = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._closed.set()

    def join(self, seconds=120):
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise AssertionError(f"the watch of {self._name} did not end within {seconds} s; it has"
                                 f" {len(self.events)} events")
        if self.failure:
            raise self.failure
        return self.events

    def _run(self):
        try:
            while not self._closed.is_set() and not self._follow():
                self._closed.wait(REDIAL_SECONDS)
        except Exception as failure:  # joined by the test's thread
            self.failure = failure

    def _follow(self):
        """True: the stream ended by itself, after the final event."""
        request = v1.WatchJobRequest(name=self._name)
        if self.events:
            request.after_sequence = self.events[-1].sequence
        try:
            for update in self._client.jobs.WatchJob(request):
                if update.HasField("event"):
                    self.events.append(update.event)
                elif update.HasField("metrics"):
                    self.metrics.append(update.metrics)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            self.reconnects += 1
            return False
        if not self.events or not is_final(self.events[-1]):
            raise AssertionError(f"the stream of {self._name} ended OK before a final event")
        return True
