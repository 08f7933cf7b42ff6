"""Waiting for what other processes do."""

import time


def wait_until(true, seconds=20, what=lambda: "time limit"):
    """Returns when `true()`; when that takes too long, fails with what `what()` says."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)


def is_running(pid):
    """Also false of one that has ended, but that nobody has waited for."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
