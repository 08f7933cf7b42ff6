"""What a worker or server task of a parameter-server job does: serve until the job ends.

`tf.distribute.Server.join` never returns, so a task whose coordinator has gone would serve for
ever. Here the coordinator's own address is the sign of life: every task opens a connection to it
once a second, and leaves when it has been silent for `grace` seconds.

A signal that announces the end does not end a task while the coordinator is there: whoever stops
a job tells all tasks at once, and the coordinator needs them to save what they hold.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

from tftrain.distribute.reachability import answers
from tftrain.distribute.restarts import job, restarts
from tftrain.distribute.signals import HANDLED, PREEMPTING
from tftrain.errors import CoordinatorMissing
from tftrain.keras_api import tf
from tftrain.live import Publisher, Usage

START_LIMIT = 600.0  # seconds for the coordinator to appear: images are pulled, queues are long
_SOON = 1.0  # the same, once a signal has said that the job ends
GRACE = 5.0  # seconds of silence after which the coordinator counts as gone


def serve(
    cluster: Mapping[str, list[str]],
    task_type: str,
    task_index: int,
    *,
    start_limit: float = START_LIMIT,
    grace: float = GRACE,
) -> NoReturn:
    """Serves this task until the coordinator ends, then ends the process.

    Args:
        cluster: Addresses by job, such as `{"chief": ["a:1"], "worker": [...], "ps": [...]}`.
        task_type: "worker" or "ps".
        task_index: Which of that job's addresses is this process.
        start_limit: Seconds to wait for the coordinator to appear.
        grace: Seconds without an answer after which the coordinator is taken to have ended.

    Raises:
        CoordinatorMissing: The coordinator did not appear within `start_limit`.
        SystemExit: Always, after the coordinator ended: with status 0, or 128 + N if signal N
            came meanwhile.
    """
    received = _note_signals()
    publisher = Publisher(f"{task_type} {task_index}", job=job(), restart=restarts())
    server = tf.distribute.Server(
        tf.train.ClusterSpec(dict(cluster)),
        job_name=task_type,
        task_index=task_index,
        protocol="grpc",
        start=True,
    )
    coordinator = cluster["chief"][0]
    if not _wait_for(coordinator, start_limit, received):
        raise CoordinatorMissing(f"/job:{task_type}/task:{task_index}", coordinator, start_limit)
    _wait_until_silent(coordinator, grace, received, _telling(publisher))
    sys.stdout.flush()
    sys.stderr.flush()
    _serving.append(server)  # destroying it here could block on a peer's hanging call
    raise SystemExit(_status(received))


_serving: list[object] = []


def _note_signals() -> list[int]:
    """The signals that this process gets from now on."""
    received: list[int] = []
    with contextlib.suppress(ValueError):  # not in the main thread
        for name in PREEMPTING:
            signal.signal(HANDLED[name], lambda number, frame: received.append(number))
    return received


def _status(received: list[int]) -> int:
    return 128 + received[0] if received else 0


def _wait_for(address: str, seconds: float, received: list[int]) -> bool:
    deadline = time.monotonic() + seconds
    while not answers(address):
        if received:  # nothing is held yet
            raise SystemExit(_status(received))
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def _telling(publisher: Publisher) -> Callable[[], None]:
    """What tells `tftrain top` of this task."""
    usage = Usage(os.getpid())
    return lambda: publisher.write({"phase": "serving", "usage": usage.look()})


def _wait_until_silent(
    address: str, grace: float, received: list[int], tell: Callable[[], None]
) -> None:
    last = time.monotonic()
    while time.monotonic() - last < (min(grace, _SOON) if received else grace):
        tell()
        time.sleep(min(1.0, grace))
        if answers(address):
            last = time.monotonic()
