# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions, never for time."""
import time

POLL_SECONDS = 0.02


def wait_for(condition, what, seconds=30):
    """The first true value of condition(), asked over and over; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        time.sleep(POLL_SECONDS)
