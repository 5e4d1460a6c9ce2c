"""Waiting for what another thread does."""

import time


def wait(condition, seconds=5.0):
    """Until the condition holds, in time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
