"""What a worker or server task of a parameter-server job does: serve until the job ends.

`tf.distribute.Server.join` never returns, so a task whose coordinator has gone would serve for
ever. Here the coordinator's own address is the sign of life: every task opens a connection to it
once a second, and leaves when it has been silent for `grace` seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import NoReturn

from tftrain.distribute.reachability import answers
from tftrain.errors import CoordinatorMissing
from tftrain.keras_api import tf

START_LIMIT = 600.0  # seconds for the coordinator to appear: images are pulled, queues are long
GRACE = 5.0  # seconds of silence after which the coordinator counts as gone


def serve(
    cluster: Mapping[str, list[str]],
    task_type: str,
    task_index: int,
    *,
    start_limit: float = START_LIMIT,
    grace: float = GRACE,
) -> NoReturn:
    """Serves this task until the coordinator ends, then ends the process with status 0.

    Args:
        cluster: Addresses by job, such as `{"chief": ["a:1"], "worker": [...], "ps": [...]}`.
        task_type: "worker" or "ps".
        task_index: Which of that job's addresses is this process.
        start_limit: Seconds to wait for the coordinator to appear.
        grace: Seconds without an answer after which the coordinator is taken to have ended.

    Raises:
        CoordinatorMissing: The coordinator did not appear within `start_limit`.
        SystemExit: Always, with status 0, after the coordinator ended.
    """
    server = tf.distribute.Server(
        tf.train.ClusterSpec(dict(cluster)),
        job_name=task_type,
        task_index=task_index,
        protocol="grpc",
        start=True,
    )
    coordinator = cluster["chief"][0]
    if not _wait_for(coordinator, start_limit):
        raise CoordinatorMissing(f"/job:{task_type}/task:{task_index}", coordinator, start_limit)
    _wait_until_silent(coordinator, grace)
    sys.stdout.flush()
    sys.stderr.flush()
    _serving.append(server)  # destroying it here could block on a peer's hanging call
    raise SystemExit(0)


_serving: list[object] = []


def _wait_for(address: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not answers(address):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def _wait_until_silent(address: str, grace: float) -> None:
    last = time.monotonic()
    while time.monotonic() - last < grace:
        time.sleep(1.0)
        if answers(address):
            last = time.monotonic()
