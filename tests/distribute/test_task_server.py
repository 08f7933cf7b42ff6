"""A worker whose coordinator never appears must not wait for ever."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from cluster_processes import free_ports

from tftrain import live
from tftrain.distribute import task_server
from tftrain.errors import CoordinatorMissing


def test_worker_gives_up_when_no_coordinator_appears():
    chief, worker, server = (f"127.0.0.1:{port}" for port in free_ports(3))
    cluster = {"chief": [chief], "worker": [worker], "ps": [server]}
    with pytest.raises(CoordinatorMissing, match=f"/job:worker/task:0 waited .* at {chief}"):
        task_server.serve(cluster, "worker", 0, start_limit=0.5)


def test_worker_ends_with_status_0_after_the_coordinator_fell_silent(tmp_path, monkeypatch):
    monkeypatch.setenv("TFTRAIN_LIVE_DIR", str(tmp_path))
    listening = socket.create_server(("127.0.0.1", 0))
    worker, server = (f"127.0.0.1:{port}" for port in free_ports(2))
    chief = f"127.0.0.1:{listening.getsockname()[1]}"
    seen = []

    def leave():
        seen.extend(task.state() for job in live.running() for task in job.tasks)
        listening.close()

    threading.Timer(1.0, leave).start()
    started = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        task_server.serve({"chief": [chief], "worker": [worker], "ps": [server]}, "ps", 0, grace=1)
    assert ended.value.code == 0
    assert seen == ["serving"]
    assert time.monotonic() - started < 10
